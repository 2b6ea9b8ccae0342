import Checkpoints
import Foundation
import Inference
import Support
import TestSupport
import TestTraits
import Testing

/// Weight files of a few kilobytes that claim more than any machine has, or make no sense: one line, and nothing taken.
@Suite struct SmallFileBombTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func file(_ header: String, bytes: Int = 0) throws -> String {
        var data = Data()
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { data.append(contentsOf: $0) }
        data.append(Data(header.utf8))
        data.append(Data(count: bytes))
        return try folder.write(data, to: "\(UUID().uuidString).safetensors")
    }

    private static func tensor(_ name: String, _ shape: String, _ range: String = "[0,0]") -> String {
        "\"\(name)\":{\"dtype\":\"F32\",\"shape\":\(shape),\"data_offsets\":\(range)}"
    }

    /// How a model, a checkpoint and the file itself are refused.
    private func refusals(_ path: String, sourceLocation: SourceLocation = #_sourceLocation) -> [String] {
        [
            { _ = try TrainedModel(reading: path) }, { _ = try Checkpoint(reading: path) },
        ].map { (read: () throws -> Void) in
            let watch = ContinuousClock()
            let start = watch.now
            let failure = #expect(throws: Failure.self, sourceLocation: sourceLocation) { try read() }
            let message = failure?.message ?? ""
            #expect(failure?.kind == .request && message.contains(path), sourceLocation: sourceLocation)
            #expect(message.utf8.count < 800 && !message.contains("\n"), "\(message)", sourceLocation: sourceLocation)
            #expect(watch.now - start < .seconds(5), sourceLocation: sourceLocation)
            return message
        }
    }

    @Test(
        "configurations in the metadata that are huge",
        arguments: [
            "model: {base_channels: 65536, depth: 12}", "model: {classes: 65536}",
            "model: {input_channels: 65536, depth: 12}",
            "model: {base_channels: 65536, normalization: group}", "data: {tile: 1048576}",
        ])
    func configurations(_ text: String) throws {
        let yaml = text.hasPrefix("data") ? text : text + "\\ndata: {train: {images: a, labels: b}, tile: 0}"
        let metadata =
            "\"__metadata__\":{\"lockstep.version\":\"0.2.0\",\"lockstep.configuration\":\"\(yaml)\",\"lockstep.step\":\"1\",\"lockstep.elapsed_seconds\":\"1\"}"
        _ = refusals(try file("{\(metadata)}"))
        _ = refusals(try file("{\(metadata),\(Self.tensor("encoder.0.conv1.weight", "[65536,0,3,3]"))}"))
    }

    @Test("a bomb of aliases in the metadata")
    func aliases() throws {
        var yaml = "a0: &a0 [x]\\n"
        for level in 1...9 {
            yaml += "a\(level): &a\(level) ["
            yaml += [String](repeating: "*a\(level - 1)", count: 9).joined(separator: ",") + "]\\n"
        }
        let messages = refusals(
            try file(
                "{\"__metadata__\":{\"lockstep.version\":\"0.2.0\",\"lockstep.configuration\":\"\(yaml)\",\"lockstep.step\":\"1\",\"lockstep.elapsed_seconds\":\"1\"}}"
            ))
        for message in messages { #expect(message.contains("aliases")) }
    }

    @Test(
        "tensors without values, of sides whose product overflows, and seventy levels",
        arguments: [
            ("[1152921504606846976,0,3,3]", "[2,0,1,1]", 0), ("[0,1152921504606846976,3,3]", "[2,0,1,1]", 0),
            ("[65537,1,3,3]", "[2,65537,1,1]", 0), ("[1,1,3,3]", "[2,1,1,1]", 70),
            ("[1,1,3,3]", "[9223372036854775807,0,1,1]", 0),
            ("[0,0,3,3]", "[0,0,1,1]", 0), ("[4611686018427387904,1,3,3]", "[2,1,1,1]", 63),
        ])
    func shapes(_ first: String, _ head: String, levels: Int) throws {
        func count(_ shape: String) -> Int? {
            let sides = shape.dropFirst().dropLast().split(separator: ",").compactMap { Int($0) }
            return sides.contains(0) ? 0 : sides.reduce(1) { $0 &* $1 }
        }
        // What no file can hold stays a lie.
        let most = 1 << 22
        let (a, b) = ((4 &* (count(first) ?? 0)) & (most - 1), (4 &* (count(head) ?? 0)) & (most - 1))
        var parts = [
            Self.tensor("encoder.0.conv1.weight", first, "[0,\(a)]"),
            Self.tensor("head.weight", head, "[\(a),\(a + b)]"),
        ]
        if levels > 0 { parts += (1...levels).map { Self.tensor("encoder.\($0).conv1.weight", "[0,0,3,3]", "[0,0]") } }
        _ = refusals(try file("{" + parts.joined(separator: ",") + "}", bytes: a + b))
    }

    @Test(
        "headers that are no sound JSON of the format",
        arguments: [
            "{\"a\":" + String(repeating: "[", count: 500_000), String(repeating: "{\"a\":", count: 100_000),
            "{\"a\":" + String(repeating: "{\"b\":", count: 100_000), String(repeating: "[", count: 1_000_000),
            "{\"__metadata__\":{\"a\":{\"b\":1}}}", "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}",
            "{\"__metadata__\":{},\"__metadata__\":{}}", "{\"__metadata__\":{\"a\":\"\\ud800\"}}", "{\"\\u12", "{\"a",
            "{} x",
            "{" + tensor("a", "[0]") + "," + tensor("a", "[0]") + "}",
            "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}",
            "{" + tensor("a", "[" + [String](repeating: "0", count: 1000).joined(separator: ",") + "]") + "}",
            "{" + tensor("a", "[99999999999999999999]") + "}",
            "{" + tensor("a", "[0]", "[99999999999999999999,0]") + "}",
            "{" + tensor(String(repeating: "n", count: 1_000_000), "[1]") + "}",
            "{" + tensor(String(repeating: "module.", count: 100_000), "[0]") + "}",
        ].map(LongText.init))
    func headers(_ header: LongText) throws { _ = refusals(try file(header.text)) }

    @Test("more tensors than any network has", arguments: [10_000, 200_000])
    func manyTensors(_ count: Int) throws {
        _ = refusals(try file("{" + (0..<count).map { Self.tensor("x\($0)", "[0]") }.joined(separator: ",") + "}"))
    }

    @Test func aFileOfHolesTakesNoMemory() throws {
        let path = try file("{}")
        #expect(truncate(path, 1 << 42) == 0)
        for message in refusals(path) { #expect(message.contains(MachineMemory.variable)) }
    }

    @Test func whatIsNoFileIsRefused() throws {
        let pipe = folder.path("pipe.safetensors")
        #expect(mkfifo(pipe, 0o600) == 0)
        for path in [pipe, "/dev/zero"] {
            let failure = #expect(throws: Failure.self) { try SafetensorsFile(reading: path) }
            #expect(failure?.kind == .request && failure?.message.contains("only a file") == true)
        }
    }

    @Test func metadataAsPythonWritesThem() throws {
        let path = try file(
            "{ \"__metadata__\" : {\"a\":\"\\u00fc\\ud83d\\ude00\\n\\/\\\\\\\"\"} , \n \(Self.tensor("b", "[ 1 ]", "[ 0 , 4 ]"))}  ",
            bytes: 4)
        let file = try SafetensorsFile(reading: path)
        #expect(file.metadata == ["a": "ü😀\n/\\\""] && file.tensors.map(\.shape) == [[1]])
        #expect(try SafetensorsFile(reading: self.file("{\"__metadata__\":null}")).metadata.isEmpty)
        #expect(try SafetensorsFile(reading: self.file("{}")).tensors.isEmpty)
    }
}
