import Datasets
import Images
import Support

/// An image's channels as a network takes them, where no value is lost: grey as three equal channels, and one of three
/// channels that are equal in every pixel.
final class ConvertedRows: ImageRows {
    /// As the file has it.
    let original: any ImageRows
    let channels: Int
    private let refusal: Failure

    /// - Parameters:
    ///   - channels: of the network; 3 for a grey image, 1 for one of three channels.
    ///   - refusal: what is thrown where three channels turn out to differ.
    init(_ original: any ImageRows, channels: Int, refusal: Failure) {
        self.original = original
        self.channels = channels
        self.refusal = refusal
    }

    /// Whether there is a conversion between such images and networks.
    static func serves(image: Int, network: Int) -> Bool { (image, network) == (1, 3) || (image, network) == (3, 1) }

    var width: Int { original.width }
    var height: Int { original.height }
    var maximum: UInt64 { original.maximum }

    func read(_ rows: Range<Int>) throws -> RasterImage {
        let raster = try original.read(rows)
        guard channels == 1 else { return raster.converted(Self.tripled, Self.tripled) }
        guard raster.hasEqualChannels else { throw refusal }
        return raster.converted(Self.everyThird, Self.everyThird)
    }

    private static func tripled<Sample>(_ samples: [Sample]) -> [Sample] { samples.flatMap { [$0, $0, $0] } }

    private static func everyThird<Sample>(_ samples: [Sample]) -> [Sample] {
        stride(from: 0, to: samples.count, by: 3).map { samples[$0] }
    }
}

extension RasterImage {
    /// Whether the three channels of each pixel are equal, so that it shows no colour.
    fileprivate var hasEqualChannels: Bool {
        func areEqual<Sample: Equatable>(_ samples: [Sample]) -> Bool {
            samples.withUnsafeBufferPointer { samples in
                var i = 0
                while i + 2 < samples.count {
                    guard samples[i] == samples[i + 1], samples[i] == samples[i + 2] else { return false }
                    i += 3
                }
                return true
            }
        }
        return switch content {
        case .integers(let samples): areEqual(samples)
        case .floats(let samples): areEqual(samples)
        }
    }

    fileprivate func converted(
        _ integers: ([UInt16]) -> [UInt16], _ floats: ([Float]) -> [Float]
    ) -> RasterImage {
        let converted: Content =
            switch content {
            case .integers(let samples): .integers(integers(samples))
            case .floats(let samples): .floats(floats(samples))
            }
        return RasterImage(
            width: width, height: height, channels: converted.count / (width * height), maximum: maximum,
            content: converted)
    }
}

extension ModelEnsemble {
    /// Looks at images before the first is predicted, so that one that does not fit ends nothing in the middle.
    ///
    /// - Parameter images: each with the channels of its header, a palette's three.
    /// - Returns: notes for the user on images that are converted as they are read.
    ///
    /// Throws `Failure.request` that names the first image whose channels are not the network's, and how many there are.
    func checkChannels(_ images: [(page: ImagePage, channels: Int)]) throws -> [String] {
        var (grey, equal) = (0, 0)
        var failures: [Failure] = []
        for (page, channels) in images where channels != inputChannels {
            guard ConvertedRows.serves(image: channels, network: inputChannels) else {
                failures.append(refusal(of: page, channels: channels))
                continue
            }
            if channels == 1 {
                grey += 1
                continue
            }
            let image = try open(page)
            let step = max(1, (1 << 20) / max(image.width, 1))
            do {
                for top in stride(from: 0, to: image.height, by: step) {
                    _ = try image.read(top..<min(top + step, image.height))
                }
                equal += 1
            } catch let failure as Failure where failure == refusal(of: page, channels: channels) {
                failures.append(refusal(of: page, channels: channels))
            }
        }
        if let first = failures.first {
            let more = failures.count == 1 ? "" : " (\(failures.count - 1) more do not fit either)"
            throw Failure.request(first.message + more)
        }
        func count(_ number: Int) -> String { number == 1 ? "1 image is" : "\(number) images are" }
        return [
            grey > 0 ? "\(count(grey)) grey and the model takes RGB: read as three equal channels" : nil,
            equal > 0
                ? "\(count(equal)) RGB without colours (R = G = B) and the model takes grey: one channel is read" : nil,
        ].compactMap(\.self)
    }

    /// The failure about an image whose channels are not the network's.
    func refusal(of page: ImagePage, channels: Int) -> Failure {
        let kind = channels == 1 ? "grey (1 channel)" : channels == 3 ? "RGB (3 channels)" : "of \(channels) channels"
        let model = "and \(models[0].path) takes images of \(inputChannels) channel\(inputChannels == 1 ? "" : "s")"
        if let advice = page.adviceOnAlpha(channels: channels, wanted: inputChannels) {
            return .request("image \(page.name) is \(kind), \(model): \(advice)")
        }
        guard channels == 3, inputChannels == 1 else {
            let alpha = (try? page.readHeader())?.alphaSamples ?? 0
            let more = alpha > 0 ? " beside \(alpha) that the file declares to be transparency (alpha)" : ""
            return .request(
                "image \(page.name) is \(kind)\(more), \(model): give it the channels of the images that it was trained on"
            )
        }
        return .request(
            "image \(page.name) is RGB with colours, \(model): convert the images to grey as those for training were, as in "
                + "convert in.png -colorspace Gray out.png, or ImageJ's Image > Type > 8-bit")
    }
}
