import Kernels
import Metrics
import Synchronization

/// An image, ready for the network, and the class of each of its pixels.
public final class Sample: Sendable {
    public let stem: String
    /// H×W×C, normalised.
    public let image: Tensor
    /// H×W.
    public var labels: LabelMap { decoded.labels }
    /// H×W object numbers, 0 for background, where the label file holds them (`data.labels: instances`).
    public var instances: LabelMap? { decoded.instances }
    /// What the label file says.
    let decoded: DecodedLabels
    /// Of the image as its file holds it, where it is known and the image is not all one value.
    let fingerprint: UInt64?
    /// `contentHash` of image and labels together, as their files hold them; nil where it was made of no files.
    let contents: UInt64?
    private let derived = Mutex(Derived())

    /// Image and labels must have one size.
    public convenience init(stem: String, image: Tensor, labels: LabelMap, instances: LabelMap? = nil) {
        self.init(
            stem: stem, image: image, DecodedLabels(labels: labels, instances: instances))
    }

    /// Image and labels must have one size.
    init(stem: String, image: Tensor, _ decoded: DecodedLabels, fingerprint: UInt64? = nil, contents: UInt64? = nil) {
        let labels = decoded.labels
        precondition(
            image.height == labels.height && image.width == labels.width,
            "an image of \(image.shape) with labels of \(labels.height)×\(labels.width)")
        self.stem = stem
        self.image = image
        self.decoded = decoded
        self.fingerprint = fingerprint
        self.contents = contents
    }

    /// What image and labels take in memory.
    public var bytes: Int { 4 * (image.count + (instances == nil ? 1 : 2) * labels.height * labels.width) }

    /// What a border term takes beside them, once it has been asked for.
    var borderTermBytes: Int { 4 * labels.height * labels.width }

    /// H×W object numbers: the label file's, else the connected regions of the classes above 0.
    public var objects: LabelMap { instances ?? ConnectedComponents.label(labels).objects }

    /// The objects as the labels show them: the borders between touching ones are background.
    private var partedObjects: LabelMap {
        guard let instances else { return objects }
        let parted = LabelMap(height: labels.height, width: labels.width, filledWith: 0)
        for pixel in 0..<labels.height * labels.width where labels.values[pixel] > 0 {
            parted.values[pixel] = instances.values[pixel]
        }
        return parted
    }

    /// The separation-border term of w(x) on the whole image, H×W×1; worked out when it is first asked for, and kept.
    public func borderTerm(_ border: BorderWeights) -> Tensor {
        derived.withLock { derived in
            if let kept = derived.border, kept.of == border { return kept.term }
            let term = border.weightMap(objects: partedObjects)
            derived.border = (border, term)
            return term
        }
    }

    /// Mean and population deviation of all the image's values; kept once they are known.
    var greyStatistics: (mean: Float, deviation: Float) {
        derived.withLock { derived in
            if let kept = derived.statistics { return kept }
            let count = Double(max(image.count, 1))
            let mean = image.values.reduce(0.0) { $0 + Double($1) } / count
            let squares = image.values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
            let statistics = (Float(mean), Float((squares / count).squareRoot()))
            derived.statistics = statistics
            return statistics
        }
    }

    /// Where the labelled pixels are; kept once it is known.
    var foreground: ForegroundIndex {
        derived.withLock { derived in
            if let kept = derived.foreground { return kept }
            let index = ForegroundIndex(labels)
            derived.foreground = index
            return index
        }
    }

    /// What follows from the sample and is made on demand.
    private struct Derived {
        var border: (of: BorderWeights, term: Tensor)?
        var statistics: (mean: Float, deviation: Float)?
        var foreground: ForegroundIndex?
    }
}
