import Datasets
import Foundation
import Images
import Kernels
import Support
import Synchronization
import TestSupport
import Testing

@Suite struct SampleReaderTests {
    let folder: DataFolder

    init() throws { folder = try DataFolder() }

    @Test func standardizing() throws {
        let samples: [UInt16] = [3, 200, 17, 90, 41, 255]
        let reader = SampleReader(inputChannels: 1, classes: 2)
        let image = try reader.loadImage(ImagePage(folder.grey("images/a.png", 3, samples)))
        let mean = samples.reduce(0) { $0 + Double($1) } / 6
        let variance = samples.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / 6
        #expect(image.shape == ImageShape(2, 3, 1))
        for i in 0..<6 {
            #expect(abs(Double(image.base[i]) - (Double(samples[i]) - mean) / variance.squareRoot()) < 1e-6)
        }
    }

    @Test func channelsAreStandardizedByThemselvesAndConstantOnesAreZero() throws {
        let reader = SampleReader(inputChannels: 3, classes: 2)
        let image = try reader.loadImage(ImagePage(folder.rgb("images/a.png", 2, [10, 77, 0, 30, 77, 100])))
        #expect(Array(image.values) == [-1, 0, -1, 1, 0, 1])
    }

    @Test func fullScaleIsOne() throws {
        let reader = SampleReader(inputChannels: 1, classes: 2, normalization: .unit)
        let narrow = try reader.loadImage(ImagePage(folder.grey("images/a.png", 3, [0, 51, 255])))
        #expect(Array(narrow.values) == [0, 0.2, 1])
        let wide = try reader.loadImage(ImagePage(folder.grey("images/b.png", 3, [0, 13107, 65535], maximum: 65535)))
        #expect(Array(wide.values) == [0, 0.2, 1])
    }

    @Test func paletteImagesAreRGB() throws {
        let path = try folder.grey("images/a.png", 2, [1, 0], palette: [RGBColor(0, 51, 255), RGBColor(255, 0, 51)])
        let image = try SampleReader(inputChannels: 3, classes: 2, normalization: .unit).loadImage(ImagePage(path))
        #expect(Array(image.values) == [1, 0, 0.2, 0, 0.2, 1])
        expectFailure("image \(path) is RGB (3 channels)", "model.input_channels is 1", "set model.input_channels: 3") {
            try SampleReader(inputChannels: 1, classes: 2).loadImage(ImagePage(path))
        }
    }

    @Test func channelsMustAgree() throws {
        let path = try folder.grey("images/a.png", 2, [1, 0])
        expectFailure("image \(path) is grey (1 channel)", "model.input_channels is 3", "set model.input_channels: 1") {
            try SampleReader(inputChannels: 3, classes: 2).loadImage(ImagePage(path))
        }
    }

    @Test func samplesAreImageAndLabels() throws {
        let pair = try folder.sample("a", 3, image: [0, 255, 0, 255, 0, 255], labels: [0, 1, 2, 9, 0, 1])
        let reader = SampleReader(inputChannels: 1, classes: 3, ignoreValue: 9, normalization: .unit)
        let sample = try reader.load(pair)
        #expect(sample.stem == "a")
        #expect(sample.labels.list == [0, 1, 2, -1, 0, 1])
        #expect(Array(sample.image.values) == [0, 1, 0, 1, 0, 1])
        #expect(sample.bytes == 48)
    }

