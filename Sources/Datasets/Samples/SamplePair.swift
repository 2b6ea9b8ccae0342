import Foundation
import Images
import Support

/// Where one sample is: an image and its labels.
public struct SamplePair: Hashable, Sendable, Codable {
    /// What the sample is called, in results and logs; no other of its set is called so.
    public let stem: String
    public let image: ImagePage
    public let labels: ImagePage

    public init(stem: String, image: ImagePage, labels: ImagePage) {
        self.stem = stem
        self.image = image
        self.labels = labels
    }

    /// The image files of two folders, paired by stem and in the order of their stems; of stacks each image is a sample.
    ///
    /// Images are PNG, TIFF or JPEG files, labels PNG or TIFF, by their extensions (in small or capital letters); hidden
    /// ones do not count. A label without an image is left out.
    ///
    /// Throws `Failure.request` where a folder is missing, cannot be listed or holds no image, where an image has no
    /// label, its label another number of images or is its own label, where a stem stands for two files, and where a
    /// file is no image.
    public static func inFolders(
        images: String, labels: String, pages meaning: PageMeaning = .auto
    ) throws -> SampleSet {
        let imageNames = try ImageFolder.files(images, of: "images")
        let labelNames = try ImageFolder.files(labels, of: "labels", extensions: ImageFolder.labelExtensions)
        let (imageFiles, labelFiles) = (byStem(imageNames), byStem(labelNames))
        if FileIdentity.areSame(images, labels) {
            throw Failure.request(
                "folder \(images) is given for images and for labels, and no image is its own label: "
                    + PairingAdvice.oneFolder(images, imageNames))
        }
        let missing = imageFiles.keys.filter { labelFiles[$0] == nil }.sorted()
        if let first = missing.first, let names = imageFiles[first] {
            let image = try single(names, stem: first, folder: images)
            let more = missing.count == 1 ? "" : " (and \(missing.count - 1) more have none)"
            throw Failure.request(
                "image \(image) has no label in \(labels)\(more): "
                    + PairingAdvice.noLabel(of: image, missing.compactMap { imageFiles[$0]?.first }, labels, labelNames)
            )
        }
        let pairs = try imageFiles.sorted { $0.key < $1.key }.flatMap { stem, names in
            try pages(
                stem: stem, image: single(names, stem: stem, folder: images),
                labels: single(labelFiles[stem] ?? [], stem: stem, folder: labels), pages: meaning)
        }
        try checkNames(pairs)
        try checkDistinct(pairs)
        let extra = labelFiles.keys.filter { imageFiles[$0] == nil }.sorted()
        let remarks = [
            extra.first.map { SampleSet.unpaired(extra.count, "label", of: labels, without: "image", first: $0) },
            try LeftOut.inFolder(images, of: "images", extensions: ImageFile.extensions),
            try LeftOut.inFolder(labels, of: "labels", extensions: ImageFolder.labelExtensions),
        ]
        return SampleSet(pairs, remarks: remarks.compactMap(\.self))
    }

    /// Throws `Failure.request` where a label is the file of its own image (or of what `what` says), by whatever path.
    package static func checkDistinct(_ pairs: [SamplePair], _ what: String = "image") throws {
        for pair in pairs where pair.image.page == pair.labels.page {
            if pair.image.path == pair.labels.path || FileIdentity.areSame(pair.image.path, pair.labels.path) {
                throw Failure.request(
                    "\(what) \(pair.image.name) is its own label (\(pair.labels.name) is the same file): name the labels' own files"
                )
            }
        }
    }

    /// The samples of two files: one, or as many as both have images.
    ///
    /// - Parameter meaning: what the pages of the image file are (`data.pages`).
    ///
    /// Throws `Failure.request` where the numbers of images differ, or a file is no image.
    package static func pages(
        stem: String, image: String, labels: String, pages meaning: PageMeaning = .auto
    ) throws -> [SamplePair] {
        let images = try ImagePage.all(ofFile: image, pages: meaning)
        let truths = try ImagePage.labels(ofFile: labels, pages: meaning)
        guard images.count == truths.count else {
            let count = { (images: [ImagePage]) in images.count == 1 ? "1 image" : "\(images.count) images" }
            throw Failure.request(
                "image \(image) holds \(count(images)) and its label \(labels) \(count(truths)): they must hold as many; "
                    + "whether the pages of an image file are images or channels of one is for data.pages to say (it is "
                    + "\(meaning.rawValue))")
        }
        return zip(images, truths).map { SamplePair(stem: $0.stem(ofFile: stem), image: $0, labels: $1) }
    }

    /// Throws `Failure.request` where two samples have one name.
    package static func checkNames(_ pairs: [SamplePair]) throws {
        var owners: [String: ImagePage] = [:]
        for pair in pairs {
            if let other = owners.updateValue(pair.image, forKey: pair.stem) {
                throw Failure.request(
                    "images \(other.name) and \(pair.image.name) would both be called \(pair.stem): rename one of them")
            }
        }
    }

    /// Throws `Failure.request` where a stem stands for several of a folder's files.
    package static func checkStems(_ files: [String], folder: String) throws {
        for (stem, names) in byStem(files) { _ = try single(names, stem: stem, folder: folder) }
    }

    private static func byStem(_ files: [String]) -> [String: [String]] {
        Dictionary(grouping: files) { ImagePage.stem(ofPath: $0) }
    }

    /// The one file that a stem stands for.
    ///
    /// Throws `Failure.request` where there are several.
    private static func single(_ files: [String], stem: String, folder: String) throws -> String {
        guard files.count == 1 else {
            let names = files.map { ($0 as NSString).lastPathComponent }.joined(separator: ", ")
            throw Failure.request("folder \(folder) has \(files.count) files for \(stem) (\(names)): keep one")
        }
        return files[0]
    }
}
