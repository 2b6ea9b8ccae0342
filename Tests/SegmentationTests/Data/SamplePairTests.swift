import Diagnostics
import Segmentation
import Testing

@Suite struct SamplePairTests {
    let folder: DataFolder

    init() throws { folder = try DataFolder() }

    private func pairs() throws -> [SamplePair] {
        try SamplePair.inFolders(images: folder.images, labels: folder.labels)
    }

    @Test func pairsByStemInTheirOrder() throws {
        for name in ["b.PNG", "a.png", "c.x.png", ".hidden.png", "notes.txt", "png"] {
            try folder.touch("images/" + name)
        }
        for name in ["a.Png", "b.png", "c.x.png", "z.png"] { try folder.touch("labels/" + name) }
        let found = try pairs()
        #expect(found.map(\.stem) == ["a", "b", "c.x"])
        #expect(found[0] == SamplePair(stem: "a", image: folder.images + "/a.png", labels: folder.labels + "/a.Png"))
        #expect(found[1].image == folder.images + "/b.PNG")
        // A slash at the end changes nothing.
        #expect(try SamplePair.inFolders(images: folder.images + "/", labels: folder.labels + "/") == found)
    }

    @Test func imagesWithoutLabels() throws {
        for name in ["a", "b", "c"] { try folder.touch("images/\(name).png") }
        try folder.touch("labels/a.png")
        expectFailure("image \(folder.images)/b.png has no label in \(folder.labels) (and 1 more have none)") {
            try pairs()
        }
        try folder.touch("labels/c.png")
        expectFailure("b.png has no label in \(folder.labels): add \(folder.labels)/b.png") { try pairs() }
    }

    @Test func foldersThatCannotServe() throws {
        expectFailure("\(folder.images) (images)", "holds no PNG") { try pairs() }
        try folder.touch("images/a.png")
        expectFailure("\(folder.labels) (labels)", "holds no PNG") { try pairs() }
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
        for name in ["images/a.png", "images/a.PNG", "labels/a.png"] { try folder.touch(name) }
        expectFailure("\(folder.images) has 2 files for a (a.PNG, a.png)") { try pairs() }
        expectFailure("\(folder.images) has 2 files for a") {
            try SamplePair.inFolders(images: folder.labels, labels: folder.images)
        }
    }
}
