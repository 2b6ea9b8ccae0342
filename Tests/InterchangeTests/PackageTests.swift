import Foundation
import Inference
import Interchange
import Network
import Support
import TestSupport
import Testing

/// A bioimage.io package describes what is in it, and its test tensors belong together.
@Suite struct PackageTests {
    /// The values and the shape of a NumPy file of version 1.0.
    private func array(_ bytes: Data, _ type: String) throws -> Array4 {
        try #require(bytes.prefix(8) == Data([0x93] + Array("NUMPY".utf8) + [1, 0]))
        let count = Int(bytes[8]) + Int(bytes[9]) << 8
        let header = String(decoding: bytes[10..<10 + count], as: UTF8.self)
        try #require((10 + count) % 64 == 0 && header.contains("'descr': '\(type)'"))
        let shape = try #require(header.firstMatch(of: #/\((.*)\)/#)).1.split(separator: ",").compactMap {
            Int($0.trimmingCharacters(in: .whitespaces))
        }
        let values = bytes[(10 + count)...]
        let numbers =
            type == "|u1"
            ? values.map(Double.init)
            : values.withUnsafeBytes { raw in
                (0..<raw.count / 4).map { Double(raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self)) }
            }
        return Array4(shape, numbers)
    }

    @Test(
        "the output is the network's for the input, sizes and halo are the network's, and hashes the files'",
        arguments: [
            (0, "{min: 44, step: 4}", "{tensor_id: image, axis_id: y, offset: -40}", Int?.none),
            (1, "{min: 52, step: 4}", "{tensor_id: image, axis_id: y, offset: 0}", 24),
            (5, "{min: 208, step: 16}", "{tensor_id: image, axis_id: y, offset: 0}", 96),
        ])
    func package(index: Int, input: String, output: String, halo: Int?) throws {
        let folder = try TemporaryFolder()
        let model = try model(architectures[index], in: folder)
        let words = BioImagePackage.Words(name: "Cells (test)", authors: ["A: \"B\""], license: "CC-BY-4.0")
        let package = try BioImagePackage(model, image: nil, words: words)
        let files = Dictionary(uniqueKeysWithValues: package.entries.map { ($0.name, $0.bytes) })
        let yaml = try String(decoding: #require(files["rdf.yaml"]), as: UTF8.self)
        #expect(yaml.contains("name: \"Cells (test)\"") && yaml.contains("- name: \"A: \\\"B\\\"\""))
        #expect(yaml.contains("size: \(input)") && yaml.contains("size: \(output)"))
        #expect(yaml.contains("halo: \(halo ?? 0)") == (halo != nil))
        for name in ["weights.onnx", "test_input.npy", "test_output.npy"] {
            let hash = SHA256()
            try hash.update(#require(files[name]))
            #expect(yaml.contains("source: \(name)\n    sha256: \(hash.finish().hexadecimal)"))
        }

        var image = try array(#require(files["test_input.npy"]), "|u1")
        image = image.mappingBlocks(of: image.shape[2] * image.shape[3]) { _, values in
            let (mean, variance) = Array4.moments(values)
            return values.map { ($0 - mean) / variance.squareRoot() }
        }
        let weights = try folder.write(#require(files["weights.onnx"]), to: "weights.onnx")
        let expected = try ONNXInterpreter(reading: weights).run(image)
        let noted = try array(#require(files["test_output.npy"]), "<f4")
        try #require(noted.shape == expected.shape)
        let smallest = try #require(input.firstMatch(of: #/min: (\d+)/#).flatMap { Int($0.1) })
        #expect(image.shape[2] >= smallest && image.shape[3] >= smallest)
        let largest = zip(noted.values, expected.values).map { abs($0 - $1) }.max() ?? 0
        #expect(largest <= 1e-4, "\(largest)")
    }

    @Test("words that the specification does not take are refused", arguments: ["abc", "a/b/c/d", "Zellen äöü"])
    func names(name: String) throws {
        let model = try model(architectures[4], in: TemporaryFolder())
        #expect(throws: Failure.self) { try BioImagePackage(model, image: nil, words: .init(name: name)) }
    }

    @Test("a Python module has the network's layers, and its weights are read back without a question")
    func module() throws {
        let folder = try TemporaryFolder()
        var texts: [String] = []
        for index in architectures.indices {
            let model = try model(architectures[index], in: folder, key: index)
            let files = try PyTorchExport(model).write(to: folder.path("\(index)-net.safetensors"))
            #expect(files[1].hasSuffix("/_\(index)_net.py"))
            let again = try TrainedModel(reading: files[0])
            #expect(again.architecture.skip == model.architecture.skip && again.assumption == nil)
            texts.append(try String(contentsOfFile: files[1], encoding: .utf8))
        }
        #expect(texts[0].contains("MARGIN = 20") && texts[0].contains("torch.cat([centre(skip, x), x], dim=1)"))
        #expect(texts[1].contains("nn.GroupNorm(groups, outputs)") && texts[1].contains("outputs, 3, padding=1)"))
        #expect(texts[1].contains("CLASSES = [\"class 0\", \"class 1\", \"class 2\"]"))
        #expect(texts[2].contains("centre(skip, x) + x"))
        #expect(!texts[3].contains("skip"))
        #expect(!texts[4].contains("decoder"))
    }
}
