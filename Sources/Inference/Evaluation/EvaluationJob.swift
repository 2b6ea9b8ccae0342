import Communication
import Datasets
import Foundation
import Images
import Kernels
import Metrics
import Support

/// How the labels of an evaluation are read.
public struct TruthEncoding: Sendable {
    public let encoding: LabelEncoding
    /// A raw value whose pixels do not count.
    public let ignoreValue: Int?
    /// A colour whose pixels do not count.
    public let ignoreColor: RGBColor?
    /// Whether the user named the encoding: else labels that look as if they were encoded otherwise are remarked on.
    public let isNamed: Bool

    public init(
        _ encoding: LabelEncoding, ignoreValue: Int? = nil, ignoreColor: RGBColor? = nil, isNamed: Bool = true
    ) {
        self.encoding = encoding
        self.ignoreValue = ignoreValue
        self.ignoreColor = ignoreColor
        self.isNamed = isNamed
    }
}

/// Scores predictions against labels; under `mpirun` the ranks share the images out.
public struct EvaluationJob {
    /// Scores of a set of images: one by one in the order of their names, and pooled.
    public struct Outcome: Encodable, Sendable {
        public struct Image: Encodable, Sendable {
            public let image: String
            public let scores: SegmentationScores
        }

        public let overall: SegmentationScores
        public let images: [Image]
        /// Images that match a path with wildcards but have no label, and were left out; known on rank 0.
        public let unlabelled: Int
        /// What is to be known of how the scores came about.
        public let notes: [String]
        /// How many of the images the models were trained on, as far as that is known.
        public let trainingImages: [TrainingOverlap]
    }

    private let world: any Communicator
    /// Whether the warping error is measured too.
    private let warping: Bool

    public init(world: any Communicator, warping: Bool = false) {
        self.world = world
        self.warping = warping
    }

    /// Segments the images and scores them; called by all ranks.
    public func run(
        _ ensemble: ModelEnsemble, images: String, labels: String, truth: TruthEncoding
    ) throws -> Outcome {
        struct Found: Codable {
            let pairs: [SamplePair]
            let unlabelled: Int
            let notes: [String]
            let overlaps: [TrainingOverlap]
        }
        let found = try world.agreeOnRoot { () throws -> Found in
            let samples = try SampleSource.files(images: images, labels: labels).samples(pages: ensemble.pages)
            let pages = samples.pairs.map(\.image)
            let notes = try ensemble.checkChannels(pages.map { ($0, try $0.readHeader().pictureChannels) })
            let overlaps = ensemble.models.compactMap { TrainingOverlap(of: $0, with: pages) }
            return Found(
                pairs: samples.pairs, unlabelled: samples.unlabelled,
                notes: notes + samples.remarks + overlaps.compactMap { $0.note(of: pages.count) }, overlaps: overlaps)
        }
        return try score(
            ensemble, found.pairs, Self.reader(truth, classes: ensemble.classes), truth: truth,
            unlabelled: found.unlabelled, notes: found.notes, overlaps: found.overlaps)
    }

    /// What was predicted of an image, for who wants to see it.
    package struct SegmentedPair {
        package let pair: SamplePair
        package let truth: LabelMap
        package let prediction: LabelMap
        package let scores: SegmentationScores
    }

    /// Segments images whose labels are known and scores them; called by all ranks.
    ///
    /// - Parameter see: is shown each of this rank's images.
    package func run(
        _ ensemble: ModelEnsemble, pairs: [SamplePair], truth: TruthEncoding,
        see: (SegmentedPair) throws -> Void
    ) throws -> Outcome {
        try score(ensemble, pairs, Self.reader(truth, classes: ensemble.classes), truth: truth, see: see)
    }

    private func score(
        _ ensemble: ModelEnsemble, _ pairs: [SamplePair], _ reader: SampleReader, truth: TruthEncoding,
        unlabelled: Int = 0, notes: [String] = [], overlaps: [TrainingOverlap] = [],
        see: (SegmentedPair) throws -> Void = { _ in }
    ) throws -> Outcome {
        // This rank's, in the order in which they are scored.
        let own = stride(from: world.rank, to: pairs.count, by: world.size).map { pairs[$0].image }
        let images = try world.agree { try ensemble.predictions(of: own) }
        defer { images.stop() }
        return try score(
            classes: ensemble.classes, pairs: pairs, truth: truth, unlabelled: unlabelled, notes: notes,
            overlaps: overlaps, see: see
        ) { pair in
            guard let (_, probabilities) = try images.nextImage() else {
                preconditionFailure("\(pair.image.name) is not what comes next")
            }
            return try Prediction(probabilities, truth: reader.loadLabels(pair.labels))
        }
    }

