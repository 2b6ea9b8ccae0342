import Datasets
import Foundation
import Images
import Inference
import Kernels
import Network
import TestSupport
import Testing

/// Averages over networks, flips and rotations, in bands of rows.
@Suite struct AveragedPredictionTests {
    private let engine = Engine(.native, threads: 1)

    /// A network with random weights.
    private func member(
        depth: Int, padding: UNetArchitecture.Padding, seed: UInt64 = 7, tile: Int? = nil
    ) -> TiledPrediction {
        let architecture = UNetArchitecture(
            inputChannels: 2, classes: 3, baseChannels: 2, depth: depth, padding: padding)
        let weights = ParameterBuffer(ParameterLayout(architecture))
        weights.initializeWeights(seed: seed)
        return TiledPrediction(architecture, parameters: weights, tile: tile)
    }

    /// The probabilities of an image by one network alone.
    private func alone(_ member: TiledPrediction, _ image: Tensor) throws -> Tensor {
        try AveragedPrediction([member], engine: engine).probabilities(of: image)
    }

    private func image(_ height: Int, _ width: Int, channels: Int = 2) -> Tensor {
        let image = Tensor(height, width, channels)
        var random = RandomStream(seed: 3, use: .synthesis, height, width)
        for i in 0..<image.count { image.base[i] = Float(2 * random.uniform() - 1) }
        return image
    }

    /// A quarter turn to the left.
    private func turned(_ image: Tensor) -> Tensor {
        let result = Tensor(image.width, image.height, image.channels)
        for y in 0..<result.height {
            for x in 0..<result.width {
                for c in 0..<image.channels { result[y, x, c] = image[x, image.width - 1 - y, c] }
            }
        }
        return result
    }

    private func mirrored(_ image: Tensor) -> Tensor {
        let result = Tensor(image.height, image.width, image.channels)
        for y in 0..<result.height {
            for x in 0..<result.width {
                for c in 0..<image.channels { result[y, x, c] = image[y, image.width - 1 - x, c] }
            }
        }
        return result
    }

    private func distance(_ a: Tensor, _ b: [Double]) -> Double {
        zip(a.values, b).reduce(a.count == b.count ? 0 : .infinity) { max($0, abs(Double($1.0) - $1.1)) }
    }

    @Test(
        "the eight symmetries are four turns of the image and of its mirror image",
        arguments: [(0, 11, 7), (1, 27, 18), (2, 37, 50), (2, 5, 41)], [UNetArchitecture.Padding.valid, .same])
    func symmetries(_ size: (depth: Int, height: Int, width: Int), padding: UNetArchitecture.Padding) throws {
        let image = image(size.height, size.width)
        let plain = member(depth: size.depth, padding: padding)
        var expected = [Double](repeating: 0, count: size.height * size.width * 3)
        for isMirrored in [false, true] {
            for turns in 0..<4 {
                var seen = isMirrored ? mirrored(image) : image
                for _ in 0..<turns { seen = turned(seen) }
                var back = try alone(plain, seen)
                for _ in 0..<(4 - turns) % 4 { back = turned(back) }
                if isMirrored { back = mirrored(back) }
                for i in 0..<expected.count { expected[i] += Double(back.base[i]) / 8 }
            }
        }
        let averaged = try AveragedPrediction([plain], symmetries: DihedralTransform.all, engine: engine)
            .probabilities(of: image)
        #expect(distance(averaged, expected) < 1e-5)
        // And it is another result than without.
        #expect(distance(try alone(plain, image), expected) > 1e-4)
    }

    @Test func severalNetworksWeighTheSame() throws {
        let image = image(45, 30)
        let members = [
            member(depth: 2, padding: .valid), member(depth: 1, padding: .same, seed: 8),
            member(depth: 3, padding: .valid, seed: 9),
        ]
        let each = try members.map { try alone($0, image) }
        let expected = (0..<each[0].count).map { i in each.reduce(0) { $0 + Double($1.base[i]) } / 3 }
        let averaged = try AveragedPrediction(members, engine: engine).probabilities(of: image)
        #expect(distance(averaged, expected) < 1e-5)
    }

