import Diagnostics
import Foundation

extension SamplePair {
    /// A prediction for every label image: the "image" of these pairs is the prediction.
    ///
    /// - Parameters:
    ///   - predictions: a folder that holds `STEM.png` for each, other files not minded; a path with wildcards, whose files
    ///     pair with the labels' by what the wildcards stand for, or with the pages of one label file in their order; or a
    ///     file, for one label file.
    ///   - labels: a folder of PNG and TIFF files, a file, or a path with wildcards.
    ///   - kinds: of files, `STEM.KIND.png`, that serve where there is no `STEM.png`, by whose name they are called here.
    ///
    /// Throws `Failure.request` where a label has no prediction, and where labels are missing or cannot be told apart.
    public static func predictions(
        _ predictions: String, labels: String, insteadOf kinds: [String] = []
    ) throws -> [SamplePair] {
        let pairs: [SamplePair]
        if Glob.isPattern(predictions), Glob.isPattern(labels) {
            // The labels lead: they are the images that must not be left out.
            let set = try SampleSource.files(images: labels, labels: predictions).samples()
            guard set.unlabelled == 0 else {
                throw Failure.request(
                    "\(set.unlabelled) of the labels \(labels) have no prediction in \(predictions): predict those images "
                        + "first, or name the labels of the others alone")
            }
            pairs = set.pairs.map { SamplePair(stem: $0.stem, image: $0.labels, labels: $0.image) }
        } else if SampleSource.isFolder(labels) == false, SampleSource.isFolder(predictions) != true {
            pairs = try ofPages(predictions, labels: labels)
        } else {
            pairs = try inFolder(predictions, labels: labels, insteadOf: kinds)
        }
        try checkNames(pairs)
        return pairs.map { pair in
            let kind = kinds.first { pair.image.path.hasSuffix(".\($0).png") }
            let path = pair.image.path.dropLast(kind.map { $0.count + 5 } ?? 0)
            return kind == nil
                ? pair : SamplePair(stem: pair.stem, image: ImagePage("\(path).png"), labels: pair.labels)
        }
    }

    /// Predictions of the pages of one label file, in their order.
    private static func ofPages(_ predictions: String, labels: String) throws -> [SamplePair] {
        let pages = try ImagePage.all(ofFile: labels)
        let found =
            Glob.isPattern(predictions)
            ? try Glob(predictions).files(of: "predictions") { $0 }.map { ImagePage($0.path) }
            : try ImagePage.all(ofFile: predictions)
        guard found.count == pages.count else {
            throw Failure.request(
                "\(labels) has \(pages.count == 1 ? "1 page" : "\(pages.count) pages") and \(predictions) stands for "
                    + "\(found.count) predictions: give one for each page")
        }
        let stem = ImagePage.stem(ofPath: labels)
        return zip(found, pages).map { SamplePair(stem: $1.stem(ofFile: stem), image: $0, labels: $1) }
    }

    private static func inFolder(
        _ folder: String, labels: String, insteadOf kinds: [String]
    ) throws -> [SamplePair] {
        let files = try SampleSource.labelFiles(labels)
        return try zip(files, SampleSource.stems(ofPaths: files)).flatMap { file, stem in
            try ImagePage.all(ofFile: file).map { page in
                let path = ImageFolder.join(folder, page.stem(ofFile: stem))
                let serving = ["\(path).png"] + kinds.map { "\(path).\($0).png" }
                guard serving.contains(where: FileManager.default.fileExists) else {
                    throw Failure.request("\(page.name) has no prediction \(path).png: predict that image first")
                }
                return SamplePair(stem: page.stem(ofFile: stem), image: ImagePage("\(path).png"), labels: page)
            }
        }
    }
}
