import Datasets
import Foundation
import Images
import Support

extension SamplePair {
    /// A prediction for every label image: the "image" of these pairs is the file of the predicted classes.
    ///
    /// - Parameters:
    ///   - predictions: a folder that holds `STEM.png` or `STEM.tif` for each, other files not minded; a path with
    ///     wildcards, whose files pair with the labels' by what the wildcards stand for, or with the pages of one label file
    ///     in their order, numbers counting as numbers; or a file, for one label file.
    ///   - labels: a folder of PNG and TIFF files, a file, or a path with wildcards.
    ///   - probabilityServes: whether `STEM.probability.png` (or `.tif`) will do where there is no `STEM.png`, by whose name
    ///     it is then called here.
    ///
    /// Throws `Failure.request` where a label has no prediction, and where labels are missing or cannot be told apart.
    public static func predictions(
        _ predictions: String, labels: String, probabilityServes: Bool = false
    ) throws -> [SamplePair] {
        let pairs: [SamplePair]
        if Glob.isPattern(predictions), Glob.isPattern(labels) {
            // The labels lead: they are the images that must not be left out.
            let set = try SampleSource.files(images: labels, labels: predictions).samples(pages: .images)
            guard set.unlabelled == 0 else {
                throw Failure.request(
                    "\(set.unlabelled) of the labels \(labels) have no prediction in \(predictions): predict those images "
                        + "first, or name the labels of the others alone")
            }
            pairs = set.pairs.map { SamplePair(stem: $0.stem, image: $0.labels, labels: $0.image) }
        } else if isFolder(labels) == false, isFolder(predictions) != true {
            pairs = try ofPages(predictions, labels: labels)
        } else {
            pairs = try inFolder(predictions, labels: labels, probabilityServes)
        }
        try checkNames(pairs)
        try checkDistinct(pairs, "prediction")
        guard probabilityServes else { return pairs }
        return pairs.map { pair in
            let path = pair.image.path
            guard let format = PredictionNames.Format.allCases.first(where: { path.hasSuffix(".probability.\($0)") })
            else { return pair }
            let names = PredictionNames(String(path.dropLast(".probability.\(format)".count)))
            return SamplePair(stem: pair.stem, image: ImagePage(names.classesFound), labels: pair.labels)
        }
    }

    /// Predictions of the pages of one label file, in their order.
    private static func ofPages(_ predictions: String, labels: String) throws -> [SamplePair] {
        let pages = try ImagePage.labels(ofFile: labels)
        let found =
            Glob.isPattern(predictions) ? try numbered(predictions) : try ImagePage.labels(ofFile: predictions)
        guard found.count == pages.count else {
            throw Failure.request(
                "\(labels) has \(pages.count == 1 ? "1 page" : "\(pages.count) pages") and \(predictions) stands for "
                    + "\(found.count) predictions: give one for each page")
        }
        let stem = ImagePage.stem(ofPath: labels)
        return zip(found, pages).map { SamplePair(stem: $1.stem(ofFile: stem), image: $0, labels: $1) }
    }

    /// The files that match a path with wildcards: by number where these stand for numbers alone, so that 10 comes after
    /// 9, else by name.
    private static func numbered(_ path: String) throws -> [ImagePage] {
        let matches = try Glob(path).files(of: "predictions") { $0 }
        let numbers = matches.map { $0.parts.compactMap { Int($0) } }
        guard zip(matches, numbers).allSatisfy({ $0.parts.count == $1.count }) else {
            return matches.map { ImagePage($0.path) }
        }
        return zip(matches, numbers).sorted { $0.1.lexicographicallyPrecedes($1.1) }.map { ImagePage($0.0.path) }
    }

    private static func inFolder(
        _ folder: String, labels: String, _ probabilityServes: Bool
    ) throws -> [SamplePair] {
        guard !Glob.isPattern(folder) else {
            throw Failure.request(
                "predictions \(folder) have wildcards and the labels \(labels) are a folder: name two folders, or give "
                    + "both with wildcards")
        }
        let files = try SampleSource.files(labels, of: "labels", extensions: ImageFolder.labelExtensions)
        let stems: [String]
        if isFolder(labels) == true {
            try checkStems(files, folder: labels)
            stems = files.map(ImagePage.stem(ofPath:))
        } else {
            stems = SampleSource.stems(ofPaths: files)
        }
        var pairs: [SamplePair] = []
        for (file, fileStem) in zip(files, stems) {
            let pages = try ImagePage.labels(ofFile: file)
            if let joined = try ofStack(PredictionNames(ImageFolder.join(folder, fileStem)).classes(.tif), pages) {
                pairs += zip(joined, pages).map {
                    SamplePair(stem: $1.stem(ofFile: fileStem), image: $0, labels: $1)
                }
                continue
            }
            for page in pages {
                let stem = page.stem(ofFile: fileStem)
                let names = PredictionNames(ImageFolder.join(folder, stem))
                let classes = names.classesFound
                let serves = probabilityServes && names.probabilityFound != nil
                guard serves || FileManager.default.fileExists(atPath: classes) else {
                    throw Failure.request("\(page.name) has no prediction \(classes): predict that image first")
                }
                guard names.classFiles.count <= 1 else {
                    throw Failure.request(
                        "\(page.name) has \(names.classFiles.count) predictions, \(names.classFiles.joined(separator: " and ")): remove one"
                    )
                }
                if FileManager.default.fileExists(atPath: classes), try ImageFile.pages(classes) > 1 {
                    throw Failure.request(
                        "prediction \(classes) has several pages and its label \(page.name) is one image: save one file an image, "
                            + "\(stem)-0000, \(stem)-0001, … for the pages of a stack, as predict does")
                }
                pairs.append(SamplePair(stem: stem, image: ImagePage(classes), labels: page))
            }
        }
        return pairs
    }

    /// The predictions of all images of a stack, where these are one file, as `--format tif` writes them; nil where there is
    /// none.
    private static func ofStack(_ path: String, _ labels: [ImagePage]) throws -> [ImagePage]? {
        guard labels.count > 1, FileManager.default.fileExists(atPath: path) else { return nil }
        let images = try ImagePage.labels(ofFile: path)
        guard images.count == labels.count else {
            throw Failure.request(
                "prediction \(path) has \(images.count == 1 ? "1 image" : "\(images.count) images") and the labels "
                    + "\(labels[0].path) \(labels.count): predict that stack again")
        }
        return images
    }

    /// Notes on predictions of a folder that no label asks for, and on label files that are not read.
    static func leftOut(ofPredictions folder: String, labels: String, _ pairs: [SamplePair]) throws -> [String] {
        var notes = try SampleSource.leftOut(labels, of: "labels", extensions: ImageFolder.labelExtensions)
        guard isFolder(folder) == true else { return notes }
        let asked = Set(pairs.flatMap { [$0.stem, ImagePage.stem(ofPath: $0.image.path)] })
        let stems = try ImageFolder.names(in: folder, of: "predictions")
            .filter { ImageFile.isNamedImage($0, allowed: ImageFolder.labelExtensions) }.map(ImagePage.stem(ofPath:))
        let idle = stems.filter { stem in
            // What lies beside an image's classes has another part before its extension.
            !asked.contains(stem) && !PredictionNames.isBesideClasses(stem)
        }
        if let first = idle.first {
            notes.append(SampleSet.unpaired(idle.count, "prediction", of: folder, without: "label", first: first))
        }
        return notes
    }
}
