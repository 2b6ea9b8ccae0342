import Inference
import Kernels
import Network
import Support
import Testing

/// Bands on their way through networks: in order, and of the same bits however the work is shared out.
@Suite struct PredictionStreamTests {
    private struct Setting {
        let prediction: AveragedPrediction
        let images: [Tensor]

        /// Networks whose tiles cut the images into pieces, and images of several sizes, the smallest first and last.
        init(augments: Bool, padding: UNetArchitecture.Padding, engine: Engine = Engine(.native, threads: 1)) {
            let members = [(2, UInt64(7), 60), (2, 8, 60), (1, 9, 40)].map { depth, seed, least in
                let architecture = UNetArchitecture(
                    inputChannels: 2, classes: 3, baseChannels: 2, depth: depth, padding: padding)
                let weights = ParameterBuffer(ParameterLayout(architecture))
                weights.initializeWeights(seed: seed)
                let tile = architecture.geometry.legalInput(atLeast: padding == .same ? 2 * least : least)
                return TiledPrediction(architecture, parameters: weights, tile: tile)
            }
            prediction = AveragedPrediction(
                augments ? Array(members.suffix(2)) : members,
                symmetries: augments ? DihedralTransform.all : [.identity], engine: engine)
            images = [(9, 14), (90, 31), (20, 77), (1, 1)].map { height, width in
                let image = Tensor(height, width, 2)
                var random = RandomStream(seed: 3, use: .synthesis, height, width)
                for i in 0..<image.count { image.base[i] = Float(2 * random.uniform() - 1) }
                return image
            }
        }

        /// All images' probabilities, in their order.
        func probabilities(_ plan: PredictionPlan) throws -> [[Float]] {
            let stream = prediction.stream(plan, of: images.count) { ($0, images[$0]) }
            defer { stream.stop() }
            var results: [[Float]] = []
            while let (number, probabilities) = try stream.nextImage() {
                #expect(number == results.count)
                let image = images[number]
                #expect(probabilities.shape == ImageShape(image.height, image.width, 3))
                results.append(Array(probabilities.values))
            }
            return results
        }
    }

    @Test(
        "the bits depend neither on the threads nor on how tiles are shared out", arguments: [false, true],
        [UNetArchitecture.Padding.valid, .same])
    func sameBits(augments: Bool, padding: UNetArchitecture.Padding) throws {
        let setting = Setting(augments: augments, padding: padding)
        let expected = try setting.probabilities(.inTurn(threads: 1))
        #expect(expected.count == setting.images.count)
        for (lanes, threads) in [(1, 1), (2, 1), (3, 1), (2, 2), (13, 1)] {
            let plan = PredictionPlan(lanes: lanes, threads: threads, isAhead: true)
            #expect(try setting.probabilities(plan) == expected, "\(plan)")
        }
        #expect(try setting.probabilities(.inTurn(threads: 3)) == expected)
        // As the machine has it.
        for threads in [1, 2, 5] {
            let own = Setting(augments: augments, padding: padding, engine: Engine(.native, threads: threads))
            for (image, expected) in zip(own.images, expected) {
                let found = try own.prediction.probabilities(of: image)
                #expect((0..<found.count).allSatisfy { found.base[$0] == expected[$0] })
            }
        }
    }

    @Test("an image that cannot be read fails in its turn", arguments: [1, 3])
    func failures(lanes: Int) throws {
        let setting = Setting(augments: false, padding: .valid)
        for plan in [.inTurn(threads: 1), PredictionPlan(lanes: lanes, threads: 1, isAhead: true)] {
            let stream = setting.prediction.stream(plan, of: 3) { place -> (Int, Tensor) in
                if place == 2 { throw Failure.request("no image") }
                return (place, setting.images[place])
            }
            #expect(try stream.nextImage()?.image == 0)
            #expect(try stream.nextImage()?.image == 1)
            for _ in 0..<2 {
                #expect(throws: Failure.self) { try stream.nextImage() }
            }
            stream.stop()
        }
    }

    @Test("a stream that is stopped, or forgotten, ends its threads")
    func stops() throws {
        let setting = Setting(augments: true, padding: .valid)
        for isStopped in [true, false] {
            let stream = setting.prediction.stream(PredictionPlan(lanes: 2, threads: 1, isAhead: true), of: 1000) {
                ($0, setting.images[1])
            }
            #expect(try stream.nextImage()?.image == 0)
            if isStopped {
                stream.stop()
                #expect(try stream.nextImage() == nil)
            }
        }
    }

    @Test func tilesGoSideBySideWhereThatIsFaster() {
        func lanes(_ tiles: Int, _ threads: Int, most: Int = .max) -> [Int] {
            let plan = PredictionPlan(tiles: tiles, threads: threads, most: most)
            return [plan.lanes, plan.threads]
        }
        #expect(lanes(1, 1) == [1, 1])
        #expect(lanes(1, 8) == [1, 8])
        #expect(lanes(2, 8) == [2, 4])
        #expect(lanes(64, 8) == [8, 1])
        #expect(lanes(100, 3) == [3, 1])
        // Of four at once the ninth would have one thread to itself.
        #expect(lanes(9, 4) == [2, 2])
        #expect(lanes(64, 8, most: 2) == [2, 4])
        #expect(lanes(64, 8, most: 0) == [1, 8])
        #expect(lanes(0, 2) == [1, 2])
    }

    @Test("what an image takes is known before its bands are, however large it claims to be")
    func claimedSize() throws {
        let architecture = UNetArchitecture(baseChannels: 8, depth: 3)
        let prediction = AveragedPrediction(
            [TiledPrediction(architecture, parameters: ParameterBuffer(ParameterLayout(architecture)))],
            symmetries: DihedralTransform.all, engine: Engine(.native, threads: 1))
        for (height, width) in [(1000, 700), (70_000, 3000)] {
            let (rows, bands) = (
                prediction.rowsOfBands(height: height, width: width), prediction.bands(height: height, width: width)
            )
            #expect(bands.count == (height + rows - 1) / rows && bands.dropLast().allSatisfy { $0.count == rows })
        }
        let side = Int(Int32.max)
        #expect(try prediction.bytes(height: side, width: side, channels: 1) > 1e9)
    }

    @Test func networksOfOneArchitectureShareMemory() throws {
        func bytes(_ members: Int) throws -> Double {
            let architecture = UNetArchitecture(baseChannels: 8, depth: 3)
            let weights = ParameterBuffer(ParameterLayout(architecture))
            let prediction = AveragedPrediction(
                (0..<members).map { _ in TiledPrediction(architecture, parameters: weights) },
                engine: Engine(.native, threads: 1))
            return try prediction.networkBytes(height: 2000, width: 2000)
        }
        #expect(try bytes(5) == bytes(1))
    }
}
