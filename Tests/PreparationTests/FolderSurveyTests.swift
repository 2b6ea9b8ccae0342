import Datasets
import Preparation
import TestSupport
import Testing

@Suite struct FolderSurveyTests {
    @Test(
        arguments: [
            ("imagesTr", NameWords.Part.images, NameWords.Split.train, []), ("train_masks", .labels, .train, []),
            ("trainannot", .labels, .train, []), ("SegmentationClass", .labels, nil, ["class"]),
            ("JPEGImages", .images, nil, []), ("val", nil, .validation, []), ("label-images", .labels, nil, []),
            ("01", nil, nil, ["01"]), ("ground_truth", .labels, nil, []), ("trials", nil, nil, ["trials"]),
        ] as [(String, NameWords.Part?, NameWords.Split?, [String])])
    func namesOfFoldersSayWhatIsInThem(
        _ name: String, _ part: NameWords.Part?, _ split: NameWords.Split?, _ rest: [String]
    ) {
        let words = NameWords(name)
        #expect(words.part == part)
        #expect(words.split == split)
        #expect(words.rest == rest)
    }

    /// Files of one pixel, and what a configuration calls them.
    @Test(
        arguments: [
            (["images/a.png", "labels/a.png"], "images", "labels"),
            (["img/a.png", "img/b.png", "masks/a.png", "masks/b.png"], "img", "masks"),
            (["Images/a.png", "Images/b.png", "Masks/a.PNG", "Masks/b.PNG"], "Images", "Masks"),
            // Images without labels are left out, which needs wildcards.
            (
                ["images/a.png", "images/b.png", "images/c.png", "masks/a.png", "masks/b.png"], "images/*.png",
                "masks/*.png"
            ),
            // Names of another kind.
            (
                ["images/a.png", "images/b.png", "masks/a_mask.png", "masks/b_mask.png"], "images/*.png",
                "masks/*_mask.png"
            ),
            // Side by side.
            (["a.png", "b.png", "a_mask.png", "b_mask.png"], "*.png", "*_mask.png"),
            (["a.png", "b.png", "c.png", "d.png", "e.png", "a_seg.png", "b_seg.png"], "*.png", "*_seg.png"),
            (["a-mask.png", "a.png", "b-mask.png", "b.png"], "*.png", "*-mask.png"),
            (["a.mask.png", "a.png", "b.mask.png", "b.png"], "*.png", "*.mask.png"),
            (["img_1.png", "img_2.png", "mask_1.png", "mask_2.png"], "img_*.png", "mask_*.png"),
            // Below the folder, and elsewhere.
            (["data/images/a.png", "data/labels/a.png"], "data/images", "data/labels"),
            (["cells/a.png", "cells/b.png", "cells_masks/a.png", "cells_masks/b.png"], "cells", "cells_masks"),
            (["photos/a.png", "drawn_masks/a.png", "photos/b.png", "drawn_masks/b.png"], "photos", "drawn_masks"),
            // Folders that differ in a name.
            (
                ["p1/images/a.png", "p1/masks/a.png", "p2/images/b.png", "p2/masks/b.png"], "*/images/*.png",
                "*/masks/*.png"
            ),
            (["a.png", "b.png", "masks/a.png", "masks/b.png"], "*.png", "masks/*.png"),
            // What no image is.
            (["images/a.png", "labels/a.png", "__MACOSX/images/a.png", ".hidden/labels/a.png"], "images", "labels"),
        ] as [([String], String, String)])
    func pairsAreFound(_ files: [String], _ images: String, _ labels: String) throws {
        let data = try DataFolder()
        for file in files { try data.grey(file, 1, [0]) }
        let survey = try FolderSurvey(data.path, labels: nil)
        #expect(survey.train == .files(images: images, labels: labels))
        #expect(survey.validation == nil)
        // Whatever is chosen can be read.
        let set = try survey.train.samples { ImageFolder.join(data.path, $0) }
        #expect(!set.pairs.isEmpty)
    }

