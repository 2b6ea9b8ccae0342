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
        prediction = AveragedPrediction(
            models.map { TiledPrediction($0.architecture, parameters: $0.parameters, tile: tile) },
            symmetries: augment ? DihedralTransform.all : [.identity], engine: engine)
        normalizations = models.map(\.normalization)
    }

    /// Notes for the user: where results depend on the tile and this one is not the training's, and where a file does not say how its network was trained.
    public var remarks: [String] {
        let tile = models.first { $0.architecture.normalization == .group && $0.tile != self.tile ?? $0.tile }.map {
            "\($0.path) normalises each tile by itself (model.normalization: group)\($0.tile > 0 ? " and was trained with tiles of \($0.tile)" : ""): results depend on --tile, and scores of the run's validation are those without it"
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
    /// A name for each class, made up where the models have none.
    package var shownClassNames: [String] { classNames ?? ClassColors.names(classes: classes) }
    /// The classes' colours that the configuration names, or the labels'; nil where there are none.
    package var namedColors: ClassColors? { models[0].configuration?.namedColors.map { ClassColors($0) } }
    public var classColors: ClassColors { namedColors ?? ClassColors(classes: classes) }

    /// The class probabilities of an image, H×W×classes.
    public func predict(_ page: ImagePage) throws -> Tensor {
        let images = try predictions(of: [page])
        defer { images.stop() }
        guard let image = try images.nextImage() else { preconditionFailure("an image without bands") }
        return image.probabilities
    }

    /// The class probabilities of several images, one after another.
    package func predictions(of pages: [ImagePage]) throws -> PredictionStream<any ImageRows> {
        let sizes = try pages.map { page in
            let header = try page.readHeader()
            let size = ImageShape(header.height, header.width, header.pictureChannels)
            try checkMemory(page.name, size)
            return size
        }
        return try stream(sizes) { index in
            let image = try self.open(pages[index])
            return (image, try self.scales(of: image), self.bands(of: sizes[index]))
        }
    }

    /// The class probabilities of bands of several images.
    ///
    /// - Parameters:
    ///   - sizes: of the images, with the channels of their files.
    ///   - open: gives the image at a place in `sizes`, its normalisations, and which of its bands are wanted; called on a
    ///     thread of the stream's.
    func stream(
        _ sizes: [ImageShape],
        open:
            @escaping (Int) throws -> (
                rows: any ImageRows, scales: [IntensityNormalization: IntensityScale], bands: [Range<Int>]
            )
    ) throws -> PredictionStream<any ImageRows> {
        let (prediction, normalizations) = (prediction, normalizations)
        var places = sizes.indices[...]
        var current: (image: any ImageRows, bands: ImageBands, wanted: ArraySlice<Range<Int>>)?
        return PredictionStream(prediction, try PredictionPlan(prediction, images: sizes)) {
            while current?.wanted.isEmpty ?? true {
                // Freed before the next is opened.
                current = nil
                guard let place = places.popFirst() else { return nil }
                let (image, scales, wanted) = try open(place)
                current = (image, ImageBands(image, normalizations, scales: scales), wanted[...])
            }
            guard let rows = current?.wanted.popFirst(), let current else { return nil }
            let seen = try prediction.rowsSeen(for: rows, height: current.image.height)
            return BandInput(image: current.image, rows: rows, bands: try current.bands.read(seen))
        }
    }

    /// Opens an image to be predicted in bands. Grey and RGB without colours are converted into each other.
    ///
    /// Throws `Failure.request` where its channels are not the network's; of RGB, its rows do where they have colours.
    package func open(_ page: ImagePage) throws -> any ImageRows {
        let image = try page.rows()
        guard image.channels != inputChannels else { return image }
        let refusal = refusal(of: page, channels: image.channels)
        guard ConvertedRows.serves(image: image.channels, network: inputChannels) else { throw refusal }
        return ConvertedRows(image, channels: inputChannels, refusal: refusal)
    }

    /// Throws `Failure.request` where the prediction of an image of this size would not fit in memory.
    ///
    /// - Parameters:
    ///   - name: what errors call the image.
    ///   - size: with the channels of its file.
    func checkMemory(_ name: String, _ size: ImageShape) throws {
        guard size != lastFitting else { return }
        try MachineMemory.require(
            prediction.bytes(height: size.height, width: size.width, channels: size.channels),
            for: "\(name) (\(size.width)×\(size.height) pixels, \(size.channels) channels) with \(models[0].path)",
            advice: "choose a smaller --tile, or cut the image into narrower ones")
        lastFitting = size
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
    func bands(of size: ImageShape) -> [Range<Int>] { prediction.bands(height: size.height, width: size.width) }
}