    @Test(
        "a band needs no more than the rows that it asks for, and has the same bits with them alone",
        arguments: [UNetArchitecture.Padding.valid, .same], [false, true])
    func bands(padding: UNetArchitecture.Padding, augments: Bool) throws {
        let image = image(213, 33)
        let symmetries = augments ? DihedralTransform.all : [.identity]
        let tile = UNetGeometry(depth: 2, padding: padding).legalInput(atLeast: 100)
        let members = [
            member(depth: 2, padding: padding, tile: tile), member(depth: 1, padding: padding, seed: 5, tile: 60),
        ]
        let prediction = AveragedPrediction(members, symmetries: symmetries, engine: engine)
        let whole = try prediction.probabilities(of: image)
        let bands = prediction.bands(height: image.height, width: image.width)
        #expect(bands.count >= 3)
        #expect(bands.flatMap { Array($0) } == Array(0..<image.height))
        for rows in bands {
            let seen = try prediction.rowsSeen(for: rows, height: image.height)
            #expect(seen.count < image.height)
            let part = Tensor(seen.count, image.width, image.channels)
            part.base.update(from: image.base + seen.lowerBound * image.width * 2, count: part.count)
            let band = ImageBand(part, rows: seen, ofHeight: image.height)
            var input: BandInput<Void>? = BandInput(image: (), rows: rows, bands: [band, band])
            let stream = PredictionStream(prediction, .inTurn(threads: 1)) { input.take() }
            let result = try #require(try stream.next()).probabilities
            #expect(try stream.next() == nil)
            let place = whole.base + rows.lowerBound * image.width * 3
            #expect((0..<result.count).allSatisfy { result.base[$0] == place[$0] }, "\(rows)")
        }
        // Bands of other heights, from other tiles.
        let inOne = AveragedPrediction(
            [member(depth: 2, padding: padding), member(depth: 1, padding: padding, seed: 5)], symmetries: symmetries,
            engine: engine)
        #expect(inOne.bands(height: image.height, width: image.width).count == 1)
        let expected = try inOne.probabilities(of: image)
        let difference = (0..<whole.count).reduce(Float(0)) { max($0, abs(whole.base[$1] - expected.base[$1])) }
        #expect(difference < 1e-5)
    }

    @Test func bandsOfAWideImageStaySmall() {
        let prediction = AveragedPrediction([member(depth: 2, padding: .valid)], engine: engine)
        for (height, width) in [(1, 1), (512, 512), (520, 700), (100_000, 100_000), (3000, 1_000_000)] {
            let bands = prediction.bands(height: height, width: width)
            #expect(bands.first?.lowerBound == 0 && bands.last?.upperBound == height)
            #expect(zip(bands, bands.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
            #expect(bands.allSatisfy { $0.lowerBound % 4 == 0 && $0.count * width * 3 <= 1 << 26 + 12 * width })
        }
    }

    @Test("an image read in parts is normalised and cut as one in memory", arguments: [1, 3])
    func imageInParts(channels: Int) throws {
        let (height, width) = (90, 21)
        let samples = (0..<height * width * channels).map { UInt16($0 * 7919 % 60013) }
        let raster = RasterImage(width: width, height: height, channels: channels, maximum: 65535, samples: samples)
        let folder = try TemporaryFolder()
        let writer = try TIFFWriter(
            folder.path("a.tif"), width: width, height: height, channels: channels, maximum: 65535)
        try writer.append(raster)
        try writer.finish()
        let file = TIFFRows(try TIFFReader(folder.path("a.tif")))
        #expect(file.width == width && file.height == height && file.channels == channels)
        for normalization in IntensityNormalization.allCases {
            let whole = normalization.tensor(of: raster)
            let scales = [normalization: try file.scale(normalization)]
            let bands = ImageBands(file, [normalization], scales: scales)
            // With rows in common, without, back at the top, and some of those that are held.
            for rows in [0..<30, 20..<60, 60..<90, 0..<90, 10..<20] {
                let band = try #require(try bands.read(rows).first)
                let place = whole.base + rows.lowerBound * width * channels
                #expect(band.rows == rows && band.height == height)
                #expect((0..<rows.count * width * channels).allSatisfy { band.tensor.base[$0] == place[$0] })
            }
        }
    }
}
