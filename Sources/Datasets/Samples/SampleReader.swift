import Images
import Kernels
import Support

/// Turns files into samples as a configuration asks for.
public struct SampleReader: Hashable, Sendable {
    /// Channels that the network takes (`model.input_channels`).
    public var inputChannels: Int
    /// `model.classes`.
    public var classes: Int
    /// `data.labels`.
    public var encoding: LabelEncoding
    /// `data.ignore_index`: a raw label value whose pixels count nowhere; see `LabelEncoding.decode`.
    public var ignoreValue: Int?
    /// `data.ignore_color`: the same of a palette's labels.
    public var ignoreColor: RGBColor?
    /// `data.normalize`.
    public var normalization: IntensityNormalization

    public init(
        inputChannels: Int, classes: Int, encoding: LabelEncoding = .index, ignoreValue: Int? = nil,
        ignoreColor: RGBColor? = nil, normalization: IntensityNormalization = .standardize
    ) {
        self.inputChannels = inputChannels
        self.classes = classes
        self.encoding = encoding
        self.ignoreValue = ignoreValue
        self.ignoreColor = ignoreColor
        self.normalization = normalization
    }

    /// Reads both images of a pair.
    ///
    /// Throws `Failure.request` where a file cannot be read, the image's channels are not the network's, a label is no
    /// class or the image itself, or the sizes differ.
    public func load(_ pair: SamplePair) throws -> Sample {
        let raster = try pair.image.read()
        let image = try tensor(of: raster, pair.image)
        let (numbers, header) = try Self.readNumbers(pair.labels)
        let isCopy = numbers.hasPixels(of: raster)
        guard !isCopy || numbers.hasTwoValues else {
            throw Failure.request(
                "label \(pair.labels.name) has the very pixels of image \(pair.image.name), which are no labels: name the "
                    + "labels' own files")
        }
        var decoded = try decode(numbers, header, pair.labels)
        if isCopy { decoded.doubts.insert(.isItsImage) }
        let isTurned = raster.isTurned && !numbers.isTurned
        if isTurned { decoded.doubts.insert(.imageIsTurned) }
        guard decoded.labels.width == image.width, decoded.labels.height == image.height else {
            throw Failure.request(
                "image \(pair.image.name) has \(image.width)×\(image.height) pixels (width×height) and its label "
                    + "\(pair.labels.name) has \(decoded.labels.width)×\(decoded.labels.height): they must have one size"
                    + (isTurned
                        ? "; the image is turned as its file says (Orientation): draw the labels on the picture as viewers show it"
                        : ""))
        }
        let hash = raster.contentHash
        return Sample(
            stem: pair.stem, image: image, decoded, fingerprint: raster.isEven ? nil : hash,
            contents: hash &* 31 &+ numbers.contentHash)
    }

    /// Reads an image alone, H×W×inputChannels, normalised. A palette image counts as RGB.
    ///
    /// Throws `Failure.request` where it cannot be read or its channels are not the network's.
    public func loadImage(_ image: ImagePage) throws -> Tensor { try tensor(of: image.read(), image) }

    private func tensor(of raster: RasterImage, _ image: ImagePage) throws -> Tensor {
        let picture = raster.expandingPalette()
        try checkChannels(picture.channels, of: image)
        return normalization.tensor(of: picture)
    }

    /// Throws `Failure.request` where an image's channels, those of its colours if it has a palette, are not the network's.
    private func checkChannels(_ channels: Int, of image: ImagePage) throws {
        guard channels != inputChannels else { return }
        let name = image.name
        let kind = channels == 1 ? "grey (1 channel)" : channels == 3 ? "RGB (3 channels)" : "of \(channels) channels"
        let conversion =
            switch (channels, inputChannels) {
            case (3, 1): ", or convert it to grey, as in convert in.png -colorspace Gray out.png"
            case (1, 3): ", or convert it to RGB, as in convert in.png -define png:color-type=2 out.png"
            default: image.adviceOnAlpha(channels: channels, wanted: inputChannels).map { "; \($0)" } ?? ""
            }
        throw Failure.request(
            "image \(name) is \(kind), but model.input_channels is \(inputChannels): set model.input_channels: "
                + "\(channels) if all images are so\(conversion)")
    }

    /// Reads labels alone: classes, and with `data.labels: instances` the numbers of their objects; H×W each.
    ///
    /// - Parameter isPrediction: whether the classes may be two in colours as `predict` writes them: the indices 0 and 255
    ///   of 256 colours count by themselves, whatever these colours are.
    ///
    /// Throws `Failure.request` where the file cannot be read or a label is no class.
    public func loadLabels(_ labels: ImagePage, isPrediction: Bool = false) throws -> DecodedLabels {
        var (numbers, header) = try Self.readNumbers(labels)
        if isPrediction, classes == 2, numbers.palette?.count == 256,
            numbers.samples.allSatisfy({ $0 == 0 || $0 == 255 })
        {
            numbers = RasterImage(width: numbers.width, height: numbers.height, channels: 1, samples: numbers.samples)
        }
        return try decode(numbers, header, labels)
    }

    /// Reads the raw values of labels.
    ///
    /// Throws `Failure.request` where the file cannot be read or was compressed with loss.
    package static func readNumbers(_ labels: ImagePage) throws -> (numbers: RasterImage, header: ImageHeader) {
        let header = try ImageFile.kind(of: labels.path) == .jpeg ? nil : labels.readHeader()
        guard let header, !header.isLossy else {
            throw Failure.request(
                "label \(labels.name) is compressed with loss (a JPEG, or a TIFF that holds JPEG, WebP or LERC), which does not "
                    + "keep values as they are: make the labels anew as PNG, or as TIFF without loss")
        }
        return (try labels.read(as: .numbers), header)
    }

    private func decode(_ numbers: RasterImage, _ header: ImageHeader, _ labels: ImagePage) throws -> DecodedLabels {
        var decoded = try encoding.decode(
            numbers, classes: classes, ignoreValue: ignoreValue, ignoreColor: ignoreColor, path: labels.name)
        if let noData = header.noData, Double(ignoreValue ?? -1) != noData, numbers.has(noData) {
            decoded.doubts.insert(.noData)
        }
        return decoded
    }
}

extension RasterImage {
    /// Whether this label image is a copy of an image.
    fileprivate func hasPixels(of image: RasterImage) -> Bool {
        width == image.width && height == image.height && channels == image.channels && content == image.content
    }

    /// Whether a sample has this value.
    fileprivate func has(_ value: Double) -> Bool {
        switch content {
        case .integers(let samples): UInt16(exactly: value).map { samples.contains($0) } ?? false
        case .floats(let samples): samples.contains(Float(value))
        }
    }

    /// Whether it has two values at most. A mask may be both, image and label: its borders can be learnt from it.
    fileprivate var hasTwoValues: Bool {
        switch content {
        case .integers(let samples): Set(samples).count <= 2
        case .floats(let samples): Set(samples).count <= 2
        }
    }
}