    @Test(arguments: [
        ["train/images", "train/masks", "val/images", "val/masks"],
        ["images/train", "masks/train", "images/val", "masks/val"],
        ["imagesTr", "labelsTr", "imagesVal", "labelsVal"], ["train", "trainannot", "val", "valannot"],
    ])
    func splitsOfTheirOwnAreTaken(_ folders: [String]) throws {
        let data = try DataFolder()
        for folder in folders { try data.pixels("\(folder)/a.png", "\(folder)/b.png") }
        try data.pixels("test/images/c.png", "imagesTs/d.png")
        let survey = try FolderSurvey(data.path, labels: nil)
        #expect(survey.train == .files(images: folders[0], labels: folders[1]))
        #expect(survey.validation == .files(images: folders[2], labels: folders[3]))
        #expect(survey.test == "imagesTs" || survey.test == "test/images")
    }

    @Test func labelsThatAreNamedAreTaken() throws {
        let data = try DataFolder()
        try data.pixels("shots/a.png", "shots/b.png", "drawn/a.png", "drawn/b.png")
        expectFailure("no labels", "--labels PATH") { try FolderSurvey(data.path, labels: nil) }
        let survey = try FolderSurvey(data.path, labels: "\(data.path)/drawn")
        #expect(survey.train == .files(images: "shots", labels: "drawn"))
        let other = try DataFolder()
        try other.pixels("x/a.png", "x/b.png")
        let apart = try FolderSurvey(data.path + "/shots", labels: "\(other.path)/x")
        guard case .files(let images, let labels) = apart.train else { return }
        #expect(images == "*.png" && labels.hasSuffix("/x/*.png"))
        let pattern = try FolderSurvey(data.path, labels: "\(data.path)/drawn/*.png")
        #expect(pattern.train == .files(images: "shots/*.png", labels: "drawn/*.png"))
        let place = data.path + "/shots"
        #expect(try apart.train.samples { $0.hasPrefix("/") ? $0 : ImageFolder.join(place, $0) }.pairs.count == 2)
        expectFailure("--labels", "does not exist") { try FolderSurvey(data.path, labels: "\(data.path)/none") }
    }

    @Test func twoKindsOfLabelsAreSaid() throws {
        let data = try DataFolder()
        for folder in ["image", "instance", "label"] { try data.pixels("\(folder)/a.png", "\(folder)/b.png") }
        let survey = try FolderSurvey(data.path, labels: nil)
        #expect(survey.train == .files(images: "image", labels: "instance"))
        #expect(survey.notes.contains { $0.contains("--labels") })
        #expect(
            try FolderSurvey(data.path, labels: "\(data.path)/label").train == .files(images: "image", labels: "label"))
    }

    @Test func whatCannotBeDecidedIsRefused() throws {
        let empty = try DataFolder()
        expectFailure("holds no image file") { try FolderSurvey(empty.path, labels: nil) }
        let unlike = try DataFolder()
        try unlike.pixels("images/one.png", "images/two.png", "labels/drei.png", "labels/vier.png")
        expectFailure("do not pair by their names") { try FolderSurvey(unlike.path, labels: nil) }
        let alone = try DataFolder()
        try alone.pixels("labels/a.png", "labels/b.png")
        expectFailure("no images that go with them") { try FolderSurvey(alone.path, labels: nil) }
    }

    @Test func stacksPairByTheirNames() throws {
        let data = try DataFolder()
        let page = TinyTIFF.Page(1, [1])
        try data.tiff("train-volume.tif", page, page, page)
        try data.tiff("train-labels.tif", page, page, page)
        #expect(
            try FolderSurvey(data.path, labels: nil).train
                == .files(images: "train-volume.tif", labels: "train-labels.tif"))
        try data.tiff("test-volume.tif", page)
        #expect(
            try FolderSurvey(data.path, labels: nil).train == .files(images: "*-volume.tif", labels: "*-labels.tif"))
    }
}
