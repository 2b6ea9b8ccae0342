import Datasets
import Inference
import Testing

@Suite struct SamplePairTests {
    let folder: DataFolder

    init() throws { folder = try DataFolder() }

    private func pairs() throws -> [SamplePair] {
        try SamplePair.inFolders(images: folder.images, labels: folder.labels)
    }

    @Test func pairsByStemInTheirOrder() throws {
        for name in ["b.PNG", "a.png", "c.x.png"] { try folder.pixel("images/" + name) }
        for name in [".hidden.png", "notes.txt", "png"] { try folder.touch("images/" + name) }
        for name in ["a.Png", "b.png", "c.x.png", "z.png"] { try folder.pixel("labels/" + name) }
        try folder.touch("labels/a.jpg")
        let found = try pairs()
        #expect(found.map(\.stem) == ["a", "b", "c.x"])
        #expect(found[0].image == ImagePage(folder.images + "/a.png"))
        #expect(found[0].labels == ImagePage(folder.labels + "/a.Png"))
        #expect(found[1].image.path == folder.images + "/b.PNG")
        // A slash at the end changes nothing.
        #expect(try SamplePair.inFolders(images: folder.images + "/", labels: folder.labels + "/") == found)
    }

    @Test func imagesWithoutLabels() throws {
        for name in ["a", "b", "c"] { try folder.pixel("images/\(name).png") }
        try folder.pixel("labels/a.png")
        expectFailure("image \(folder.images)/b.png has no label in \(folder.labels) (and 1 more have none)") {
            try pairs()
        }
        try folder.pixel("labels/c.png")
        expectFailure("b.png has no label in \(folder.labels): add \(folder.labels)/b.png or .tif") { try pairs() }
    }

    @Test func foldersThatCannotServe() throws {
        expectFailure("\(folder.images) (images)", "holds no image file") { try pairs() }
        try folder.pixel("images/a.png")
        try folder.touch("labels/a.jpg")
        expectFailure("\(folder.labels) (labels)", "holds no image file: put there files of .png, .tif, .tiff") {
            try pairs()
        }
        expectFailure("/none (images) does not exist") {
            try SamplePair.inFolders(images: folder.path + "/none", labels: folder.labels)
        }
        expectFailure("/images/a.png (labels) is not a folder") {
            try SamplePair.inFolders(images: folder.images, labels: folder.images + "/a.png")
        }
        expectFailure("a.png/b (images) cannot be read: not a directory") {
            try SamplePair.inFolders(images: folder.images + "/a.png/b", labels: folder.labels)
        }
    }

    @Test func twoFilesOfOneStem() throws {
        for name in ["images/a.png", "images/a.PNG", "labels/a.png"] { try folder.pixel(name) }
        expectFailure("\(folder.images) has 2 files for a (a.PNG, a.png)") { try pairs() }
        expectFailure("\(folder.images) has 2 files for a") {
            try SamplePair.inFolders(images: folder.labels, labels: folder.images)
        }
    }

    @Test func pagesOfStacksPairInTheirOrder() throws {
        try folder.stack("images/a.tif", pages: 2)
        try folder.stack("labels/a.tiff", pages: 2)
        try folder.pixel("images/b.png")
        try folder.stack("labels/b.tif", pages: 1)
        let found = try pairs()
        #expect(found.map(\.stem) == ["a-0000", "a-0001", "b"])
        #expect(found[1].image == ImagePage(folder.images + "/a.tif", page: 1))
        #expect(found[1].labels == ImagePage(folder.labels + "/a.tiff", page: 1))
        #expect(found[2].labels == ImagePage(folder.labels + "/b.tif"))

        try folder.stack("labels/b.tif", pages: 3)
        expectFailure("image \(folder.images)/b.png has 1 page and its label \(folder.labels)/b.tif has 3 pages") {
            try pairs()
        }
        try folder.pixel("labels/b.tif")
        for name in ["images/a-0001.png", "labels/a-0001.png"] { try folder.pixel(name) }
        expectFailure("a-0001.png", "a.tif (page 1)", "would both be called a-0001") { try pairs() }
    }

    @Test func whatIsNoImageIsFoundWhereItIsListed() throws {
        try folder.touch("images/a.tif")
        try folder.pixel("labels/a.png")
        expectFailure("image \(folder.images)/a.tif is empty") { try pairs() }
    }

    @Test func predictionsOfLabels() throws {
        try folder.stack("labels/a.tif", pages: 2)
        for name in ["a-0000.png", "a-0001.png", "a-0000.probability.png", "b.png"] { try folder.pixel("out/" + name) }
        let found = try SamplePair.predictions(folder.path + "/out", labels: folder.labels)
        #expect(found.map(\.image.path) == ["a-0000", "a-0001"].map { "\(folder.path)/out/\($0).png" })
        #expect(found.map(\.labels.page) == [0, 1])
        #expect(try SamplePair.predictions(folder.path + "/out/", labels: folder.labels + "/a.tif").count == 2)
        try folder.pixel("labels/c.png")
        expectFailure("\(folder.labels)/c.png has no prediction \(folder.path)/out/c.png") {
            try SamplePair.predictions(folder.path + "/out", labels: folder.labels)
        }
    }

