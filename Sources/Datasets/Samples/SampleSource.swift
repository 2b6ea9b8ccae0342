import Foundation
import Images
import Support

/// Where the samples of a set come from (`data.train`, `data.validation`).
public enum SampleSource: Hashable, Sendable {
    /// Two folders, whose files pair by their stems; two files, which are a pair whatever they are called; or two paths
    /// with wildcards, `01/t*.tif` and `01_ST/SEG/man_seg*.tif`, whose files pair by what the wildcards stand for (`*`
    /// for any characters of a name, `?` for one).
    case files(images: String, labels: String)
    /// A CSV file with the header `image,label`, whose paths are relative to its folder unless absolute.
    case list(String)

    /// What is wrong with the paths themselves, without a look at the disk: the part (`images`, `labels`, `list`) and a
    /// sentence about it; nil where nothing is.
    public var problem: (part: String, words: String)? {
        switch self {
        case .list(let path):
            return path.isEmpty ? ("list", "must be a CSV file, not empty") : nil
        case .files(let images, let labels):
            for (part, path) in [("images", images), ("labels", labels)] {
                if path.isEmpty { return (part, "must be a folder, a file or a path with wildcards, not empty") }
                if path.contains("**") {
                    return (part, "'\(path)' has **: a wildcard stays within a name, so write one * for each folder")
                }
            }
            let (wanted, found) = (Glob(images).wildcards, Glob(labels).wildcards)
            if wanted != found {
                return (
                    "labels",
                    "'\(labels)' and images '\(images)' have \(found) and \(wanted) wildcards: they pair by what the "
                        + "wildcards stand for, so give both as many"
                )
            }
            return nil
        }
    }

    /// The samples, in the order of the images' names, or of the list.
    ///
    /// - Parameters:
    ///   - pages: what the pages of images are (`data.pages`).
    ///   - resolve: gives the path of a file or folder that this source names.
    ///
    /// Throws `Failure.request` where a file or folder is missing or unreadable, and where samples cannot be paired or
    /// told apart.
    public func samples(pages: PageMeaning = .auto, resolve: (String) -> String = { $0 }) throws -> SampleSet {
        if let problem { throw Failure.request("\(problem.part) \(problem.words)") }
        switch self {
        case .list(let path):
            return try Self.listed(resolve(path), pages)
        case .files(let images, let labels):
            if Glob.isPattern(images) {
                return try Self.matched(images: images, labels: labels, pages, resolve: resolve)
            }
            let (images, labels) = (resolve(images), resolve(labels))
            let (imagesInFolder, labelsInFolder) = (isFolder(images), isFolder(labels))
            // What is missing is reported as a folder, the usual case.
            if imagesInFolder != false, labelsInFolder != false {
                return try SamplePair.inFolders(images: images, labels: labels, pages: pages)
            }
            guard imagesInFolder == labelsInFolder else {
                let missing = imagesInFolder == nil ? images : labelsInFolder == nil ? labels : nil
                throw Failure.request(
                    missing.map { "\($0) \(adviceOnMissing($0))" }
                        ?? "of \(images) and \(labels) one is a folder and the other is not: name two folders or two files"
                )
            }
            let pairs = try SamplePair.pages(
                stem: ImagePage.stem(ofPath: images), image: images, labels: labels, pages: pages)
            try SamplePair.checkDistinct(pairs)
            return SampleSet(pairs)
        }
    }

    /// The image files of a folder, or the files that match a path with wildcards, in the order of their names; or the one
    /// file.
    ///
    /// - Parameters:
    ///   - what: they are, for errors.
    ///   - extensions: of the files of a folder that count.
    ///
    /// Throws `Failure.request` where there is nothing.
    public static func files(
        _ path: String, of what: String, extensions: [String] = ImageFile.extensions
    ) throws -> [String] {
        if Glob.isPattern(path) { return try Glob(path).files(of: what) { $0 }.map(\.path) }
        guard let isFolder = Support.isFolder(path) else {
            throw Failure.request("\(path) (\(what)) \(adviceOnMissing(path))")
        }
        return isFolder ? try ImageFolder.files(path, of: what, extensions: extensions) : [path]
    }

    /// Notes on what lies beside the files of a folder or of a path with wildcards, and is not taken.
    public static func leftOut(
        _ path: String, of what: String, extensions: [String] = ImageFile.extensions
    ) throws -> [String] {
        let note =
            Glob.isPattern(path)
            ? try LeftOut.besides(path, of: what, taken: Set(files(path, of: what))) { $0 }
            : Support.isFolder(path) == true ? try LeftOut.inFolder(path, of: what, extensions: extensions) : nil
        return [note].compactMap(\.self)
    }