    @Test func imagesOfAnyNumberOfChannelsAndOfFloats() throws {
        // Two pixels of five channels: 16 bits, and floating-point.
        let wide = try folder.tiff(
            "images/a.tif", .init(2, channels: 5, wide: [0, 1, 65535, 13107, 300, 0, 3, 0, 26214, 500]))
        let reader = SampleReader(inputChannels: 5, classes: 2, normalization: .unit)
        let unit = try reader.loadImage(ImagePage(wide))
        #expect(unit.shape == ImageShape(1, 2, 5))
        #expect(Array(unit.values.prefix(4)) == [0, 1 / 65535, 1, 0.2] && unit[0, 1, 3] == 0.4)
        let standardized = try SampleReader(inputChannels: 5, classes: 2).loadImage(ImagePage(wide))
        let signs: [Float] = [0, -1, 1, -1, -1, 0, 1, -1, 1, 1]
        #expect(zip(standardized.values, signs).allSatisfy { abs($0 - $1) < 1e-6 })

        let floats = try folder.tiff("images/b.tif", .init(2, channels: 2, floats: [-1.5, 1e6, 2.5, 3e6]))
        let two = SampleReader(inputChannels: 2, classes: 2)
        let image = try two.loadImage(ImagePage(floats))
        #expect(zip(image.values, [-1, -1, 1, 1]).allSatisfy { abs($0 - $1) < 1e-6 })
        let nothing = try folder.tiff("images/c.tif", .init(2, floats: [.nan, 1]))
        expectFailure("\(nothing) has a sample that is no finite number at row 0, column 0") {
            try SampleReader(inputChannels: 1, classes: 2).loadImage(ImagePage(nothing))
        }
        expectFailure("image \(wide) is of 5 channels, but model.input_channels is 2: set model.input_channels: 5") {
            try two.loadImage(ImagePage(wide))
        }
    }

    @Test func pagesOfAStackAreSamples() throws {
        try folder.tiff("images/s.tif", .init(2, [1, 2]), .init(2, [8, 4]), .init(2, [0, 0]))
        try folder.tiff("labels/s.tif", .init(2, [0, 1]), .init(2, wide: [1, 0]), .init(2, [0, 7]))
        let pairs = try SamplePair.inFolders(images: folder.images, labels: folder.labels).pairs
        let reader = SampleReader(inputChannels: 1, classes: 2)
        let sample = try reader.load(pairs[1])
        #expect(sample.stem == "s-0001")
        #expect(Array(sample.image.values) == [1, -1] && sample.labels.list == [1, 0])
        let first = try reader.load(pairs[0])
        #expect(Array(first.image.values) == [-1, 1])
        expectFailure("label \(folder.labels)/s.tif (page 2) has the value 7") { try reader.load(pairs[2]) }
    }

    @Test("object numbers of 32 bits or floating-point are those of 16")
    func wideObjectNumbers() throws {
        let numbers: [UInt16] = [0, 300, 300, 7, 0, 7]
        let image = ImagePage(try folder.grey("images/a.png", 3, [1, 2, 3, 4, 5, 6]))
        let reader = SampleReader(inputChannels: 1, classes: 2, encoding: .instances)
        func sample(_ labels: String) throws -> Sample {
            try reader.load(SamplePair(stem: "a", image: image, labels: ImagePage(labels)))
        }
        let narrow = try sample(folder.grey("labels/a.png", 3, numbers, maximum: 65535))
        let wide = try sample(folder.tiff("labels/b.tif", .init(3, floats: numbers.map(Float.init))))
        #expect(narrow.instances?.list == numbers.map(Int32.init))
        #expect(wide.instances?.list == narrow.instances?.list && wide.labels.list == narrow.labels.list)
    }

    @Test func labelsAreNoJPEG() throws {
        let jpeg = try folder.touch("labels/a.tif", bytes: Data([0xFF, 0xD8, 0xFF, 0xE0]))
        expectFailure("label \(jpeg) is compressed with loss") {
            try SampleReader(inputChannels: 1, classes: 2).loadLabels(ImagePage(jpeg))
        }
    }

    @Test("A sample that the file declares to be alpha is named where a channel is missing") func declaredAlpha() throws
    {
        let vectors = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../ImagesTests/Vectors/rgba8.tif").path
        expectFailure(
            "is RGB (3 channels)", "1 sample a pixel to be transparency (alpha)", "extrasamples=['unspecified']"
        ) {
            try SampleReader(inputChannels: 4, classes: 2).loadImage(ImagePage(vectors))
        }
        expectFailure("set model.input_channels: 3 if all images are so") {
            try SampleReader(inputChannels: 5, classes: 2).loadImage(ImagePage(vectors))
        }
    }

