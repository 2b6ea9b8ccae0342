import Datasets
import Images
import Kernels
import Network
import Pictures
import Support

/// One model, or an ensemble whose probabilities are averaged, with test-time augmentation (an average over flips and
/// rotations of the image) if that is wanted.
public final class ModelEnsemble {
    public let models: [TrainedModel]
    /// Whether flips and rotations of the image are averaged: test-time augmentation.
    public let augments: Bool
    /// Side of the network's input; nil for one that suits.
    package let tile: Int?
    private let prediction: AveragedPrediction
    /// The size that `checkMemory` found to fit last: images are often of one size.
    private var lastFitting: ImageShape?
    /// Several models may want the image normalised in ways of their own.
    private let normalizations: [IntensityNormalization]

    /// - Parameters:
    ///   - tile: side of the network's input; nil for one that suits.
    ///   - augment: whether to average over the flips and rotations of each image.
    public init(_ models: [TrainedModel], tile: Int?, augment: Bool = false, engine: Engine) throws {
        guard let first = models.first else { throw Failure.request("no checkpoint was named") }
        for model in models {
            let (a, b) = (first.architecture, model.architecture)
            guard a.classes == b.classes, a.inputChannels == b.inputChannels else {
                throw Failure.request(
                    "\(first.path) has \(a.inputChannels) channels and \(a.classes) classes, \(model.path) \(b.inputChannels) and \(b.classes): models that are averaged must agree"
                )
            }
            guard model.pages == first.pages else {
                throw Failure.request(
                    "\(first.path) was trained with data.pages: \(first.pages), \(model.path) with \(model.pages): models that are averaged must agree"
                )
            }
            if let names = first.classNames, let others = model.classNames,
                names.enumerated().contains(where: { Self.stands($1, elsewhereThan: $0, in: others) })
            {
                throw Failure.request(
                    "\(first.path) has the classes \(names.joined(separator: ", ")) and \(model.path) \(others.joined(separator: ", ")): models that are averaged must have them in one order"
                )
            }
            if case .palette(let colors)? = first.configuration?.data.labels,
                case .palette(let others)? = model.configuration?.data.labels, colors != others
            {
                throw Failure.request(
                    "\(first.path) and \(model.path) were trained on labels of other colours (data.labels.palette): models that are averaged must have their classes in one order"
                )
            }
            if let tile { try TiledPrediction.check(tile: tile, geometry: model.architecture.geometry) }
        }
        self.models = models
        augments = augment
        self.tile = tile
        let members = models.map {
            TiledPrediction(
                UNet($0.architecture, engine: engine, purpose: .inference), parameters: $0.parameters, tile: tile,
                engine: engine)
        }
        prediction = AveragedPrediction(members, symmetries: augment ? DihedralTransform.all : [.identity])
        normalizations = models.map(\.normalization)
    }

    /// Notes for the user: where results depend on the tile, and where a file does not say how its network was trained.
    public var remarks: [String] {
        let tile = tileMatters.map {
            "\($0.path) normalises each tile by itself (model.normalization: group): its results depend on --tile, and scores of the run's validation are those of the default"
        }
        return [tile].compactMap(\.self) + models.compactMap(\.assumption)
    }

    private static func stands(_ name: String, elsewhereThan place: Int, in names: [String]) -> Bool {
        names.firstIndex(of: name).map { $0 != place } ?? false
    }

    /// A model whose results depend on the tile.
    var tileMatters: TrainedModel? { models.first { $0.architecture.normalization == .group } }

    /// Channels of the images that the networks take.
    public var inputChannels: Int { models[0].architecture.inputChannels }
    public var classes: Int { models[0].architecture.classes }
    /// What the pages of a TIFF file are to the models.
    package var pages: PageMeaning { models[0].pages }
    public var classNames: [String]? { models[0].classNames }
    public var classColors: ClassColors { ClassColors(models[0].classColors, classes: classes) }

    /// The image as the first model sees it, and its class probabilities.
    public func predict(_ page: ImagePage) throws -> (image: Tensor, probabilities: Tensor) {
        let image = try open(page)
        let rows = imageBands(image, try scales(of: image))
        let result = Tensor(image.height, image.width, classes)
        for band in bands(of: image) {
            let part = try probabilities(of: band, in: rows, height: image.height)
            (result.base + band.lowerBound * image.width * classes).update(from: part.base, count: part.count)
        }
        return (try rows.read(0..<image.height)[0].tensor, result)
    }

    /// Opens an image to be predicted in bands. Grey and RGB without colours are converted into each other.
    ///
    /// Throws `Failure.request` where its channels are not the network's; of RGB, its rows do where they have colours.
    package func open(_ page: ImagePage) throws -> any ImageRows {
        let image = try page.rows()
        try checkMemory(page.name, height: image.height, width: image.width, channels: image.channels)
        guard image.channels != inputChannels else { return image }
        let refusal = refusal(of: page, channels: image.channels)
        guard ConvertedRows.serves(image: image.channels, network: inputChannels) else { throw refusal }
        return ConvertedRows(image, channels: inputChannels, refusal: refusal)
    }

    /// Throws `Failure.request` where the prediction of an image of this size would not fit in memory.
    ///
    /// - Parameter name: what errors call the image.
    func checkMemory(_ name: String, height: Int, width: Int, channels: Int) throws {
        let shape = ImageShape(height, width, channels)
        guard shape != lastFitting else { return }
        let bytes = try prediction.bytes(height: height, width: width, channels: channels)
        try MachineMemory.require(
            bytes, for: "\(name) (\(width)×\(height) pixels, \(channels) channels) with \(models[0].path)",
            advice: "choose a smaller --tile, or cut the image into narrower ones")
        lastFitting = shape
    }

    /// The normalisations of an image that the models want, measured over the whole of it before its first band.
    package func scales(of image: any ImageRows) throws -> [IntensityNormalization: IntensityScale] {
        var scales: [IntensityNormalization: IntensityScale] = [:]
        for normalization in normalizations where scales[normalization] == nil {
            scales[normalization] = try image.scale(normalization)
        }
        return scales
    }

    /// The bands of an image, each to be predicted by anyone.
    package func bands(of image: any ImageRows) -> [Range<Int>] {
        prediction.bands(height: image.height, width: image.width)
    }

    /// The image's rows, normalised for each model.
    func imageBands(_ image: any ImageRows, _ scales: [IntensityNormalization: IntensityScale]) -> ImageBands {
        ImageBands(image, normalizations, scales: scales)
    }

    /// The class probabilities of a band, rows×width×classes.
    package func probabilities(of rows: Range<Int>, in bands: ImageBands, height: Int) throws -> Tensor {
        try prediction.probabilities(of: rows, in: bands.read(prediction.rowsSeen(for: rows, height: height)))
    }
}
