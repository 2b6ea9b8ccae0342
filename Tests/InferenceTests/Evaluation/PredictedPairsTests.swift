import Datasets
import Foundation
import Images
import Inference
import Support
import TestSupport
import Testing

/// `SamplePair.predictions`: which files `evaluate` takes for the predictions of which labels.
@Suite struct PredictedPairsTests {
    let folder: TemporaryFolder
    let labels: String

    init() throws {
        folder = try TemporaryFolder()
        labels = folder.path("labels")
    }

    /// Writes a PNG of one pixel.
    private func pixel(_ name: String) throws {
        let path = try folder.write(Data(), to: name)
        try PNG.write(RasterImage(width: 1, height: 1, channels: 1, samples: [0]), to: path)
    }

    /// Writes a TIFF stack of so many pages of one pixel.
    private func stack(_ name: String, pages: Int) throws {
        try folder.write(TinyTIFF.data((0..<pages).map { TinyTIFF.Page(1, [UInt8($0 % 2)]) }), to: name)
    }

    /// Expects a failure of the request that says all of this.
    private func expectFailure(
        _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation, of work: () throws -> [SamplePair]
    ) {
        let failure = #expect(throws: Failure.self, sourceLocation: sourceLocation) { try work() }
        #expect(failure?.kind == .request, sourceLocation: sourceLocation)
        for part in parts {
            #expect(failure?.message.contains(part) == true, "\(part)", sourceLocation: sourceLocation)
        }
    }

    @Test func predictionsOfLabels() throws {
        try stack("labels/a.tif", pages: 2)
        for name in ["a-0000.png", "a-0001.png", "a-0000.probability.png", "b.png"] { try pixel("out/" + name) }
        let found = try SamplePair.predictions(folder.path + "/out", labels: labels)
        #expect(found.map(\.image.path) == ["a-0000", "a-0001"].map { "\(folder.path)/out/\($0).png" })
        #expect(found.map(\.labels.page) == [0, 1])
        #expect(try SamplePair.predictions(folder.path + "/out/", labels: labels + "/a.tif").count == 2)
        try pixel("labels/c.png")
        expectFailure("\(labels)/c.png has no prediction \(folder.path)/out/c.png") {
            try SamplePair.predictions(folder.path + "/out", labels: labels)
        }
    }

    @Test func predictionsByWildcards() throws {
        for name in ["t1.png", "t2.png", "t1.probability.png"] { try pixel("out/" + name) }
        for name in ["man1.tif", "man2.tif"] { try pixel("labels/" + name) }
        let found = try SamplePair.predictions(folder.path + "/out/t*.png", labels: labels + "/man*.tif")
        #expect(found.map(\.image.path) == ["t1", "t2"].map { "\(folder.path)/out/\($0).png" })
        #expect(found.map(\.labels.path) == ["man1", "man2"].map { "\(labels)/\($0).tif" })
        try pixel("labels/man3.tif")
        expectFailure("1 of the labels \(labels)/man*.tif have no prediction in \(folder.path)/out/t*.png") {
            try SamplePair.predictions(folder.path + "/out/t*.png", labels: labels + "/man*.tif")
        }
    }

    @Test func predictionsOfTheOneStackOfLabels() throws {
        try stack("labels/truth.tif", pages: 2)
        try stack("out.tif", pages: 2)
        for name in ["v-0000.png", "v-0001.png", "v-0000.probability.png", "v-0001.probability.png"] {
            try pixel("out/" + name)
        }
        let truth = labels + "/truth.tif"
        let wanted = ["v-0000", "v-0001"].map { "\(folder.path)/out/\($0).png" }
        let found = try SamplePair.predictions(folder.path + "/out/v-????.png", labels: truth)
        #expect(found.map(\.stem) == ["truth-0000", "truth-0001"] && found.map(\.labels.page) == [0, 1])
        #expect(found.map(\.image.path) == wanted)
        let likely = try SamplePair.predictions(
            folder.path + "/out/v-*.probability.png", labels: truth, probabilityServes: true)
        #expect(likely.map(\.image.path) == wanted)
        let pages = try SamplePair.predictions(folder.path + "/out.tif", labels: truth)
        #expect(pages.map(\.image) == [0, 1].map { ImagePage(folder.path + "/out.tif", page: $0) })
        expectFailure("truth.tif has 2 pages and", "v-* stands for 4 predictions: give one for each page") {
            try SamplePair.predictions(folder.path + "/out/v-*", labels: truth)
        }
    }

    @Test("predictions of pages come in the order of their numbers, padded or not")
    func numberedPredictions() throws {
        try stack("labels/truth.tif", pages: 11)
        for number in 0..<11 { try pixel("out/p_\(number).png") }
        let found = try SamplePair.predictions(folder.path + "/out/p_*.png", labels: labels + "/truth.tif")
        #expect(found.map(\.image.path) == (0..<11).map { "\(folder.path)/out/p_\($0).png" })
        #expect(found.map(\.labels.page) == Array(0..<11))
    }

    @Test func predictionsOfLargeImagesAreTIFF() throws {
        for name in ["a", "b"] { try pixel("labels/\(name).png") }
        for name in ["a.tif", "a.probability.tif", "b.probability.tif"] { try stack("out/\(name)", pages: 1) }
        let found = try SamplePair.predictions(folder.path + "/out", labels: labels, probabilityServes: true)
        #expect(found.map(\.image.path) == ["a.tif", "b.png"].map { "\(folder.path)/out/\($0)" })
        let likely = try SamplePair.predictions(
            folder.path + "/out/*.probability.tif", labels: labels + "/*.png", probabilityServes: true)
        #expect(likely.map(\.image.path) == found.map(\.image.path))
    }

    @Test func predictionsThatCannotBeToldApart() throws {
        for name in ["labels/a.png", "out/a.png"] { try pixel(name) }
        expectFailure("have wildcards and the labels \(labels) are a folder") {
            try SamplePair.predictions(folder.path + "/out/*.png", labels: labels)
        }
        try stack("labels/a.tif", pages: 1)
        expectFailure("folder \(labels) has 2 files for a (a.png, a.tif)") {
            try SamplePair.predictions(folder.path + "/out", labels: labels)
        }
    }

    @Test func otherFilesThanClassesMayServe() throws {
        try pixel("labels/a.png")
        try pixel("out/a.probability.png")
        let found = try SamplePair.predictions(folder.path + "/out", labels: labels, probabilityServes: true)
        #expect(found.map(\.image.path) == [folder.path + "/out/a.png"])
        expectFailure("a.png has no prediction") {
            try SamplePair.predictions(folder.path + "/out", labels: labels)
        }
    }
}