    @Test("A value that stands for no data is a doubt, unless it is ignored") func noData() throws {
        let page = ImagePage(
            URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../ImagesTests/Vectors/no-data.tif").path)
        func doubts(_ ignored: Int?) throws -> Set<LabelDoubt> {
            try SampleReader(inputChannels: 1, classes: 9, encoding: .index, ignoreValue: ignored).loadLabels(page)
                .doubts
        }
        #expect(try doubts(nil).contains(.noData) && doubts(8).contains(.noData) && !doubts(7).contains(.noData))
    }

    @Test func wrongPairs() throws {
        let reader = SampleReader(inputChannels: 1, classes: 2)
        let image = try folder.grey("images/a.png", 4, [0, 1, 2, 3, 4, 5, 6, 7])
        let label = try folder.grey("labels/a.png", 2, [0, 1, 0, 1, 0, 1, 0, 1])
        expectFailure(image, label, "4×2", "2×4") {
            try reader.load(SamplePair(stem: "a", image: ImagePage(image), labels: ImagePage(label)))
        }
        let wrong = try folder.grey("labels/b.png", 4, [0, 1, 0, 1, 0, 1, 5, 1])
        expectFailure("label \(wrong) has the value 5 at row 1, column 2") {
            try reader.load(SamplePair(stem: "a", image: ImagePage(image), labels: ImagePage(wrong)))
        }
        expectFailure("\(folder.labels)/c.png does not exist") {
            try reader.load(SamplePair(stem: "a", image: ImagePage(image), labels: ImagePage(folder.labels + "/c.png")))
        }
    }
}

@Suite struct SampleCacheTests {
    let folder: DataFolder
    let reader = SampleReader(inputChannels: 1, classes: 2)

    init() throws { folder = try DataFolder() }

    /// Samples of 512×256 pixels, 1 MiB each in memory.
    private func pairs(_ count: Int) throws -> [SamplePair] {
        let pixels = [UInt16](repeating: 1, count: 512 * 256)
        return try (0..<count).map { try folder.sample("s\($0)", 512, image: pixels, labels: pixels) }
    }