    /// Scores each image by a model that was not trained on it, as cross-validation has them; called by all ranks.
    ///
    /// - Parameters:
    ///   - folds: models, and the images that are theirs.
    ///   - progress: is told how many images this rank has scored; what it throws ends the evaluation.
    /// - Returns: the images in the order of their names.
    package func run(
        outOfFold folds: [(ensemble: ModelEnsemble, pairs: [SamplePair])], truth: TruthEncoding,
        progress: (_ count: Int) throws -> Void = { _ in }
    ) throws -> Outcome {
        guard let classes = folds.first?.ensemble.classes else { preconditionFailure("an evaluation without models") }
        let reader = Self.reader(truth, classes: classes)
        let all = folds.enumerated().flatMap { fold, part in part.pairs.map { (fold: fold, pair: $0) } }
        let notes = try world.agreeOnRoot {
            try folds[0].ensemble.checkChannels(
                all.map { ($0.pair.image, try $0.pair.image.readHeader().pictureChannels) })
        }
        // This rank's, in the order in which they are scored.
        let own = stride(from: world.rank, to: all.count, by: world.size).map { all[$0] }
        var next = own[...]
        var count = 0
        var images: (fold: Int, stream: PredictionStream<any ImageRows>)?
        defer { images?.stream.stop() }
        let outcome = try score(classes: classes, pairs: all.map(\.pair), truth: truth, notes: notes) { pair in
            guard let fold = next.popFirst()?.fold else { preconditionFailure("\(pair.image.name) is nobody's") }
            if images?.fold != fold {
                images?.stream.stop()
                images = nil
                let pages = own.filter { $0.fold == fold }.map(\.pair.image)
                images = (fold, try folds[fold].ensemble.predictions(of: pages))
            }
            guard let (_, probabilities) = try images?.stream.nextImage() else {
                preconditionFailure("\(pair.image.name) is not what comes next")
            }
            count += 1
            try progress(count)
            return try Prediction(probabilities, truth: reader.loadLabels(pair.labels))
        }
        return Outcome(
            overall: outcome.overall, images: outcome.images.sorted { $0.image < $1.image }, unlabelled: 0,
            notes: outcome.notes, trainingImages: [])
    }

    /// Scores what `predict` wrote, or any program's class images: with two classes 0 and anything else, with more
    /// the class index; called by all ranks.
    ///
    /// With two classes, `STEM.instances.png` beside an image's classes has the objects that were found, and where
    /// every image has its `STEM.probability.png` (or `.tif`) scores are taken over thresholds; that file alone will do
    /// too, and class 1 is then what is more probable than not.
    public func run(
        predictions: String, labels: String, classes: Int, truth: TruthEncoding
    ) throws -> Outcome {
        func reader(_ encoding: LabelEncoding) -> SampleReader {
            Self.reader(TruthEncoding(encoding), classes: classes)
        }
        let truthReader = Self.reader(truth, classes: classes)
        let pairs = try world.agreeOnRoot {
            try SamplePair.predictions(predictions, labels: labels, probabilityServes: classes == 2)
        }
        let hasProbabilities = try world.agreeOnRoot {
            classes == 2 && pairs.allSatisfy { Self.beside($0, \.probabilityFound) != nil }
        }
        let notes = try world.agreeOnRoot { try SamplePair.leftOut(ofPredictions: predictions, labels: labels, pairs) }
        return try score(classes: classes, pairs: pairs, truth: truth, notes: notes) { pair in
            let path = hasProbabilities ? Self.beside(pair, \.probabilityFound) : nil
            let probability = try path.map(Self.readProbability)
            let likely =
                FileManager.default.fileExists(atPath: pair.image.path) ? nil : probability.map(LabelMap.init(likely:))
            // Of two classes, a file may number its objects, as the labels do.
            let numbers = classes == 2 && truth.encoding == .instances
            var decoded = likely == nil ? try Self.classes(of: pair, reader(classes == 2 ? .binary : .index)) : nil
            let areNumbers = numbers && decoded?.doubts.contains(.manyValues) == true
            let numbered = areNumbers ? try Self.classes(of: pair, reader(.instances)).instances : nil
            if numbered != nil { decoded?.forget(.mergedObjects) }
            var prediction = Prediction(
                classes: likely ?? decoded?.labels ?? LabelMap(height: 0, width: 0), decoded: decoded,
                truth: try truthReader.loadLabels(pair.labels))
            if let path, let probability {
                try prediction.check(path.name, probability.height, probability.width)
                prediction.probability = SegmentedImage.probability(in: probability)
                let likely = LabelMap(likely: probability)
                let unlike = prediction.pixels.count { (likely.values[$0] > 0) != (prediction.classes.values[$0] > 0) }
                // Of another prediction: an even chance may be rounded to either side.
                if 1000 * unlike > prediction.pixels.count { throw Self.stale(path.name, pair) }
            }
            prediction.objects = numbered
            if classes == 2, let file = Self.beside(pair, \.instancesFound) {
                let objects = try reader(.instances).loadLabels(file).instances
                if let objects { try prediction.check(file.name, objects.height, objects.width) }
                if let objects,
                    prediction.pixels.contains(where: { objects.values[$0] > 0 && prediction.classes.values[$0] != 1 })
                {
                    throw Self.stale(file.name, pair)
                }
                prediction.objects = objects
            }
            return prediction
        }
    }

