import Datasets
import Testing

@Suite struct SamplePairTests {
    let folder: DataFolder

    init() throws { folder = try DataFolder() }

    private func pairs() throws -> [SamplePair] {
        try SamplePair.inFolders(images: folder.images, labels: folder.labels).pairs
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
        #expect(try SamplePair.inFolders(images: folder.images + "/", labels: folder.labels + "/").pairs == found)
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
        expectFailure("\(folder.labels) (labels): 1 .jpg is left out, since only .png, .tif, .tiff labels are read") {
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
        expectFailure(
            "image \(folder.images)/b.png holds 1 image and its label \(folder.labels)/b.tif 3 images", "data.pages"
        ) {
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
}
