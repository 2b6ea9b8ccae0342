import Datasets
import Foundation
import Images

/// How image and label files pair by their names: what a configuration says of them.
enum FilePairing {
    /// Of the files of two folders; nil where their names do not pair.
    ///
    /// - Parameters:
    ///   - images: paths from the data's folder, and `labels`.
    static func source(images: [String], labels: [String]) -> SampleSource? {
        guard let image = images.first, let label = labels.first else { return nil }
        let folders = ((image as NSString).deletingLastPathComponent, (label as NSString).deletingLastPathComponent)
        let known = Set(labels.map(ImagePage.stem(ofPath:)))
        let paired = images.count { known.contains(ImagePage.stem(ofPath: $0)) }
        if paired == images.count {
            // A folder that holds the labels' folder too is named by its files alone.
            if folders.0.isEmpty, let image = onlyExtension(images), let label = onlyExtension(labels) {
                return .files(images: "*.\(image)", labels: ImageFolder.join(folders.1, "*.\(label)"))
            }
            return .files(images: folders.0.isEmpty ? "." : folders.0, labels: folders.1.isEmpty ? "." : folders.1)
        }
        if images.count == 1, labels.count == 1 { return .files(images: image, labels: label) }
        if let patterns = PairingAdvice.patterns(images, labels), 2 * paired < images.count {
            return .files(images: patterns.images, labels: patterns.labels)
        }
        guard paired > 0 else { return nil }
        // In folders each image needs a label; with wildcards those without are left out.
        let labels = labels.filter { ImageFile.isNamedImage($0, allowed: ImageFolder.labelExtensions) }
        return .files(
            images: ImageFolder.join(folders.0, "*.\(PairingAdvice.commonExtension(images))"),
            labels: ImageFolder.join(folders.1, "*.\(PairingAdvice.commonExtension(labels))"))
    }

    /// The extension of all files; nil where they differ.
    private static func onlyExtension(_ files: [String]) -> String? {
        let found = Set(files.map { ($0 as NSString).pathExtension })
        return found.count == 1 ? found.first : nil
    }

    /// Of files in one folder, in which labels have names of their own, `a_mask.png` beside `a.png`; nil where nothing tells
    /// them apart.
    static func source(inOneFolder folder: String, _ files: [String]) -> SampleSource? {
        let named = files.map { (path: $0, affix: Affix(of: $0)) }
        let labels = named.filter { $0.affix.part == .labels }
        let images = named.filter { $0.affix.part != .labels }
        if images.count == 1, labels.count == 1 { return .files(images: images[0].path, labels: labels[0].path) }
        if let best = best(images: images, labels: labels) {
            return .files(images: best.images.pattern(in: folder), labels: best.labels.pattern(in: folder))
        }
        return PairingAdvice.patterns(inOneFolder: folder, files).map { .files(images: $0.images, labels: $0.labels) }
    }

    /// The kinds of names by which the most files pair.
    private static func best(
        images: [(path: String, affix: Affix)], labels: [(path: String, affix: Affix)]
    ) -> (images: Affix, labels: Affix)? {
        func stems(_ files: [(path: String, affix: Affix)]) -> [Affix: Set<String>] {
            var stems: [Affix: Set<String>] = [:]
            for file in files { stems[file.affix, default: []].insert(file.affix.rest(of: file.path)) }
            return stems
        }
        let (imageStems, labelStems) = (stems(images), stems(labels))
        var best: (images: Affix, labels: Affix, count: Int)?
        for (label, names) in labelStems.sorted(by: { $0.key < $1.key }) {
            for (image, others) in imageStems.sorted(by: { $0.key < $1.key }) {
                let count = names.intersection(others).count
                if count > best?.count ?? 0 { best = (image, label, count) }
            }
        }
        return best.map { ($0.images, $0.labels) }
    }

    /// What stands around the part of a file's name that image and label share.
    private struct Affix: Hashable, Comparable {
        var before = ""
        var after = ""
        let fileExtension: String
        let part: NameWords.Part?

        init(of path: String) {
            let name = ImagePage.stem(ofPath: path)
            fileExtension = String((path as NSString).lastPathComponent.dropFirst(name.count))
            let isSign = { (character: Character) in !character.isLetter && !character.isNumber }
            // The first word and the last, each with the sign beside it. The label's word counts before the image's.
            var found: (before: String, after: String, part: NameWords.Part)?
            if let sign = name.lastIndex(where: isSign), sign != name.startIndex,
                let part = NameWords.part(name[name.index(after: sign)...].lowercased())
            {
                found = ("", String(name[sign...]), part)
            }
            if found?.part != .labels, let sign = name.firstIndex(where: isSign),
                let part = NameWords.part(name[..<sign].lowercased()), name.index(after: sign) != name.endIndex
            {
                found = (String(name[...sign]), "", part)
            }
            (before, after, part) = (
                found?.before ?? "", found?.after ?? "", found?.part ?? NameWords.part(name.lowercased())
            )
        }

        func rest(of path: String) -> String {
            String(ImagePage.stem(ofPath: path).dropFirst(before.count).dropLast(after.count))
        }

        func pattern(in folder: String) -> String {
            ImageFolder.join(folder, "\(before)*\(after)\(fileExtension)")
        }

        static func < (one: Affix, other: Affix) -> Bool {
            (one.before, one.after, one.fileExtension) < (other.before, other.after, other.fileExtension)
        }
    }
}