    @Test func whatIsInStaysIn() throws {
        let pairs = try pairs(4)
        let cache = SampleCache(reader: reader, megabytes: 3)
        func loads(_ sequence: [Int]) throws -> Int {
            let before = cache.loads
            for i in sequence { #expect(try cache.load(pairs[i]).stem == "s\(i)") }
            return cache.loads - before
        }
        #expect(try loads([0, 1, 2]) == 3)
        #expect(try loads([0, 1, 2, 0]) == 0)
        // No room for a fourth: it is read whenever it is wanted.
        #expect(try loads([3, 3]) == 2)
        #expect(try loads([2, 0, 1, 3]) == 1)
    }

    @Test func whatIsWantedOnceIsNotKept() throws {
        let pairs = try pairs(2)
        let cache = SampleCache(reader: reader, megabytes: 1)
        _ = try cache.load(pairs[0], keeping: false)
        for _ in 0..<2 { _ = try cache.load(pairs[1]) }
        #expect(cache.loads == 2)
        _ = try cache.load(pairs[0])
        #expect(cache.loads == 3)
    }

    /// A set larger than the cache: of n samples of which c fit, an epoch reads n − c, whatever its order.
    @Test(arguments: [true, false]) func everyEpochFindsWhatFits(shuffle: Bool) throws {
        let pairs = try pairs(8)
        let cache = SampleCache(reader: reader, megabytes: 5)
        let schedule = SampleSchedule(count: 8, batch: 8, seed: 3, shuffle: shuffle)
        for epoch in 0..<5 {
            let before = cache.loads
            for slot in 0..<8 { _ = try cache.load(pairs[schedule.at(step: epoch, slot: slot).sample]) }
            #expect(cache.loads - before == (epoch == 0 ? 8 : 3))
        }
    }

    @Test func borderTermsTakeRoomFromTheStart() throws {
        // 1 MiB each, and half a one for the border term.
        let pairs = try pairs(3)
        let cache = SampleCache(reader: reader, megabytes: 3, hasBorderTerm: true)
        for _ in 0..<2 { for pair in pairs { _ = try cache.load(pair) } }
        #expect(cache.loads == 4)
    }

    @Test func withoutRoomEverythingIsReadAgain() throws {
        let pairs = try pairs(1)
        let cache = SampleCache(reader: reader, megabytes: 0)
        for _ in 0..<3 { _ = try cache.load(pairs[0]) }
        #expect(cache.loads == 3)
    }

    @Test("a sample that there is no room for is shared as long as somebody has it")
    func lentSamples() throws {
        let pairs = try pairs(2)
        let cache = SampleCache(reader: reader, megabytes: 0)
        let held = try cache.load(pairs[0])
        for _ in 0..<2 { _ = try cache.load(pairs[1]) }
        #expect(try cache.load(pairs[0]) === held)
        #expect(cache.loads == 3)
    }

    @Test func threadsThatWantTheSameReadItOnce() throws {
        let pairs = try pairs(3)
        let cache = SampleCache(reader: reader, megabytes: 10)
        let wrong = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 60) { i in
            if (try? cache.load(pairs[i % 3]))?.stem != "s\(i % 3)" { wrong.withLock { $0 += 1 } }
        }
        #expect(wrong.withLock { $0 } == 0)
        #expect(cache.loads == 3)
    }

    @Test("an image that goes away in mid-run is no wrong request, and may be there at the next start")
    func missingInMidRun() throws {
        let pair = try folder.sample("a", 2, image: [1, 2], labels: [0, 1])
        let cache = SampleCache(reader: reader, megabytes: 0)
        let check = checkSamples([pair], cache: cache)
        #expect(check.failure == nil)
        cache.endCheck([(check.part, [pair])])
        try FileManager.default.removeItem(atPath: pair.image.path)
        let gone = #expect(throws: Failure.self) { try cache.load(pair) }
        #expect(gone?.kind == .running && gone?.repeats == false && gone?.message.contains("does not exist") == true)
        #expect(gone?.message.contains("was good when the job began") == true)
        // Cut short, or another thing altogether.
        try folder.touch("images/a.png", bytes: Data([1, 2, 3]))
        #expect(throws: Failure.self) { try cache.load(pair) }
        #expect((#expect(throws: Failure.self) { try cache.load(pair) })?.kind == .running)
        // One pixel of the image, or of its labels, is another.
        for (image, labels) in [([1, 3], [0, 1]), ([1, 2], [1, 1])] {
            _ = try folder.sample("a", 2, image: image.map { UInt16($0) }, labels: labels.map { UInt16($0) })
            let changed = #expect(throws: Failure.self) { try cache.load(pair) }
            #expect(
                changed?.message.contains("not what was read when the run began") == true, "\(changed?.message ?? "")")
        }
        // The next start judges anew.
        try folder.touch("images/a.png", bytes: Data([1, 2, 3]))
        let next = SampleCache(reader: reader, megabytes: 0)
        #expect(checkSamples([pair], cache: next).failure?.reason.kind == .request)
    }

    @Test func errorsAreNotKept() throws {
        let pair = SamplePair(
            stem: "a", image: ImagePage(folder.images + "/a.png"), labels: ImagePage(folder.labels + "/a.png"))
        let cache = SampleCache(reader: reader, megabytes: 10)
        expectFailure("does not exist") { try cache.load(pair) }
        try folder.sample("a", 2, image: [1, 2], labels: [0, 1])
        #expect(throws: Never.self) { try cache.load(pair) }
    }
}

@Suite struct DatasetCheckTests {
    let folder: DataFolder

