import Foundation

/// What to write where images and labels do not pair by their names: the wildcards by which they do.
package enum PairingAdvice {
    /// Of an image whose label is not there: it may have another name, or be of a format that is not read.
    ///
    /// - Parameters:
    ///   - image: the first without a label, and `images`, all of them.
    ///   - folder: of the labels.
    ///   - labels: the label files.
    static func noLabel(of image: String, _ images: [String], _ folder: String, _ labels: [String]) -> String {
        if let patterns = patterns(images, labels) {
            return "the labels have names of another kind, which wildcards pair: \(words(patterns))"
        }
        let stem = ImagePage.stem(ofPath: image)
        let names = (try? ImageFolder.names(in: folder, of: "labels")) ?? []
        if let other = names.first(where: { ImagePage.stem(ofPath: $0) == stem }) {
            return
                "\(other) is there, but labels are read from PNG and TIFF alone: make it anew as PNG, or remove the image"
        }
        return "add \(ImageFolder.join(folder, stem)).png or .tif, or remove the image"
    }

    /// Of images and labels in one folder: their names or their extensions may tell them apart.
    static func oneFolder(_ folder: String, _ files: [String]) -> String {
        guard let patterns = patterns(inOneFolder: folder, files) else { return "name the labels' own folder" }
        return "pair them by wildcards: \(words(patterns))"
    }

    private static func words(_ patterns: (images: String, labels: String)) -> String {
        "images: '\(patterns.images)', labels: '\(patterns.labels)'"
    }

    /// The paths with wildcards of images and of labels that lie in one folder; nil where nothing tells them apart.
    package static func patterns(inOneFolder folder: String, _ files: [String]) -> (images: String, labels: String)? {
        if let patterns = patterns(files, files) { return patterns }
        let twins = Dictionary(grouping: files, by: ImagePage.stem(ofPath:)).values.filter { $0.count > 1 }
        let extensions = Set(twins.joined().map { ($0 as NSString).pathExtension.lowercased() }).sorted()
        guard 4 * twins.count >= files.count, extensions.count == 2 else { return nil }
        // A JPEG is no label.
        let images = extensions.first { !ImageFolder.labelExtensions.contains($0) } ?? extensions[0]
        let patterns = [images, extensions[images == extensions[0] ? 1 : 0]].map { ImageFolder.join(folder, "*.\($0)") }
        return (patterns[0], patterns[1])
    }

    // MARK: - Names

    private typealias Affix = (before: String, after: String)

    /// The paths with wildcards by which most of the images pair with labels, where their names differ by what comes before
    /// or after a common part, such as `_mask`; nil where there are none.
    package static func patterns(_ images: [String], _ labels: [String]) -> (images: String, labels: String)? {
        guard let first = images.first, let label = labels.first,
            let affixes = affixes(images.map(ImagePage.stem(ofPath:)), labels.map(ImagePage.stem(ofPath:)))
        else { return nil }
        let pattern = { (file: String, affix: Affix, all: [String]) in
            let folder = (file as NSString).deletingLastPathComponent
            return ImageFolder.join(folder, "\(affix.before)*\(affix.after).\(commonExtension(all))")
        }
        return (pattern(first, affixes.images, images), pattern(label, affixes.labels, labels))
    }

    /// The extension that most files have.
    package static func commonExtension(_ files: [String]) -> String {
        let counts = Dictionary(grouping: files) { ($0 as NSString).pathExtension }
        return counts.max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }?.key ?? "png"
    }

    private static func affixes(_ images: [String], _ labels: [String]) -> (images: Affix, labels: Affix)? {
        // A label's name that holds an image's: what is around it.
        var counts: [[String]: Int] = [:]
        for image in images.prefix(200) {
            for label in labels where label != image {
                guard let place = label.range(of: image) else { continue }
                let (before, after) = (String(label[..<place.lowerBound]), String(label[place.upperBound...]))
                guard before.isEmpty || after.isEmpty, !(before + after).contains(where: \.isNumber) else { continue }
                counts[[before, after], default: 0] += 1
            }
        }
        if let best = counts.max(by: { $0.value < $1.value }), 2 * best.value >= min(images.count, 200) {
            return (("", ""), (best.key[0], best.key[1]))
        }
        // Ends of their own on both sides, `a_img` and `a_seg`.
        let ends = (commonSuffix(images), commonSuffix(labels))
        let known = Set(labels.map { String($0.dropLast(ends.1.count)) })
        let pairs = images.filter { known.contains(String($0.dropLast(ends.0.count))) }.count
        guard images.count > 1, ends.0 != ends.1, 2 * pairs >= images.count else { return nil }
        return (("", ends.0), ("", ends.1))
    }

    /// The end that all share, without digits, which number the images.
    private static func commonSuffix(_ names: [String]) -> String {
        guard var common = names.first else { return "" }
        for name in names {
            common = String(String(common.reversed()).commonPrefix(with: String(name.reversed())).reversed())
        }
        guard let digit = common.lastIndex(where: \.isNumber) else { return common }
        return String(common[common.index(after: digit)...])
    }
}
