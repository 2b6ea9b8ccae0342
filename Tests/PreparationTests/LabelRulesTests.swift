import Datasets
import Foundation
import Images
import Preparation
import Testing

@Suite struct LabelRulesTests {
    private static let sky = RGBColor(128, 128, 128)
    private static let colors = [
        sky, RGBColor(128, 0, 0), RGBColor(0, 0, 192), RGBColor(64, 0, 128), RGBColor(0, 128, 192),
        RGBColor(128, 128, 0),
    ]
    private static let black = RGBColor(0, 0, 0)

    /// What labels of these samples, eight a row, one file each, mean.
    private func labels(
        _ files: [[UInt16]], palette: [RGBColor]? = nil, names: ClassNames = ClassNames()
    ) throws -> FoundLabels {
        let data = try DataFolder()
        let pages = try files.indices.map { index in
            try data.grey("\(index).png", 8, files[index], palette: palette)
            return ImagePage("\(data.path)/\(index).png")
        }
        return try LabelRules.labels(LabelEvidence(pages), names: names)
    }

    private func labels(colors files: [[RGBColor]], names: ClassNames = ClassNames()) throws -> FoundLabels {
        let data = try DataFolder()
        let pages = try files.indices.map { index in
            try data.colors("\(index).png", 8, files[index])
            return ImagePage("\(data.path)/\(index).png")
        }
        return try LabelRules.labels(LabelEvidence(pages), names: names)
    }

    private func rows(_ values: UInt16...) -> [UInt16] { values.flatMap { Array(repeating: $0, count: 8) } }
    private func rows(_ colors: [RGBColor]) -> [RGBColor] { colors.flatMap { Array(repeating: $0, count: 8) } }

    @Test(arguments: [1, 255, 7] as [UInt16]) func twoValuesAreAMask(_ top: UInt16) throws {
        let found = try labels([rows(0, top, 0, 0)])
        #expect(found.encoding == .binary)
        #expect(found.classes.map(\.share) == [0.75, 0.25])
        #expect(found.words.contains("\(top)"))
        #expect(found.words.contains("black to the eye") == (top == 1))
    }

    @Test func masksMayDifferInWhatIsNotZero() throws {
        #expect(try labels([rows(0, 1, 0), rows(0, 255, 0)]).encoding == .binary)
        #expect(try labels([rows(0, 1, 0, 255), rows(0, 255, 0, 1)]).encoding == .index)
    }

    @Test func smallNumbersAreClasses() throws {
        let found = try labels([rows(0, 1, 2, 1, 2, 1), rows(0, 0, 1, 2, 0, 1)])
        #expect(found.encoding == .index)
        #expect(found.classes.count == 3)
        #expect(found.ignoreIndex == nil)
    }

    @Test func numbersThatDifferFromImageToImageAreObjects() throws {
        let found = try labels([rows(0, 1, 0, 2, 0, 3), rows(0, 1, 0, 2, 0, 3, 0, 4), rows(0, 1, 0, 0, 0)])
        #expect(found.encoding == .instances)
        #expect(found.notes.contains { $0.contains("data.labels: index") && $0.contains("model.classes: 5") })
        // Organs in one piece each are in every image.
        let organs = try labels([rows(0, 1, 0, 2, 3, 4), rows(0, 1, 2, 0, 3, 4), rows(1, 2, 0, 3, 4, 0)])
        #expect(organs.encoding == .index)
    }

    @Test func valueTwoHundredFiftyFiveBesideSmallOnesIsVoid() throws {
        let found = try labels([rows(0, 1, 2, 1, 0, 2, 1, 255), rows(0, 1, 2, 1, 2, 0, 1, 0)])
        #expect(found.encoding == .index)
        #expect(found.classes.count == 3)
        #expect(found.ignoreIndex == 255)
        #expect(found.ignoredShare == 1.0 / 16)
        #expect(found.notes.contains { $0.contains("data.ignore_index") })
    }