    init() throws { folder = try DataFolder() }

    private func cache(ignoreValue: Int? = nil) -> SampleCache {
        let reader = SampleReader(inputChannels: 1, classes: 3, ignoreValue: ignoreValue)
        return SampleCache(reader: reader, megabytes: 1)
    }

    @Test func classesAreCountedByShare() throws {
        let pairs = try [[0, 1, 2, 2], [0, 0, 7, 1], [1, 1, 1, 1]].enumerated().map { i, labels in
            try folder.sample("s\(i)", 2, image: [1, 2, 3, 4], labels: labels.map { UInt16($0) })
        }
        let whole = checkSamples(pairs, cache: cache(ignoreValue: 7))
        #expect(whole.failure == nil)
        #expect(whole.part.pixels == [3, 6, 2] && whole.part.ignoredPixels == 1)
        let shares = (0..<2).map { checkSamples(pairs, cache: cache(ignoreValue: 7), share: ($0, 2)) }
        #expect(shares[0].part.pixels == [1, 5, 2] && shares[1].part.pixels == [2, 1, 0])
        #expect(checkSamples(pairs, cache: cache(ignoreValue: 7), share: (5, 6)).part.pixels == [0, 0, 0])
    }

    @Test("Bad labels and files cut short are found, the first of each share")
    func failures() throws {
        var pairs = try (0..<6).map {
            try folder.sample("s\($0)", 2, image: [1, 2, 3, 4], labels: [0, 1, 2, $0 == 4 ? 9 : 0])
        }
        let file = URL(fileURLWithPath: pairs[3].image.path)
        try Data(contentsOf: file).dropLast(14).write(to: file)
        let whole = checkSamples(pairs, cache: cache())
        #expect(whole.failure?.position == 3)
        #expect(whole.failure?.reason.message.contains("\(pairs[3].image.path) is cut short") == true)
        #expect(whole.part.pixels == [6, 3, 3])
        let even = checkSamples(pairs, cache: cache(), share: (0, 2))
        #expect(even.failure?.position == 4)
        #expect(even.failure?.reason.message.contains("value 9 at row 1, column 1") == true)
        pairs.removeSubrange(3...4)
        #expect(checkSamples(pairs, cache: cache()).failure == nil)
    }

    @Test("an image too long for distances is refused where borders are weighed, and only there")
    func bordersOfLongImages() throws {
        let row = [UInt16](repeating: 1, count: 32_768)
        let pair = try folder.sample("a", 32_768, image: row, labels: row)
        let reader = SampleReader(inputChannels: 1, classes: 2)
        let plain = SampleCache(reader: reader, megabytes: 1)
        #expect(checkSamples([pair], cache: plain).failure == nil)
        let weighed = SampleCache(reader: reader, megabytes: 1, hasBorderTerm: true)
        let failure = checkSamples([pair], cache: weighed).failure
        #expect(failure?.reason.message.contains("32768×1 pixels, and loss.border") == true)
    }

    @Test func anImageTooLongToPlaceItsPixelsIsRefused() throws {
        let row = [UInt16](repeating: 1, count: Resampling.mostSide + 1)
        let pair = try folder.sample("a", row.count, image: row, labels: row)
        let cache = SampleCache(reader: SampleReader(inputChannels: 1, classes: 2), megabytes: 1)
        let failure = checkSamples([pair], cache: cache).failure
        #expect(failure?.reason.message.contains("4194305×1 pixels, and training places") == true)
    }

    @Test func checkedSamplesStayInTheCache() throws {
        let pair = try folder.sample("a", 2, image: [1, 2], labels: [0, 1])
        let cache = cache()
        _ = checkSamples([pair], cache: cache)
        _ = try cache.load(pair)
        #expect(cache.loads == 1)
        let other = self.cache()
        _ = checkSamples([pair], cache: other, keeping: false)
        _ = try other.load(pair)
        #expect(other.loads == 2)
    }
}