    /// The failure about a file beside a prediction's classes that is of another one.
    private static func stale(_ path: String, _ pair: SamplePair) -> Failure {
        .request(
            "\(path) says other pixels are class 1 than \(pair.image.name): it is left from another prediction; remove it, or "
                + "predict anew")
    }

    /// The class image of a prediction.
    private static func classes(of pair: SamplePair, _ reader: SampleReader) throws -> DecodedLabels {
        do {
            return try reader.loadLabels(pair.image, isPrediction: true)
        } catch let failure as Failure where failure.kind == .request {
            throw Failure.request(
                "prediction \(pair.image.name) is no image of classes: \(failure.message); a map of class 1's probability is read "
                    + "from STEM.probability.png")
        }
    }

    /// A file that lies beside a prediction's classes; of a stack in one file, its image there.
    private static func beside(_ pair: SamplePair, _ found: (PredictionNames) -> String?) -> ImagePage? {
        let stem = ImagePage.withoutExtension(pair.image.path)
        if pair.image.page != nil, let joined = found(PredictionNames(stem)) {
            return ImagePage(joined, page: pair.image.page)
        }
        return found(PredictionNames(pair.image.stem(ofFile: stem))).map { ImagePage($0) }
    }

    private static func readProbability(_ image: ImagePage) throws -> RasterImage {
        let path = image.name
        let raster = try image.read()
        guard raster.channels == 1, raster.palette == nil, case .integers = raster.content else {
            throw Failure.request(
                "\(path) is no grey image of 8 or 16 bits: save class 1's probability as integers, 65535 for 1 (of NumPy, "
                    + "(65535 * p).round().astype('uint16')), or predict anew")
        }
        guard try image.page != nil || ImageFile.pages(path) == 1 else {
            throw Failure.request("\(path) has several pages: save class 1's probability alone")
        }
        return raster
    }

    /// The prediction of an image and its truth (the labels).
    private struct Prediction {
        let classes: LabelMap
        /// What the file of the classes says, where they come from one.
        let decoded: DecodedLabels?
        var objects: LabelMap?
        var probability: [Float]?
        let truth: DecodedLabels

        init(
            classes: LabelMap, decoded: DecodedLabels? = nil, probability: [Float]? = nil, truth: DecodedLabels
        ) {
            self.classes = classes
            self.decoded = decoded
            self.probability = probability
            self.truth = truth
        }

        /// What a model's probabilities, H×W×classes, say.
        init(_ probabilities: Tensor, truth: DecodedLabels) {
            self.init(
                classes: LabelMap(mostProbable: probabilities),
                probability: probabilities.channels == 2
                    ? SegmentedImage.probability(ofClass: 1, in: probabilities) : nil,
                truth: truth)
        }

        var pixels: Range<Int> { 0..<classes.height * classes.width }

        func check(_ path: String, _ height: Int, _ width: Int) throws {
            guard height == classes.height, width == classes.width else {
                throw Failure.request(
                    "\(path) is \(width)×\(height) and the prediction beside it \(classes.width)×\(classes.height): predict anew"
                )
            }
        }
    }

