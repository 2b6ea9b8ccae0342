import Checkpoints
import Configurations
import Foundation
import Inference
import Network
import Support
import TestSupport
import Testing

/// The checkpoint's file format.
@Suite struct SafetensorsTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A file from its header's text and the bytes behind it.
    private func file(_ header: String, bytes: Int = 0, name: String = "f.safetensors") throws -> String {
        var data = Data()
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { data.append(contentsOf: $0) }
        data.append(Data(header.utf8))
        data.append(Data((0..<bytes).map { UInt8(truncatingIfNeeded: $0) }))
        return try folder.write(data, to: name)
    }

    private func refusal(_ path: String, sourceLocation: SourceLocation = #_sourceLocation) -> String {
        let failure = #expect(throws: Failure.self, sourceLocation: sourceLocation) {
            try SafetensorsFile(reading: path)
        }
        #expect(failure?.kind == .request, sourceLocation: sourceLocation)
        #expect(failure?.message.contains(path) == true, sourceLocation: sourceLocation)
        return failure?.message ?? ""
    }

    @Test func roundTrip() throws {
        let path = folder.path("a.safetensors")
        let values: [String: (shape: [Int], values: [Float])] = [
            "b": ([2, 3], [1, -2, 3.5, .infinity, -0.0, 1e-38]), "a.x": ([], [7]), "é \"quoted\"": ([1], [2]),
            "none": ([0, 4], []),
        ]
        let sources = values.sorted { $0.key > $1.key }.map { name, tensor in
            SafetensorsFile.Source(name: name, shape: tensor.shape) { base in
                for (i, value) in tensor.values.enumerated() { base[i] = value }
            }
        }
        let metadata = ["format": "pt", "text": "two\nlines \"and\" / ü"]
        try SafetensorsFile.write(sources, metadata: metadata, to: path)
        let file = try SafetensorsFile(reading: path)
        #expect(file.metadata == metadata)
        #expect(file.tensors.map(\.name) == ["a.x", "b", "none", "é \"quoted\""])
        for tensor in file.tensors {
            let expected = try #require(values[tensor.name])
            #expect(tensor.shape == expected.shape)
            #expect(sameBits(file.values(tensor), expected.values))
        }
        #expect(file.tensor("c") == nil)

        // The format: a length, a JSON object, and tensors that begin at a multiple of eight.
        let data = try Data(contentsOf: URL(filePath: path))
        let count = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect(count % 8 == 0 && data[8] == UInt8(ascii: "{"))
        #expect(data.count == 8 + count + 4 * 8)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.safetensors"])
    }

    @Test func theDigestIsOfTheWeightsInTheOrderOfTheirNames() throws {
        func digest(_ names: [String]) throws -> String {
            let path = folder.path("d.safetensors")
            let sources = names.map { name in
                SafetensorsFile.Source(name: name, shape: [1]) { $0[0] = Float(name.utf8.last ?? 0) }
            }
            try SafetensorsFile.write(sources, metadata: [:], to: path)
            return try SafetensorsFile(reading: path).weightsDigest
        }
        let hash = SHA256()
        for value in [Float(UInt8(ascii: "a")), Float(UInt8(ascii: "b"))] {
            withUnsafeBytes(of: value) { hash.update($0) }
        }
        let expected = hash.finish().hexadecimal
        #expect(try digest(["a", "b"]) == expected)
        #expect(try digest(["b", "momentum.c", "ema.d", "a"]) == expected)
        #expect(try digest(["a", "c"]) != expected)
    }

    @Test func sha256OfKnownMessages() {
        // FIPS 180-4's example and the empty message.
        let hash = SHA256()
        for part in ["a", "", "bc"] { hash.update(Data(part.utf8)) }
        #expect(hash.finish().hexadecimal == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            SHA256().finish().hexadecimal == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test func aFileCutOffAnywhereIsRefused() throws {
        let path = folder.path("whole.safetensors")
        let state = TrainingState(ParameterLayout(UNetArchitecture(baseChannels: 1, depth: 1)))
        let configuration = Configuration(data: .init(train: .files(images: "a", labels: "b")))
        try Checkpoint(configuration: configuration, state: state, best: nil).write(to: path)
        let data = try Data(contentsOf: URL(filePath: path))
        let header = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let lengths = [
            0, 1, 7, 8, 9, 7 + header, 8 + header, 9 + header, data.count / 2, data.count - 4, data.count - 1,
        ]
        for length in lengths {
            let cut = try folder.write(data.prefix(length), to: "cut-\(length).safetensors")
            #expect(!refusal(cut).isEmpty, "\(length) bytes")
        }
    }

    @Test func entriesThatMakeNoSense() throws {
        func entry(_ dtype: String, _ shape: String, _ offsets: String) -> String {
            "{\"a\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}}"
        }
        #expect(try SafetensorsFile(reading: file(entry("F32", "[2]", "[0,8]"), bytes: 8)).tensors.count == 1)
        for type in ["F16", "BF16", "F64", "I64"] {
            #expect(try refusal(file(entry(type, "[2]", "[0,8]"), bytes: 8)).contains("only F32"))
        }
        for (shape, offsets) in [
            ("[2]", "[0,4]"), ("[3]", "[0,8]"), ("[2]", "[4,12]"), ("[2]", "[8,0]"), ("[2]", "[-8,0]"),
            ("[-2]", "[0,8]"),
            ("[2]", "[0]"), ("\"2\"", "[0,8]"), ("[2]", "[0,9223372036854775807]"), ("[2.5]", "[0,8]"),
            ("[4294967296,4294967296]", "[0,8]"), ("[9223372036854775807]", "[0,8]"), ("[2]", "null"),
        ] {
            let message = try refusal(file(entry("F32", shape, offsets), bytes: 8))
            #expect(message.contains("a"), "\(shape) \(offsets)")
        }
        #expect(try refusal(file("[]")).contains("header"))
        #expect(try refusal(file("{")).contains("header"))
        #expect(try refusal(file("{\"a\":1}")).contains("a"))
    }

    @Test("tensors that overlap, leave gaps, or end before the file does")
    func coverage() throws {
        func two(_ first: String, _ second: String, bytes: Int) throws -> String {
            try file(
                """
                {"a":{"dtype":"F32","shape":[2],"data_offsets":\(first)},\
                "b":{"dtype":"F32","shape":[1],"data_offsets":\(second)}}
                """, bytes: bytes)
        }
        #expect(try SafetensorsFile(reading: two("[4,12]", "[0,4]", bytes: 12)).tensors.map(\.name) == ["a", "b"])
        #expect(try !refusal(two("[0,8]", "[4,8]", bytes: 8)).isEmpty)
        #expect(try !refusal(two("[0,8]", "[12,16]", bytes: 16)).isEmpty)
        #expect(try !refusal(two("[0,8]", "[8,12]", bytes: 13)).isEmpty)
    }

    @Test func aHeaderLongerThanAnyFile() throws {
        for length in [UInt64.max, UInt64(Int64.max), 1 << 40] {
            var data = Data()
            withUnsafeBytes(of: length.littleEndian) { data.append(contentsOf: $0) }
            data.append(Data(repeating: 32, count: 100))
            #expect(try refusal(folder.write(data, to: "long.safetensors")).contains("header"))
        }
    }

    @Test func foldersAndMissingFiles() throws {
        #expect(refusal(folder.path("none.safetensors")).contains("does not exist"))
        #expect(refusal(folder.path).contains("is a folder"))
    }

    @Test func tensorsThatAreMissingOrOfAnotherShape() throws {
        let path = folder.path("net.safetensors")
        let layout = ParameterLayout(UNetArchitecture(baseChannels: 2, depth: 1))
        func write(_ change: (inout [SafetensorsFile.Source]) -> Void) throws {
            var sources = layout.entries.map { entry in
                SafetensorsFile.Source(name: entry.name, shape: entry.shape) {
                    $0.update(repeating: 1, count: entry.count)
                }
            }
            change(&sources)
            try SafetensorsFile.write(sources, metadata: [:], to: path)
        }
        func failure() -> String {
            let failure = #expect(throws: Failure.self) {
                try SafetensorsFile(reading: path).load(into: ParameterBuffer(layout))
            }
            return failure?.message ?? ""
        }
        try write { _ in }
        try SafetensorsFile(reading: path).load(into: ParameterBuffer(layout))
        #expect(throws: Failure.self) { try Checkpoint(reading: path) }
        try write { $0.removeAll { $0.name == "decoder.0.up.bias" } }
        #expect(failure().contains("decoder.0.up.bias"))
        try write { sources in
            sources[0] = SafetensorsFile.Source(name: sources[0].name, shape: [2, 1, 9, 1]) {
                $0.update(repeating: 1, count: 18)
            }
        }
        #expect(failure().contains("encoder.0.conv1.weight"))
        #expect(throws: Failure.self) { try TrainedModel(reading: path) }
    }
}
