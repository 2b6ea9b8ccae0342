import Configurations
import Datasets
import Images
import Preparation
import Testing

@Suite struct ChoicesTests {
    private static let laptop = Machine(cores: 2, memory: 8e9, operationsPerSecond: 1e11)

    private func data(
        _ images: Int = 30, _ width: Int = 512, _ height: Int = 512, channels: Int = 1,
        encoding: LabelEncoding = .binary, shares: [Double] = [0.7, 0.3], vertical: Double = 0
    ) -> FoundData {
        FoundData(
            root: "cells", train: .files(images: "images", labels: "labels"), trainCount: images,
            images: FoundImages(
                kinds: [.init(width: width, height: height, channels: channels, maximum: 255, count: images)]),
            labels: FoundLabels(
                encoding: encoding,
                classes: shares.enumerated().map { .init(name: "class_\($0)", share: $1) }, words: "masks",
                verticalDifference: vertical))
    }

    private func chosen(_ data: FoundData, _ machine: Machine = laptop) -> Configuration {
        Choices(data, machine, name: "cells").configuration
    }

    /// Data of every kind.
    private static let kinds: [(Int, Int, Int, LabelEncoding, [Double], Double)] = [
        (30, 512, 512, .binary, [0.7, 0.3], 0), (1, 40, 30, .binary, [0.99, 0.01], 0),
        (53, 480, 360, .index, [0.2, 0.25, 0.25, 0.28, 0.02], 0.6), (3, 5, 5, .instances, [0.9, 0.1], 0),
        (2000, 4096, 4096, .index, [0.6, 0.2, 0.1999, 0.0001], 0), (12, 300, 200, .instances, [0.9, 0.1], 0),
        (20, 64, 2000, .palette((0..<20).map { RGBColor(UInt8($0), 0, 9) }), Array(repeating: 0.05, count: 20), 0),
    ]

    @Test(arguments: kinds.indices) func whatIsWrittenReadsBackAsItWasChosen(_ index: Int) throws {
        let (images, width, height, encoding, shares, vertical) = Self.kinds[index]
        for machine in [Self.laptop, Machine(cores: 64, memory: 64e9, operationsPerSecond: 1e11)] {
            var found = data(
                images, width, height, encoding: encoding, shares: shares, vertical: vertical)
            if index == 2 { found.labels.ignoreIndex = 255 }
            let choices = Choices(found, machine, name: "cells")
            try choices.configuration.validate()
            let text = CommentedConfiguration(choices, of: found, path: "cells.yaml").text
            #expect(try Configuration.decode(yaml: text, name: "cells.yaml") == choices.configuration, "\(text)")
            #expect(text.split(separator: "\n").allSatisfy { $0.count <= 120 }, "\(text)")
            #expect(text.hasPrefix("# Written by lockstep init for cells"))
        }
    }

    @Test func namesThatYAMLWouldReadOtherwiseAreQuoted() throws {
        var found = data()
        found.root = "my #1: images/\u{FC}"
        found.labels.classes[0].name = "no"
        found.labels.classes[1].name = "808080"
        found.train = .files(images: "*/a b*.png", labels: "*/l, {x} *.png")
        let choices = Choices(found, Self.laptop, name: "12")
        let text = CommentedConfiguration(choices, of: found, path: "12.yaml").text
        #expect(try Configuration.decode(yaml: text, name: "12.yaml") == choices.configuration)
    }

    @Test func tilesFitTheImages() {
        for side in [3, 15, 16, 40, 47, 48, 100, 127, 128, 200, 256, 1000] {
            let configuration = chosen(data(20, side, side + 50))
            let (tile, depth) = (configuration.data.tile, configuration.model.architecture.depth)
            #expect(configuration.model.architecture.geometry.isLegal(input: tile))
            #expect(tile <= max(side, 1 << depth) && tile <= 256)
            #expect(2 * tile > min(side, 256))
        }
    }

    @Test func widthFollowsImagesAndMachine() {
        let fast = Machine(cores: 64, memory: 64e9, operationsPerSecond: 1e11)
        #expect(chosen(data(5), fast).model.architecture.baseChannels == 16)
        #expect(chosen(data(30), fast).model.architecture.baseChannels == 32)
        #expect(chosen(data(200), fast).model.architecture.baseChannels == 64)
        let slow = Machine(cores: 1, memory: 8e9, operationsPerSecond: 1e10)
        #expect(chosen(data(200), slow).model.architecture.baseChannels == 8)
        #expect(chosen(data(200), slow).data.tile < 256)
        let small = Machine(cores: 64, memory: 3e8, operationsPerSecond: 1e11)
        #expect(chosen(data(200), small).model.architecture.baseChannels < 64)
        #expect(chosen(data(200), small).data.cacheMegabytes < 100)
    }

    @Test func scenesStayUpright() {
        let street = chosen(data(50, 480, 360, channels: 3, encoding: .index, shares: [0.5, 0.3, 0.2], vertical: 0.5))
        #expect(street.augmentation?.flip == .horizontal)
        #expect(street.augmentation?.rotate == 5)
        #expect(street.augmentation?.elastic == nil)
        #expect(street.data.tile == 0)
        let cells = chosen(data(50, 480, 360, encoding: .index, shares: [0.5, 0.3, 0.2], vertical: 0.05))
        #expect(cells.augmentation?.flip == .both)
        #expect(cells.augmentation?.rotate == 180)
        #expect(cells.data.tile > 0)
    }

    @Test func theLossFollowsTheBalance() {
        #expect(chosen(data()).loss.kind == .crossEntropyAndDice)
        #expect(chosen(data(encoding: .index, shares: [0.4, 0.3, 0.3])).loss.classWeights == .none)
        // The mean over the pixels is 1.
        #expect(
            chosen(data(encoding: .index, shares: [0.64, 0.32, 0.04])).loss.classWeights
                == .list([0.8, 1.13, 3.19]))
        guard case .list(let weights) = chosen(data(encoding: .index, shares: [0.9, 0.0999, 0.0001])).loss.classWeights
        else {
            Issue.record("no list")
            return
        }
        #expect(weights.count == 3 && weights[0] < weights[1] && weights[1] < weights[2] && weights[2] <= 20)
        let objects = chosen(data(encoding: .instances, shares: [0.9, 0.1]))
        #expect(objects.loss.border == BorderWeights())
        #expect(objects.validation.metric == .ap50)
        #expect(objects.data.foregroundShare == 0.5)
        #expect(chosen(data(encoding: .instances, shares: [0.6, 0.4])).data.foregroundShare == 0)
    }

    @Test func fewImagesAreSaidToBeFew() {
        let one = Choices(data(1), Self.laptop, name: "cells")
        #expect(one.configuration.data.validation == .none)
        #expect(one.notes.contains { $0.contains("only one image") })
        let three = Choices(data(3), Self.laptop, name: "cells")
        #expect(three.configuration.data.validation == .split(.fraction(0.2)))
        #expect(three.notes.contains { $0.contains("only 3 images") })
        #expect(Choices(data(30), Self.laptop, name: "cells").notes.isEmpty)
    }

    @Test func everyChoiceHasAReason() {
        for reason in Choices(data(encoding: .instances), Self.laptop, name: "cells").reasons {
            #expect(!reason.why.isEmpty && !reason.why.hasSuffix("."))
            #expect(Configuration.everyKey.contains(reason.key), "\(reason.key)")
        }
    }
}