    /// What a look at the files of labels and of predicted classes shows.
    private struct Files: Codable {
        var truths: DatasetPart
        var predictions: DatasetPart

        init(classes: Int) {
            truths = DatasetPart(classes: classes)
            predictions = truths
        }

        mutating func add(_ prediction: Prediction, of pair: SamplePair, position: Int) {
            truths.add(prediction.truth, name: pair.labels.name, position: position)
            if let decoded = prediction.decoded { predictions.add(decoded, name: pair.image.name, position: position) }
        }

        mutating func add(_ other: Files) {
            truths.add(other.truths)
            predictions.add(other.predictions)
        }

        func check() throws {
            try truths.check("--labels")
            try predictions.check("--predictions", noun: "prediction")
        }

        /// - Parameter isGuessed: whether nobody has said how labels are encoded.
        func notes(isGuessed: Bool) -> [String] {
            let numbered = isGuessed ? truths.files(with: .manyValues) : nil
            return truths.remarks(except: [.mergedObjects]).map { "labels: \($0)" }
                + predictions.remarks().map { "predictions: \($0)" }
                + (numbered.map {
                    [
                        "\($0) with several values besides 0: objects were counted as connected regions; give --encoding instances if "
                            + "the values number objects, --classes if they are classes, or --encoding binary if neither"
                    ]
                } ?? [])
        }
    }

    /// What reads labels; it reads no images of a model.
    private static func reader(_ truth: TruthEncoding, classes: Int) -> SampleReader {
        SampleReader(
            inputChannels: 1, classes: classes, encoding: truth.encoding, ignoreValue: truth.ignoreValue,
            ignoreColor: truth.ignoreColor, normalization: .unit)
    }

    private func score(
        classes: Int, pairs: [SamplePair], truth encoding: TruthEncoding, unlabelled: Int = 0, notes: [String] = [],
        overlaps: [TrainingOverlap] = [], see: (SegmentedPair) throws -> Void = { _ in },
        _ load: (SamplePair) throws -> Prediction
    ) throws -> Outcome {
        var families: MetricFamilies = classes == 2 ? [.objects, .partitions, .borders] : []
        if warping {
            guard classes == 2 else {
                throw Failure.request("--warping with \(classes) classes: the warping error is one of two classes")
            }
            families.insert(.warping)
        }
        var own: [ImageMeasurement] = []
        var files = Files(classes: classes)
        try world.shareOut(pairs.count) { index in
            let prediction = try load(pairs[index])
            let truth = prediction.truth
            guard prediction.classes.height == truth.labels.height, prediction.classes.width == truth.labels.width
            else {
                throw Failure.request(
                    "\(pairs[index].image.name) is \(prediction.classes.width)×\(prediction.classes.height) and \(pairs[index].labels.name) \(truth.labels.width)×\(truth.labels.height): sizes must agree"
                )
            }
            files.add(prediction, of: pairs[index], position: index)
            let image = SegmentedImage(
                truth: truth.labels, truthObjects: truth.instances, prediction: prediction.classes,
                predictedObjects: prediction.objects, probability: prediction.probability)
            let measurement = ImageMeasurement(image, classes: classes, families: families)
            own.append(measurement)
            try see(
                SegmentedPair(
                    pair: pairs[index], truth: truth.labels, prediction: prediction.classes,
                    scores: SegmentationScores([measurement], classes: classes)))
        }
        let all = try world.agreeOnAll { files }
        let whole = all.dropFirst().reduce(into: all[0]) { $0.add($1) }
        try whole.check()
        let isGuessed = classes == 2 && encoding.encoding == .binary && !encoding.isNamed
        let shares = try world.agreeOnAll { own }
        let each = pairs.indices.map { shares[$0 % world.size][$0 / world.size] }
        return Outcome(
            overall: SegmentationScores(each, classes: classes),
            images: zip(pairs, each).map {
                Outcome.Image(image: $0.stem, scores: SegmentationScores([$1], classes: classes))
            }, unlabelled: unlabelled, notes: notes + whole.notes(isGuessed: isGuessed), trainingImages: overlaps)
    }
}

extension LabelMap {
    /// Class 1 where a grey image of its probability is above one half, else class 0.
    fileprivate convenience init(likely probability: RasterImage) {
        self.init(height: probability.height, width: probability.width)
        for (pixel, value) in probability.samples.enumerated() {
            values[pixel] = 2 * UInt64(value) > probability.maximum ? 1 : 0
        }
    }
}
