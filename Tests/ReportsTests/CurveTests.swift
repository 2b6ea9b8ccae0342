import Foundation
import Kernels
import Reports
import Support
import Testing

@Suite struct CurveTests {
    @Test func fewPointsAreAllThere() {
        let curve = Curve("a", x: [1, 2, 5], y: [1, .nan, 3])
        #expect(curve.x == [1, 2, 5] && curve.y == [1, nil, 3] && curve.low == nil)
    }

    @Test func ofManyTheExtremesAreKept() throws {
        var values = [Double](repeating: 1, count: 10_007)
        values[4321] = 900
        values[9999] = -7
        values[17] = .infinity
        let curve = Curve("a", x: Array(1...10_007), y: values, most: 1000)
        #expect(curve.x.count <= 1000 && curve.x == curve.x.sorted())
        #expect(try #require(curve.high).compactMap(\.self).max() == 900)
        #expect(try #require(curve.low).compactMap(\.self).min() == -7)
        #expect(curve.y.allSatisfy { $0 != nil })
    }

    @Test func valuesHaveSixDigits() {
        let curve = Curve("a", x: [1, 2, 3], y: [0.123456789, 123456.789, -0.000012345678])
        #expect(curve.y == [0.123457, 123457, -0.0000123457])
    }

    @Test(arguments: [
        (0.91234, "0.912"), (0.01234, "0.0123"), (1234.4, "1,234"), (12.345, "12.3"), (1.005, "1.00"), (0, "0"),
        (0.00012, "0.00012"), (.nan, "–"),
    ])
    func figuresAreShort(_ value: Double, _ text: String) { #expect(figure(value) == text) }

    @Test func labelsAreRuns() throws {
        let labels = LabelMap(height: 2, width: 150, filledWith: 0)
        labels[0, 0] = LabelMap.ignored
        for x in 100..<150 { labels[1, x] = 300 }
        let bytes = [UInt8](try #require(Data(base64Encoded: LabelRuns.encode(labels))))
        // One that does not count, 249 of class 0, 50 of class 300.
        #expect(bytes == [0, 1, 1, 0xF9, 0x01, 0xAD, 0x02, 50])
    }

    @Test(arguments: [
        ("runs/a-1", "runs/a-1"), ("a b", "'a b'"), ("it's", #"'it'\''s'"#), ("", "''"), ("$(x)", "'$(x)'"),
    ])
    func pathsAreWordsOfAShell(_ path: String, _ word: String) { #expect(path.shellWord == word) }
}