    @Test func predictionsByWildcards() throws {
        for name in ["t1.png", "t2.png", "t1.probability.png"] { try folder.pixel("out/" + name) }
        for name in ["man1.tif", "man2.tif"] { try folder.pixel("labels/" + name) }
        let found = try SamplePair.predictions(folder.path + "/out/t*.png", labels: folder.labels + "/man*.tif")
        #expect(found.map(\.image.path) == ["t1", "t2"].map { "\(folder.path)/out/\($0).png" })
        #expect(found.map(\.labels.path) == ["man1", "man2"].map { "\(folder.labels)/\($0).tif" })
        try folder.pixel("labels/man3.tif")
        expectFailure("1 of the labels \(folder.labels)/man*.tif have no prediction in \(folder.path)/out/t*.png") {
            try SamplePair.predictions(folder.path + "/out/t*.png", labels: folder.labels + "/man*.tif")
        }
    }

    @Test func predictionsOfTheOneStackOfLabels() throws {
        try folder.stack("labels/truth.tif", pages: 2)
        try folder.stack("out.tif", pages: 2)
        for name in ["v-0000.png", "v-0001.png", "v-0000.probability.png", "v-0001.probability.png"] {
            try folder.pixel("out/" + name)
        }
        let labels = folder.labels + "/truth.tif"
        let wanted = ["v-0000", "v-0001"].map { "\(folder.path)/out/\($0).png" }
        let found = try SamplePair.predictions(folder.path + "/out/v-????.png", labels: labels)
        #expect(found.map(\.stem) == ["truth-0000", "truth-0001"] && found.map(\.labels.page) == [0, 1])
        #expect(found.map(\.image.path) == wanted)
        let likely = try SamplePair.predictions(
            folder.path + "/out/v-*.probability.png", labels: labels, probabilityServes: true)
        #expect(likely.map(\.image.path) == wanted)
        let pages = try SamplePair.predictions(folder.path + "/out.tif", labels: labels)
        #expect(pages.map(\.image) == [0, 1].map { ImagePage(folder.path + "/out.tif", page: $0) })
        expectFailure("truth.tif has 2 pages and", "v-* stands for 4 predictions: give one for each page") {
            try SamplePair.predictions(folder.path + "/out/v-*", labels: labels)
        }
    }

    @Test("predictions of pages come in the order of their numbers, padded or not")
    func numberedPredictions() throws {
        try folder.stack("labels/truth.tif", pages: 11)
        for number in 0..<11 { try folder.pixel("out/p_\(number).png") }
        let found = try SamplePair.predictions(folder.path + "/out/p_*.png", labels: folder.labels + "/truth.tif")
        #expect(found.map(\.image.path) == (0..<11).map { "\(folder.path)/out/p_\($0).png" })
        #expect(found.map(\.labels.page) == Array(0..<11))
    }

    @Test func predictionsOfLargeImagesAreTIFF() throws {
        for name in ["a", "b"] { try folder.pixel("labels/\(name).png") }
        for name in ["a.tif", "a.probability.tif", "b.probability.tif"] { try folder.stack("out/\(name)", pages: 1) }
        let found = try SamplePair.predictions(folder.path + "/out", labels: folder.labels, probabilityServes: true)
        #expect(found.map(\.image.path) == ["a.tif", "b.png"].map { "\(folder.path)/out/\($0)" })
        let likely = try SamplePair.predictions(
            folder.path + "/out/*.probability.tif", labels: folder.labels + "/*.png", probabilityServes: true)
        #expect(likely.map(\.image.path) == found.map(\.image.path))
    }

    @Test func predictionsThatCannotBeToldApart() throws {
        for name in ["labels/a.png", "out/a.png"] { try folder.pixel(name) }
        expectFailure("have wildcards and the labels \(folder.labels) are a folder") {
            try SamplePair.predictions(folder.path + "/out/*.png", labels: folder.labels)
        }
        try folder.stack("labels/a.tif", pages: 1)
        expectFailure("folder \(folder.labels) has 2 files for a (a.png, a.tif)") {
            try SamplePair.predictions(folder.path + "/out", labels: folder.labels)
        }
    }

    @Test func otherFilesThanClassesMayServe() throws {
        try folder.pixel("labels/a.png")
        try folder.pixel("out/a.probability.png")
        let found = try SamplePair.predictions(folder.path + "/out", labels: folder.labels, probabilityServes: true)
        #expect(found.map(\.image.path) == [folder.path + "/out/a.png"])
        expectFailure("a.png has no prediction") {
            try SamplePair.predictions(folder.path + "/out", labels: folder.labels)
        }
    }
}
