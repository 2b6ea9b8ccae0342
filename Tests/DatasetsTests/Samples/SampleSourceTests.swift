import Datasets
import Foundation
import Testing

@Suite struct SampleSourceTests {
    let folder: DataFolder

    init() throws { folder = try DataFolder() }

    private func samples(_ images: String, _ labels: String) throws -> SampleSet {
        try SampleSource.files(images: images, labels: labels).samples { "\(folder.path)/\($0)" }
    }

    private func list(_ text: String) throws -> SampleSet {
        try folder.touch("list.csv", bytes: Data(text.utf8))
        return try SampleSource.list("list.csv").samples { "\(folder.path)/\($0)" }
    }

    /// Paths below the folder.
    private func paths(_ set: SampleSet) -> [[String]] {
        set.pairs.map { [$0.stem, $0.image.name, $0.labels.name].map { $0.replacing(folder.path + "/", with: "") } }
    }

    // MARK: - Files

    @Test func twoFilesAreAPairWhateverTheirNames() throws {
        try folder.stack("train-volume.tif", pages: 2)
        try folder.stack("train-labels.tif", pages: 2)
        #expect(
            paths(try samples("train-volume.tif", "train-labels.tif")) == [
                ["train-volume-0000", "train-volume.tif (page 0)", "train-labels.tif (page 0)"],
                ["train-volume-0001", "train-volume.tif (page 1)", "train-labels.tif (page 1)"],
            ])
        try folder.stack("train-labels.tif", pages: 3)
        expectFailure("train-volume.tif holds 2 images and its label", "train-labels.tif 3 images") {
            try samples("train-volume.tif", "train-labels.tif")
        }
        expectFailure("\(folder.path)/none.tif does not exist") { try samples("train-volume.tif", "none.tif") }
        expectFailure("one is a folder and the other is not") { try samples("images", "train-labels.tif") }
    }

    // MARK: - Wildcards

    @Test func filesPairByWhatTheWildcardsStandFor() throws {
        // The Cell Tracking Challenge's folders.
        for number in 0..<4 { try folder.pixel("01/t00\(number).tif") }
        for number in [1, 3, 7] { try folder.pixel("01_ST/SEG/man_seg00\(number).tif") }
        try folder.pixel("01/.t001.tif")
        try folder.pixel("01/t001.tif.png")
        let set = try samples("01/t*.tif", "01_ST/SEG/man_seg*.tif")
        #expect(
            paths(set) == [
                ["t001", "01/t001.tif", "01_ST/SEG/man_seg001.tif"],
                ["t003", "01/t003.tif", "01_ST/SEG/man_seg003.tif"],
            ])
        #expect(set.unlabelled == 2)
        #expect(set.remarks.first?.hasPrefix("2 images of 01/t*.tif have no label and are left out (first: ") == true)
        // Wildcards side by side are one.
        #expect(try samples("01/t???.tif", "01_ST/SEG/man_seg*.tif").pairs == set.pairs)
        #expect(try samples("01/t?*.tif", "01_ST/SEG/man_seg*?.tif").pairs == set.pairs)
        expectFailure("t??.tif (images) matches no file") { try samples("01/t??.tif", "01_ST/SEG/man_seg*.tif") }
    }

    @Test func wildcardsInSeveralFolders() throws {
        for sequence in ["01", "02"] {
            for number in [0, 1] { try folder.pixel("\(sequence)/t00\(number).png") }
            try folder.pixel("\(sequence)_ST/SEG/man_seg000.png")
            try folder.pixel("\(sequence)_ST/TRA/man_seg001.png")
        }
        try folder.pixel("02_ST/SEG/man_seg001.png")
        try folder.pixel("03_ST/notes/man_seg001.png")
        let set = try samples("0*/t*.png", "0*_ST/SEG/man_seg*.png")
        // Names that return are told apart by their folders'.
        #expect(
            paths(set) == [
                ["01-t000", "01/t000.png", "01_ST/SEG/man_seg000.png"],
                ["02-t000", "02/t000.png", "02_ST/SEG/man_seg000.png"],
                ["02-t001", "02/t001.png", "02_ST/SEG/man_seg001.png"],
            ])
        #expect(set.remarks.first?.hasPrefix("1 image of 0*/t*.png has no label and is left out (") == true)
    }

    /// A wildcard stands for as little as it can, the first ones first.
    @Test(arguments: [
        ("a*_*.png", ["a1_2_3.png"], [["1", "2_3"]]), ("a*.png", ["a.png", "ab.png", "b.png"], [[""], ["b"]]),
        ("a?b.png", ["ab.png", "axb.png", "axxb.png"], [["x"]]), ("*.p*g", ["x.png", "x.jpg"], [["x", "n"]]),
        ("a*a*a.png", ["aaaa.png", "aa.png"], [["", "a"]]), ("é*.png", ["é1.png", "e1.png"], [["1"]]),
        ("*x.png", [".x.png", "ax.png"], [["a"]]), (".*.png", [".x.png", "x.png"], [["x"]]),
    ])
    func whatWildcardsStandFor(pattern: String, names: [String], parts: [[String]]) throws {
        for name in names { try folder.pixel("images/" + name) }
        // Labels that spell out what the wildcards should have stood for.
        let shape = "L" + Array(repeating: "<*>", count: parts[0].count).joined() + ".png"
        for part in parts { try folder.pixel("labels/L" + part.map { "<\($0)>" }.joined() + ".png") }
        let set = try samples("images/" + pattern, "labels/" + shape)
        #expect(set.pairs.count == parts.count)
        #expect(
            set.pairs.map { ($0.labels.path as NSString).lastPathComponent }.sorted()
                == parts.map { "L" + $0.map { "<\($0)>" }.joined() + ".png" }.sorted())
    }

    @Test func theWildcardsOfTheRootAreNone() throws {
        try folder.pixel("odd*/images/a.png")
        try folder.pixel("odd*/labels/la.png")
        let source = SampleSource.files(images: "images/*.png", labels: "labels/l*.png")
        #expect(try source.samples { "\(folder.path)/odd*/\($0)" }.pairs.map(\.stem) == ["a"])
    }

    @Test func pagesOfStacksByWildcards() throws {
        try folder.stack("images/a.tif", pages: 2)
        try folder.stack("labels/la.tif", pages: 2)
        #expect(try samples("images/*.tif", "labels/l*.tif").pairs.map(\.stem) == ["a-0000", "a-0001"])
    }

    @Test func wildcardsThatCannotServe() throws {
        try folder.pixel("images/a.png")
        try folder.pixel("labels/b.png")
        expectFailure("no file of \(folder.path)/images/*.png pairs with one of \(folder.path)/labels/*.png", "'a'") {
            try samples("images/*.png", "labels/*.png")
        }
        expectFailure("\(folder.path)/images/*.tif (images) matches no file") {
            try samples("images/*.tif", "labels/*.png")
        }
        expectFailure("folder \(folder.path)/none (labels) does not exist") {
            try samples("images/*.png", "none/*.png")
        }
        // A folder is no image, and no folder is looked into that is none.
        expectFailure("/ima* (images) matches no file") { try samples("ima*", "labels/*.png") }
        expectFailure("(images) matches no file") { try samples("images/a*/x.png", "labels/*.png") }
        expectFailure("images 'images/**' has **") { try samples("images/**", "labels/*") }
        expectFailure("labels 'labels' and images 'images/*' have 0 and 1 wildcards") {
            try samples("images/*", "labels")
        }
        expectFailure("labels must be a folder, a file or a path with wildcards, not empty") { try samples("a", "") }
    }

    // MARK: - Lists

    @Test func listsAreRelativeToTheirFolder() throws {
        for name in ["images/a.png", "labels/x.png", "more/a, \"b\".png", "labels/y.png"] { try folder.pixel(name) }
        let set = try list(
            "\u{FEFF}image,label\r\nimages/a.png,\(folder.path)/labels/x.png\r\n\r\n\"more/a, \"\"b\"\".png\",\"labels/y.png\""
        )
        #expect(
            paths(set) == [
                ["a", "images/a.png", "labels/x.png"], ["a, \"b\"", "more/a, \"b\".png", "labels/y.png"],
            ])
        #expect(set.remarks.isEmpty)
    }

    @Test("lists as other programs write them", arguments: ["\n", "\r\n", "\r"], ["", "\u{FEFF}"])
    func linesAndMarks(end: String, mark: String) throws {
        for name in ["a.png", "b.png", "c.png"] { try folder.pixel(name) }
        let set = try list(mark + ["image,label", "a.png,b.png", "", "c.png,\"b.png\"", ""].joined(separator: end))
        #expect(paths(set) == [["a", "a.png", "b.png"], ["c", "c.png", "b.png"]])
    }

    @Test func namesOfAListAreToldApart() throws {
        for name in ["x/1/a.png", "x/2/a.png", "x/2/b.png", "y/1/a.png"] { try folder.pixel(name) }
        try folder.pixel("labels/l.png")
        let rows = ["x/1/a", "x/2/a", "x/2/b", "y/1/a"].map { "\($0).png,labels/l.png\n" }
        #expect(try list("image,label\n" + rows.dropLast().joined()).pairs.map(\.stem) == ["1-a", "2-a", "2-b"])
        #expect(try list("image,label\n" + rows.joined()).pairs.map(\.stem) == ["x-1-a", "x-2-a", "x-2-b", "y-1-a"])
        try folder.stack("x/1/a.tif", pages: 1)
        expectFailure("x/1/a.png and", "x/1/a.tif would both be called") {
            try list("image,label\nx/1/a.png,labels/l.png\nx/1/a.tif,labels/l.png\n")
        }
    }

    @Test func stacksInLists() throws {
        try folder.stack("images/a.tif", pages: 2)
        try folder.stack("labels/b.tif", pages: 2)
        try folder.pixel("labels/c.png")
        #expect(try list("image,label\nimages/a.tif,labels/b.tif\n").pairs.map(\.stem) == ["a-0000", "a-0001"])
        expectFailure("list \(folder.path)/list.csv line 2: image", "2 images and its label", "1 image") {
            try list("image,label\nimages/a.tif,labels/c.png\n")
        }
    }

    @Test(arguments: [
        ("", "line 1: the first line must be image,label"),
        ("a,b\nc,d\n", "line 1: the first line must be image,label"),
        ("image;label\na.png;b.png\n", "image,label, and semicolons part its fields: save it with commas"),
        ("\u{FEFF}image\tlabel\na.png\tb.png\n", "image,label, and tabs part its fields: save it with commas"),
        ("image,label\n", "names no image"), ("image,label\na.png\n", "line 2: has no comma"),
        ("image,label\n\na.png,b.png,c\n", "line 3: has 3 fields"),
        ("image,label\n,b.png\n", "line 2: a path is empty"),
        ("image,label\n\"a\nb\",\"c\n", "line 2: a quote is not closed"),
        ("image,label\n\"a\"b,c\n", "line 2: text follows a closing quote"),
        ("image,label\na.png,b.png\nb.png,b.png\na.png,c.png\n", "a.png is in line 2 too"),
        ("image,label\n\na.png,b.png\n", "line 3: image"), ("image,label\nlist.csv,list.csv\n", "line 2: image"),
    ])
    func listsThatCannotServe(text: String, problem: String) throws {
        expectFailure("list \(folder.path)/list.csv", problem) { try list(text) }
    }

    @Test func listsThatCannotBeRead() throws {
        expectFailure("list none.csv does not exist") { try SampleSource.list("none.csv").samples() }
        expectFailure("list \(folder.path) is a folder") { try SampleSource.list(folder.path).samples() }
        try folder.touch("bytes.csv", bytes: Data([0xFF, 0xFE]))
        expectFailure("bytes.csv is not text in UTF-8 but in UTF-16: save it as UTF-8") {
            try SampleSource.list(folder.path + "/bytes.csv").samples()
        }
    }
}
