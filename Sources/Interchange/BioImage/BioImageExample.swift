import Datasets
import Foundation
import Images
import Inference
import Kernels
import Network
import Pictures

/// The image by which a package can be tested: what goes into the network, and what comes out of it here.
struct BioImageExample {
    /// Raw values, of a size that the network takes.
    let image: RasterImage
    /// H×W×classes.
    let probabilities: Tensor
    private let margin: Int

    /// Pixels of the output, at least.
    private static let outputSide = 128

    /// - Parameter path: an image of the user's, of which the centre is taken; nil for one drawn by the computer.
    ///
    /// Throws `Failure.request` where the image cannot be read, or has other channels than the network.
    init(_ model: TrainedModel, image path: String?) throws {
        let geometry = model.architecture.geometry
        margin = geometry.margin
        let side = max(
            geometry.legalInput(outputAtLeast: Self.outputSide), NetworkFacts(model).smallestInputBeyondHalo)
        image = try path.map { try Self.centre(of: $0, side: side, model) } ?? Self.drawn(side: side, model)
        let engine = Engine(.native, threads: 1)
        let network = UNet(model.architecture, engine: engine, purpose: .inference)
        let input = model.normalization.tensor(of: image)
        let logits = network.forward(input.view, parameters: model.parameters.base)
        SoftmaxCrossEntropy.probabilities(logits, team: engine.team)
        probabilities = Tensor(logits.shape)
        for y in 0..<logits.height {
            (probabilities.base + y * logits.width * logits.channels).update(
                from: logits.row(y), count: logits.width * logits.channels)
        }
    }

    /// The centre of an image's first page, mirrored where the image is smaller.
    private static func centre(of path: String, side: Int, _ model: TrainedModel) throws -> RasterImage {
        let ensemble = try ModelEnsemble([model], tile: nil, engine: Engine(.native, threads: 1))
        let rows = try ensemble.open(try ImagePage.all(ofFile: path, pages: model.pages)[0])
        let top = max(0, (rows.height - side) / 2)
        let band = try rows.read(top..<min(top + side, rows.height))
        let left = max(0, (rows.width - side) / 2)
        let part = band.cut(rows: 0..<band.height, columns: left..<min(left + side, rows.width))
        func mirrored<Sample>(_ samples: [Sample]) -> [Sample] {
            let channels = part.channels
            var result: [Sample] = []
            result.reserveCapacity(side * side * channels)
            for y in 0..<side {
                let row = MirroredBorder.index(y, size: part.height) * part.width
                for x in 0..<side {
                    let first = (row + MirroredBorder.index(x, size: part.width)) * channels
                    result += samples[first..<first + channels]
                }
            }
            return result
        }
        let content: RasterImage.Content =
            switch part.content {
            case .integers(let samples): .integers(mirrored(samples))
            case .floats(let samples): .floats(mirrored(samples))
            }
        return RasterImage(width: side, height: side, channels: part.channels, maximum: part.maximum, content: content)
    }

    /// Synthetic cells, the same in each channel.
    private static func drawn(side: Int, _ model: TrainedModel) throws -> RasterImage {
        let channels = model.architecture.inputChannels
        let grey = try SyntheticCells(size: side).sample(1).image
        return RasterImage(
            width: side, height: side, channels: channels,
            samples: grey.samples.flatMap { Array(repeating: $0, count: channels) })
    }

    // MARK: - Files

    /// N×C×H×W, of the image's own type.
    var inputArray: Data {
        let shape = [1, image.channels, image.height, image.width]
        return switch image.content {
        case .floats(let samples): NumPyArray.bytes(Self.planes(samples, image.channels), shape: shape)
        case .integers(let samples) where image.maximum > 255:
            NumPyArray.bytes(Self.planes(samples, image.channels), shape: shape)
        case .integers(let samples):
            NumPyArray.bytes(Self.planes(samples.map { UInt8($0) }, image.channels), shape: shape)
        }
    }

    /// N×classes×H×W float32.
    var outputArray: Data {
        NumPyArray.bytes(
            Self.planes(Array(probabilities.values), probabilities.channels),
            shape: [1, probabilities.channels, probabilities.height, probabilities.width])
    }

    /// Channel by channel, of values that have a pixel's channels side by side.
    private static func planes<Value>(_ values: [Value], _ channels: Int) -> [Value] {
        var planes: [Value] = []
        planes.reserveCapacity(values.count)
        for channel in 0..<channels {
            for index in stride(from: channel, to: values.count, by: channels) { planes.append(values[index]) }
        }
        return planes
    }

    /// The type of the image's values, as NumPy calls it.
    var type: String {
        if case .floats = image.content { return "float32" }
        return image.maximum > 255 ? "uint16" : "uint8"
    }

    /// The image beside the same with its classes outlined, where the network's output lies.
    func cover(colors: ClassColors) -> RasterImage {
        let classes = LabelMap(mostProbable: probabilities)
        let shown = IntensityNormalization.unit.tensor(
            of: image.cut(
                rows: margin..<margin + classes.height, columns: margin..<margin + classes.width))
        let nothing = LabelMap(height: classes.height, width: classes.width, filledWith: 0)
        let plain = Overlay(colors: ClassColors(classes: 2)).picture(image: shown, classes: nothing)
        let outlined = Overlay(colors: colors).picture(image: shown, classes: classes)
        let (length, left, right) = (3 * plain.width, plain.samples, outlined.samples)
        var samples: [UInt16] = []
        for y in 0..<plain.height {
            samples += left[y * length..<(y + 1) * length]
            samples += right[y * length..<(y + 1) * length]
        }
        return RasterImage(width: 2 * plain.width, height: plain.height, channels: 3, samples: samples)
    }
}