    @Test func valuesFarApartAreGreysOfAPalette() throws {
        let found = try labels([rows(0, 127, 255, 127, 0, 255)])
        #expect(found.encoding == .palette([Self.black, RGBColor(127, 127, 127), RGBColor(255, 255, 255)]))
        #expect(found.classes.map(\.name) == ["grey_0", "grey_127", "grey_255"])
    }

    @Test func greyMasksInThreeChannelsAreMasks() throws {
        let found = try labels(colors: [rows([Self.black, RGBColor(255, 255, 255)])])
        #expect(found.encoding == .binary)
        #expect(found.words.contains("stored as RGB"))
    }

    @Test func littleBlackBesideManyColorsIsVoid() throws {
        let picture = rows(Self.colors + Self.colors) + Array(repeating: Self.black, count: 8)
        let found = try labels(colors: [picture])
        #expect(found.ignoreColor == Self.black)
        #expect(found.classes.count == 6)
        #expect(found.notes.contains { $0.contains("#000000") && $0.contains("data.ignore_color") })
        // Black that covers the most is the background.
        let background = try labels(colors: [picture + rows(Array(repeating: Self.black, count: 20))])
        #expect(background.ignoreColor == nil)
        #expect(background.classes.count == 7)
    }

    @Test func namesAndVoidAreReadFromAFile() throws {
        let names = ClassNames(ClassNames.entries("128 128 128\tSky\n128 0 0 Building\r\n0 0 0 Void\n"))
        #expect(names.entries.map(\.name) == ["Sky", "Building", "Void"])
        #expect(ClassNames.entries("name,r,g,b\nAnimal,64,128,64\n").first?.color == RGBColor(64, 128, 64))
        let found = try labels(colors: [rows([RGBColor(128, 0, 0), Self.sky, Self.black, Self.sky])], names: names)
        #expect(found.classes.map(\.name) == ["Sky", "Building"])
        #expect(found.ignoreColor == Self.black)
        #expect(found.notes.isEmpty)
        let numbered = ClassNames(ClassNames.entries("background\nroad\ncar\nunlabelled\n"))
        let index = try labels([rows(0, 1, 2, 3, 1, 2, 0, 1, 2, 0, 1, 3)], names: numbered)
        #expect(index.classes.map(\.name) == ["background", "road", "car"])
        #expect(index.ignoreIndex == 3)
    }

    @Test func palettesGiveTheClassesTheirColors() throws {
        let found = try labels([rows(0, 1, 2, 1, 0, 2, 1)], palette: Self.colors)
        #expect(found.encoding == .index)
        #expect(found.classes.map(\.color) == Self.colors.prefix(3).map(Optional.some))
    }

    @Test func manyValuesAreRefused() throws {
        let ramp: [UInt16] = (0..<256).map { (number: Int) -> UInt16 in UInt16((number * 31 + number / 8) % 256) }
        expectFailure("too many for classes", "--labels PATH") { try labels([ramp + ramp]) }
    }

    @Test func oneColorIsRefused() {
        expectFailure("of one colour, #808080") { try labels(colors: [rows([Self.sky, Self.sky])]) }
    }

    @Test func upAndDownMatterWhereClassesDiffer() throws {
        let scene = rows(0, 0, 1, 2, 2, 1)
        #expect(try labels(Array(repeating: scene, count: 4)).verticalDifference > 0.5)
        // Too few images tell nothing.
        #expect(try labels([scene]).verticalDifference == 0)
        #expect(try labels(Array(repeating: rows(0, 1, 2, 2, 1, 0), count: 4)).verticalDifference < 0.01)
    }

    @Test func lossyLabelsAreRefused() throws {
        let data = try DataFolder()
        try data.folder.write(Data([0xFF, 0xD8, 0xFF, 0xE0, 0, 0]), to: "a.jpg")
        expectFailure("compressed with loss") { try LabelEvidence([ImagePage("\(data.path)/a.jpg")]) }
    }
}
