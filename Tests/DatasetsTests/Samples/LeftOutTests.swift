import Datasets
import Foundation
import Testing

@Suite("What is left out is said") struct LeftOutTests {
    let folder: DataFolder

    init() throws { folder = try DataFolder() }

    private func pixels(_ names: String...) throws { for name in names { try folder.pixel(name) } }

    private func samples(images: String, labels: String) throws -> SampleSet {
        try SampleSource.files(images: images, labels: labels).samples { folder.path + "/" + $0 }
    }

    @Test func foldersWithMoreThanPairs() throws {
        try pixels("images/a.png", "images/B.TIF", "labels/a.png", "labels/B.png", "labels/c.png", "labels/d.png")
        for name in [
            "images/e.bmp", "images/f.BMP", "images/g.czi", "images/notes.txt", "images/.h.gif", "labels/a.jpg",
        ] {
            try folder.touch(name)
        }
        try folder.makeFolder("images/more")
        let set = try samples(images: "images", labels: "labels")
        #expect(set.pairs.map(\.stem) == ["B", "a"])
        #expect(set.remarks.count == 3)
        #expect(set.remarks[0] == "2 labels of \(folder.labels) have no image and are left out (first: c)")
        #expect(set.remarks[1].hasPrefix("\(folder.images) (images): 2 .bmp, 1 .czi are left out"))
        #expect(set.remarks[1].contains("folder more in it is not looked into"))
        #expect(
            set.remarks[2].hasPrefix(
                "\(folder.labels) (labels): 1 .jpg is left out, since only .png, .tif, .tiff labels are read"))
    }

    @Test func foldersWithoutAnImageThatIsRead() throws {
        for name in ["images/a.bmp", "images/b.webp"] { try folder.touch(name) }
        try pixels("labels/a.png")
        expectFailure("no image file: \(folder.images) (images): 1 .bmp, 1 .webp are left out") {
            try samples(images: "images", labels: "labels")
        }
    }

    @Test func wildcardsThatLeaveFilesOut() throws {
        try pixels("x/a.png", "x/b.png", "x/C.PNG", "x/d.tif", "y/a.png", "y/e.png", "y/f.PNG")
        try folder.touch("x/g.bmp")
        let set = try samples(images: "x/*.png", labels: "y/*.png")
        #expect(set.pairs.map(\.stem) == ["a"] && set.unlabelled == 1)
        #expect(set.remarks.count == 4)
        #expect(set.remarks[0].hasPrefix("1 image of x/*.png has no label and is left out ("))
        #expect(set.remarks[1].hasPrefix("1 label of y/*.png has no image and is left out ("))
        #expect(
            set.remarks[2].hasPrefix(
                "x/*.png (images): 1 .bmp, 1 .png, 1 .tif in the same place have another extension"))
        #expect(set.remarks[3].hasPrefix("y/*.png (labels): 1 .png in the same place has another extension"))
    }

    @Test("Images and labels side by side: neither is taken for the other") func oneFolder() throws {
        try pixels("x/a.png", "x/a_mask.png", "x/b.png", "x/b_mask.png")
        let set = try samples(images: "x/*.png", labels: "x/*_mask.png")
        #expect(set.pairs.map(\.image.path) == ["a", "b"].map { "\(folder.path)/x/\($0).png" })
        #expect(set.unlabelled == 0 && set.remarks.isEmpty, "\(set.remarks)")
        try pixels("z/a.jpg", "z/a.png")
        #expect(try samples(images: "z/*.jpg", labels: "z/*.png").remarks.isEmpty)
    }

    @Test("A set paired with itself is refused, by whatever path") func itsOwnLabels() throws {
        try pixels("images/a.png", "images/b.png")
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/link", withDestinationPath: "images")
        try folder.makeFolder("hard")
        for name in ["a.png", "b.png"] {
            try FileManager.default.linkItem(atPath: "\(folder.images)/\(name)", toPath: "\(folder.path)/hard/\(name)")
        }
        for labels in ["images", "link", "images/", "images/../images"] {
            expectFailure("is given for images and for labels") { try samples(images: "images", labels: labels) }
        }
        for (images, labels) in [
            ("images", "hard"), ("images/*.png", "images/*.png"), ("images/*.png", "link/*.png"),
            ("images/a.png", "images/a.png"), ("images/a.png", "link/a.png"),
        ] {
            expectFailure("is its own label") { try samples(images: images, labels: labels) }
        }
        try folder.touch("l.csv", bytes: Data("image,label\nimages/a.png,link/a.png\n".utf8))
        expectFailure("is its own label") { try SampleSource.list("l.csv").samples { folder.path + "/" + $0 } }
    }

    @Test func namesOfAnotherKindAreFound() throws {
        try pixels("images/a.png", "images/b.png", "labels/a_mask.tif", "labels/b_mask.tif")
        expectFailure("a.png has no label", "images: '\(folder.images)/*.png', labels: '\(folder.labels)/*_mask.tif'") {
            try samples(images: "images", labels: "labels")
        }
        try pixels("i/img1.png", "i/img2.png", "l/seg_img1.png", "l/seg_img2.png")
        expectFailure("labels: '\(folder.path)/l/seg_*.png'") { try samples(images: "i", labels: "l") }
        try pixels("j/a1_raw.png", "j/a2_raw.png", "m/a1_seg.png", "m/a2_seg.png")
        expectFailure("images: '\(folder.path)/j/*_raw.png', labels: '\(folder.path)/m/*_seg.png'") {
            try samples(images: "j", labels: "m")
        }
        try pixels("k/a.png", "k/b.png", "k/a_mask.png", "k/b_mask.png")
        expectFailure("images: '\(folder.path)/k/*.png', labels: '\(folder.path)/k/*_mask.png'") {
            try samples(images: "k", labels: "k")
        }
        try pixels("n/a.jpg", "n/a.png", "n/b.jpg", "n/b.png")
        expectFailure("images: '\(folder.path)/n/*.jpg', labels: '\(folder.path)/n/*.png'") {
            try samples(images: "n", labels: "n")
        }
        // The label is there, as a file that is not read.
        try pixels("o/a.png", "o/b.png", "p/a.png")
        try folder.touch("p/b.jpg")
        expectFailure("b.png has no label", "b.jpg is there, but labels are read from PNG and TIFF alone") {
            try samples(images: "o", labels: "p")
        }
    }

    @Test func namesThatAreNotUTF8() throws {
        try pixels("images/a.png", "labels/a.png")
        let bytes: [CChar] =
            (folder.images + "/Pr").utf8.map { CChar(bitPattern: $0) } + [CChar(bitPattern: 0xE4)]
            + "p.png".utf8.map { CChar(bitPattern: $0) } + [0]
        let file = try #require(fopen(bytes, "w"))
        fclose(file)
        expectFailure("whose name is not UTF-8", "convmv") { try samples(images: "images", labels: "labels") }
    }
}
