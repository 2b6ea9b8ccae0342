import Images
import Kernels

/// An image's truth and what was predicted for it; all label maps have one size.
public struct SegmentedImage {
    /// H×W classes; pixels that are ignored here count in no score.
    public var truth: LabelMap
    /// H×W numbers of the truth's objects, 0 elsewhere; nil: the 4-connected components of `truth`.
    public var truthObjects: LabelMap?
    /// H×W classes.
    public var prediction: LabelMap
    /// H×W numbers of the predicted objects, 0 elsewhere; nil: the 4-connected components of `prediction`.
    public var predictedObjects: LabelMap?
    /// The probability of class 1 of each pixel, row by row; nil where the classes are all there is.
    public var probability: [Float]?

    public init(
        truth: LabelMap, truthObjects: LabelMap? = nil, prediction: LabelMap, predictedObjects: LabelMap? = nil,
        probability: [Float]? = nil
    ) {
        let labelMaps = [truthObjects, prediction, predictedObjects].compactMap { $0 }
        precondition(
            labelMaps.allSatisfy { $0.height == truth.height && $0.width == truth.width }
                && probability?.count ?? (truth.height * truth.width) == truth.height * truth.width,
            "a truth of \(truth.height)×\(truth.width) and predictions of other sizes")
        self.truth = truth
        self.truthObjects = truthObjects
        self.prediction = prediction
        self.predictedObjects = predictedObjects
        self.probability = probability
    }

    /// The probability of one class out of H×W×classes, in the 65536 steps of the files that predictions are saved in,
    /// so that saved ones score the same; 0 where it is not a number.
    public static func probability(ofClass index: Int, in probabilities: Tensor) -> [Float] {
        (0..<probabilities.shape.pixels).map { pixel in
            Float(UInt16(probability: probabilities.base[pixel * probabilities.channels + index])) / 65535
        }
    }

    /// The probability that a grey image of a saved prediction holds: full scale is 1.
    public static func probability(in raster: RasterImage) -> [Float] {
        raster.samples.map { Float($0) / Float(raster.maximum) }
    }
}

/// Counts and scores of one image, from which those of a set follow; sent between ranks.
public struct ImageMeasurement: Hashable, Sendable, Codable {
    /// What is measured at one threshold.
    public struct Borders: Hashable, Sendable, Codable {
        /// With thinned borders; nil where the truth has no object.
        public let vRand: Double?
        public let vInfo: Double?
        /// Pairs of pixels, without thinning.
        public let pairs: PairCounts
        /// Pixels of the foreground.
        public let pixels: PairCounts
    }

    public let confusion: ConfusionMatrix
    public let objects: ObjectMatches?
    public let partitions: PartitionDistance?
    /// One entry a threshold.
    public let borders: [Borders]?
    /// The warping error at each threshold; nil where no pixel counts.
    public let warping: [Double?]?
    /// Whether there is a probability, and so an entry for each of `thresholds`; else there is one for the classes.
    public let hasThresholds: Bool

    /// The probabilities above which a pixel is taken for foreground.
    public static let thresholds: [Float] = (0...10).map { Float($0) / 10 }

    /// Measures an image.
    ///
    /// - Parameters:
    ///   - families: what is measured beside the pixels of each class; with two classes only.
    public init(_ image: SegmentedImage, classes: Int, families: MetricFamilies) {
        precondition(classes == 2 || families.isEmpty, "scores of objects with \(classes) classes")
        var confusion = ConfusionMatrix(classes: classes)
        confusion.add(prediction: image.prediction, truth: image.truth)
        self.confusion = confusion
        hasThresholds = image.probability != nil
        // Objects of the truth, and the pixels that do not count.
        let truth = families.isEmpty ? image.truth : Self.objects(of: image)
        if families.isDisjoint(with: [.objects, .partitions]) {
            (objects, partitions) = (nil, nil)
        } else {
            let found = image.predictedObjects ?? ConnectedComponents.label(image.prediction).objects
            let table = OverlapTable(truth: truth, prediction: found)
            objects = families.contains(.objects) ? ObjectMatches(table) : nil
            partitions = families.contains(.partitions) ? PartitionDistance(table) : nil
        }
        var borders: [Borders] = []
        var warping: [Double?] = []
        if !families.isDisjoint(with: [.borders, .warping]) {
            for foreground in Self.foregrounds(of: image) {
                if families.contains(.borders) {
                    borders.append(Borders(classes: image.truth, objects: truth, foreground: foreground))
                }
                if families.contains(.warping) { warping.append(Self.warpingError(image, foreground, confusion.total)) }
            }
        }
        self.borders = families.contains(.borders) ? borders : nil
        self.warping = families.contains(.warping) ? warping : nil
    }

    private static func objects(of image: SegmentedImage) -> LabelMap {
        let (height, width) = (image.truth.height, image.truth.width)
        let objects = image.truthObjects ?? ConnectedComponents.label(image.truth).objects
        let result = LabelMap(height: height, width: width, filledWith: LabelMap.ignored)
        for pixel in 0..<height * width where image.truth.values[pixel] != LabelMap.ignored {
            result.values[pixel] = objects.values[pixel]
        }
        return result
    }

    /// The binary mask at each threshold, or the one of the classes.
    private static func foregrounds(of image: SegmentedImage) -> [LabelMap] {
        guard let probability = image.probability else { return [image.prediction] }
        return thresholds.map { threshold in
            let mask = LabelMap(height: image.truth.height, width: image.truth.width, filledWith: 0)
            for (pixel, value) in probability.enumerated() where value > threshold { mask.values[pixel] = 1 }
            return mask
        }
    }

    private static func warpingError(_ image: SegmentedImage, _ foreground: LabelMap, _ pixels: Int) -> Double? {
        guard pixels > 0 else { return nil }
        let left = WarpingError.mismatches(truth: image.truth, prediction: foreground) { pixel in
            // A network whose weights are not finite is not sure of anything.
            guard let value = image.probability?[pixel], !value.isNaN else { return 1 }
            return image.truth.values[pixel] > 0 ? 1 - value : value
        }
        return Double(left) / Double(pixels)
    }
}

extension ImageMeasurement.Borders {
    /// - Parameters:
    ///   - classes: the truth's classes; above 0 where its foreground is.
    ///   - objects: the numbers of the truth's objects. Pixels that do not count are ignored in both.
    ///   - foreground: above 0 where the prediction is above the threshold.
    init(classes: LabelMap, objects: LabelMap, foreground: LabelMap) {
        let thinned = OverlapTable(truth: objects, prediction: BorderThinning.regions(of: foreground))
        vRand = thinned.vRand
        vInfo = thinned.vInfo
        pairs =
            OverlapTable(truth: objects, prediction: ConnectedComponents.label(foreground).objects).foregroundPairs
        var counts = PairCounts()
        for pixel in 0..<classes.height * classes.width where classes.values[pixel] != LabelMap.ignored {
            let (expected, found) = (classes.values[pixel] > 0, foreground.values[pixel] > 0)
            if expected { counts.truth += 1 }
            if found { counts.prediction += 1 }
            if expected && found { counts.both += 1 }
        }
        pixels = counts
    }
}