    private static func listed(_ path: String, _ pages: PageMeaning) throws -> SampleSet {
        let rows = try SampleList(path).rows
        let pairs = try zip(rows, stems(ofPaths: rows.map(\.image))).flatMap { row, stem in
            do {
                return try SamplePair.pages(stem: stem, image: row.image, labels: row.labels, pages: pages)
            } catch let failure as Failure {
                throw Failure(failure.kind, "list \(path) line \(row.line): \(failure.message)")
            }
        }
        try SamplePair.checkNames(pairs)
        try SamplePair.checkDistinct(pairs)
        return SampleSet(pairs)
    }

    private static func matched(images: String, labels: String, _ pages: PageMeaning, resolve: (String) -> String)
        throws -> SampleSet
    {
        let files = try Glob(images).files(of: "images", resolve: resolve)
        let labelMatches = try Glob(labels).files(of: "labels", resolve: resolve)
        let labelFiles = Dictionary(labelMatches.map { ($0.parts, $0.path) }, uniquingKeysWith: { first, _ in first })
        let labelled = files.filter { labelFiles[$0.parts] != nil }
        guard !labelled.isEmpty else {
            throw Failure.request(
                "no file of \(resolve(images)) pairs with one of \(resolve(labels)): in \(files[0].path) the wildcards stand "
                    + "for \(files[0].parts.map { "'\($0)'" }.joined(separator: " and ")), in none of the others; correct one"
            )
        }
        let pairs = try zip(labelled, stems(ofPaths: labelled.map(\.path))).flatMap { file, stem in
            try SamplePair.pages(stem: stem, image: file.path, labels: labelFiles[file.parts] ?? "", pages: pages)
        }
        try SamplePair.checkNames(pairs)
        try SamplePair.checkDistinct(pairs)
        // One folder may hold both: a label is no image without a label.
        let labelPaths = Set(labelMatches.map(\.path))
        let imagePaths = Set(files.map(\.path))
        let alone = files.filter { labelFiles[$0.parts] == nil && !labelPaths.contains($0.path) }
        let known = Set(files.map(\.parts))
        let idle = labelMatches.filter { !known.contains($0.parts) && !imagePaths.contains($0.path) }
        let taken = labelPaths.union(imagePaths)
        let remarks = [
            alone.first.map { SampleSet.unpaired(alone.count, "image", of: images, without: "label", first: $0.path) },
            idle.first.map { SampleSet.unpaired(idle.count, "label", of: labels, without: "image", first: $0.path) },
            try LeftOut.besides(images, of: "images", taken: taken, resolve: resolve),
            try LeftOut.besides(labels, of: "labels", taken: taken, resolve: resolve),
        ]
        return SampleSet(pairs, unlabelled: alone.count, remarks: remarks.compactMap(\.self))
    }

    /// What the samples of files in different folders are called: their stems, with as many of their folders' names before
    /// them, `01-t000`, as it takes to tell all of them apart.
    public static func stems(ofPaths paths: [String]) -> [String] {
        let names = paths.map { path in
            ImagePage.withoutExtension(path).split(separator: "/").filter { $0 != "." && $0 != ".." }
        }
        let most = names.map(\.count).max() ?? 1
        for count in 1...max(most, 1) {
            let stems = names.map { $0.suffix(count).joined(separator: "-") }
            if count >= most || Set(stems).count == stems.count { return stems }
        }
        return []
    }
}

/// The samples of a source.
public struct SampleSet: Sendable {
    public let pairs: [SamplePair]
    /// Images that match a pattern, and have no label.
    public let unlabelled: Int
    /// Notes for the user on what was left out: images and labels without each other, and files that are not read.
    public let remarks: [String]

    package init(_ pairs: [SamplePair], unlabelled: Int = 0, remarks: [String] = []) {
        self.pairs = pairs
        self.unlabelled = unlabelled
        let stacks = Set(pairs.filter { $0.labels.page != nil }.map(\.labels.path)).filter(ImagePage.areChannels)
            .sorted()
        self.remarks =
            remarks
            + stacks.map {
                "label \($0) says that its pages are channels (ImageJ's or OME's metadata); labels have one value a pixel, and its pages "
                    + "are taken as labels of one image after another"
            }
    }

    /// "2 images of 01/t*.tif have no label and are left out (first: 01/t007.tif)".
    package static func unpaired(_ count: Int, _ what: String, of place: String, without other: String, first: String)
        -> String
    {
        count == 1
            ? "1 \(what) of \(place) has no \(other) and is left out (\(first))"
            : "\(count) \(what)s of \(place) have no \(other) and are left out (first: \(first))"
    }
}
