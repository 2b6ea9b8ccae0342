import Foundation
import Images
import ObjectFiles
import TestSupport
import Testing

@Suite struct ObjectFilesTests {
    private let square = ObjectOutline(rings: [[.init(7, 3), .init(7, 5), .init(5, 5), .init(5, 3)]])
    private let ring = ObjectOutline(rings: [
        [.init(9, 2), .init(9, 5), .init(6, 5), .init(6, 2)], [.init(7, 3), .init(7, 4), .init(8, 4), .init(8, 3)],
    ])

    private func object(_ outline: ObjectOutline, plane: OutlinedObject.Plane? = nil) -> OutlinedObject {
        OutlinedObject(
            number: 12, className: "a/\"b\"", color: RGBColor(1, 2, 3), outline: outline, plane: plane,
            measurements: [("area", 4), ("solidity", .nan)])
    }

    private func number(_ bytes: [UInt8], _ at: Int, _ count: Int) -> Int {
        bytes[at..<at + count].reduce(0) { $0 << 8 | Int($1) }
    }

    @Test func geoJSON() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("a.geojson")
        let plane = OutlinedObject.Plane(image: 5, slice: 2, frame: 1, isHyperstack: true)
        try GeoJSONFile.write([object(square), object(ring, plane: plane)], to: path)
        let read = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path))) as? [String: Any])
        let features = try #require(read["features"] as? [[String: Any]])
        #expect(read["type"] as? String == "FeatureCollection" && features.count == 2)
        let geometry = try #require(features[1]["geometry"] as? [String: Any])
        let rings = try #require(geometry["coordinates"] as? [[[Int]]])
        #expect(rings.map(\.count) == [5, 5] && rings.allSatisfy { $0.first == $0.last })
        #expect(geometry["plane"] as? [String: Int] == ["c": -1, "z": 2, "t": 1])
        let properties = try #require(features[0]["properties"] as? [String: Any])
        #expect(properties["name"] as? String == "12" && properties["objectType"] as? String == "detection")
        // What is no number is not JSON's.
        #expect(properties["measurements"] as? [String: Double] == ["area": 4])
        let classification = try #require(properties["classification"] as? [String: Any])
        #expect(classification["name"] as? String == "a/\"b\"" && classification["color"] as? [Int] == [1, 2, 3])
        try GeoJSONFile.write([], to: path)
        #expect(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path))) is [String: Any])
    }

    @Test("a traced ROI: the bounds, corners from these, the name and the place in a stack")
    func traced() {
        let bytes = ImageJROI.bytes(
            object(square, plane: .init(image: 4, slice: 4, frame: 0, isHyperstack: false)))
        #expect(bytes.prefix(4).elementsEqual("Iout".utf8) && bytes[6] == 8)
        #expect([8, 10, 12, 14, 16].map { number(bytes, $0, 2) } == [3, 5, 5, 7, 4])
        #expect(number(bytes, 56, 4) == 5 && number(bytes, 36, 4) == 0)
        #expect((0..<8).map { number(bytes, 64 + 2 * $0, 2) } == [2, 2, 0, 0, 0, 2, 2, 0])
        let second = number(bytes, 60, 4)
        #expect(second == 80 && (1...3).map { number(bytes, second + 4 * $0, 4) } == [0, 0, 0])
        let (place, count) = (number(bytes, second + 16, 4), number(bytes, second + 20, 4))
        let name = (0..<count).map { UInt16(number(bytes, place + 2 * $0, 2)) }
        #expect(String(decoding: name, as: UTF16.self) == "0004-0012-a_\"b\"" && place + 2 * count == bytes.count)
    }

    @Test("a ROI with a hole is composite: one path a ring")
    func composite() {
        let bytes = ImageJROI.bytes(
            object(ring, plane: .init(image: 4, slice: 1, frame: 2, isHyperstack: true)))
        #expect(bytes[6] == 1 && number(bytes, 16, 2) == 0 && number(bytes, 36, 4) == 26)
        let path = (0..<26).map { Float(bitPattern: UInt32(number(bytes, 64 + 4 * $0, 4))) }
        #expect(path.prefix(6) == [0, 9, 2, 1, 9, 5] && path[12] == 4 && path[13] == 0 && path[25] == 4)
        let second = number(bytes, 60, 4)
        #expect(number(bytes, 56, 4) == 0 && (1...3).map { number(bytes, second + 4 * $0, 4) } == [0, 2, 3])
    }

    @Test("an archive holds one entry an object, has the same bytes again, and may be empty")
    func archive() throws {
        let folder = try TemporaryFolder()
        let (path, again) = (folder.path("a.zip"), folder.path("b.zip"))
        try ImageJROIArchive.write([object(square)], to: path)
        try ImageJROIArchive.write([object(square)], to: again)
        let bytes = try Data(contentsOf: URL(filePath: path))
        #expect(try bytes == Data(contentsOf: URL(filePath: again)))
        #expect(bytes.starts(with: [0x50, 0x4B, 3, 4]) && bytes.range(of: Data("0012-a_\"b\".roi".utf8)) != nil)
        try ImageJROIArchive.write([], to: path)
        #expect(try Data(contentsOf: URL(filePath: path)).count == 22)
    }
}
