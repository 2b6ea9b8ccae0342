/// What the name of a folder or file says of what is in it: `imagesTr`, `train_masks` and `trainannot` name a part of the
/// data and a split of it.
package struct NameWords: Equatable {
    /// The part of the data that is in it.
    package enum Part: String, Sendable {
        case images, labels
    }

    /// What it is for.
    package enum Split: String, Sendable {
        case train, validation, test
    }

    package var part: Part?
    package private(set) var split: Split?
    /// What the name says beside that, in small letters.
    package private(set) var rest: [String] = []

    private static let imageWords: Set = [
        "image", "images", "img", "imgs", "im", "ims", "raw", "input", "inputs", "frame", "frames", "photo", "photos",
        "picture", "pictures", "original", "originals", "jpegimages", "x", "volume",
    ]
    private static let labelWords: Set = [
        "label", "labels", "lbl", "lbls", "lab", "mask", "masks", "msk", "gt", "groundtruth", "truth", "annot",
        "annots",
        "annotation", "annotations", "annotated", "anno", "seg", "segs", "segmentation", "segmentations", "target",
        "targets", "instance", "instances", "y",
    ]
    private static let splitWords: [String: Split] = [
        "train": .train, "training": .train, "tr": .train, "val": .validation, "valid": .validation,
        "validation": .validation, "dev": .validation, "test": .test, "testing": .test, "ts": .test,
    ]

    package init(_ name: String) {
        for word in Self.words(name) {
            if let part = Self.part(word) {
                // "label_images" are labels.
                if self.part != .labels { self.part = part }
            } else if let split = Self.splitWords[word] {
                self.split = split
            } else if let (part, split) = Self.joined(word) {
                (self.part, self.split) = (part, split)
            } else if !["ground", "and"].contains(word) {
                rest.append(word)
            }
        }
    }

    /// What a path's names say together.
    init(path: [String]) {
        self.init("")
        for name in path {
            let words = NameWords(name)
            part = words.part ?? part
            split = words.split ?? split
            rest += words.rest
        }
    }

    static func part(_ word: String) -> Part? {
        labelWords.contains(word) ? .labels : imageWords.contains(word) ? .images : nil
    }

    /// Of "trainannot" and "imagestr".
    private static func joined(_ word: String) -> (Part, Split)? {
        for (name, split) in splitWords {
            // "y" and "x" alone are too little beside another word.
            if word.hasPrefix(name), word.count > name.count + 1, let part = part(String(word.dropFirst(name.count))) {
                return (part, split)
            }
            if word.hasSuffix(name), word.count > name.count + 1, let part = part(String(word.dropLast(name.count))) {
                return (part, split)
            }
        }
        return nil
    }

    /// A name's words in small letters: what stands between other signs, and what begins with a capital behind a small letter.
    private static func words(_ name: String) -> [String] {
        var words = [""]
        var last: Character = "_"
        for character in name {
            if !character.isLetter, !character.isNumber {
                words.append("")
            } else {
                if character.isUppercase, last.isLowercase { words.append("") }
                words[words.count - 1].append(contentsOf: character.lowercased())
            }
            last = character
        }
        return words.filter { !$0.isEmpty }
    }
}
