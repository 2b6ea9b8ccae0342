import Checkpoints
import Foundation
import Inference
import Support
import TestSupport
import Testing

/// A file that is no checkpoint is called what it is, with what to do about it.
@Suite struct ForeignFileTests {
    struct Example: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bytes: [UInt8]
        /// What the refusal says.
        let says: [String]

        /// - Parameter text: the file's beginning, a character a byte; zeros follow.
        init(_ name: String, _ text: String, zeros: Int = 300, says: [String]) {
            testDescription = name
            bytes = text.unicodeScalars.map { UInt8($0.value & 0xFF) } + Array(repeating: 0, count: zeros)
            self.says = says
        }
    }

    private static let pyTorch = ["PyTorch", "torch.load(", "weights_only=True", "save_file("]

    @Test(
        arguments: [
            Example("net.pth", "PK\u{3}\u{4}\u{0}\u{0}\u{8}\u{8}", says: pyTorch + ["\"net.safetensors\""]),
            Example("net.pt", "PK\u{3}\u{4}", says: pyTorch), Example("last.ckpt", "PK\u{3}\u{4}", says: pyTorch),
            Example("pytorch_model.bin", "PK\u{3}\u{4}", says: pyTorch),
            Example("weights", "PK\u{3}\u{4}\u{0}\u{0}archive/data.pkl", says: pyTorch),
            Example("old.pth", "\u{80}\u{2}\u{8A}\u{A}l\u{FC}", says: pyTorch),
            Example("state.pkl", "\u{80}\u{4}\u{95}", says: pyTorch),
            Example("w.npz", "PK\u{3}\u{4}conv1.npy", says: ["NumPy", "numpy.load(\"w.npz\")"]),
            Example("w.npy", "\u{93}NUMPY\u{1}", says: ["NumPy"]),
            Example("w.h5", "\u{89}HDF\r\n\u{1A}\n", says: ["HDF5", "Keras", "transpose(3, 2, 0, 1)"]),
            Example("w.keras", "PK\u{3}\u{4}model.weights.h5", says: ["Keras", "transpose(3, 2, 0, 1)"]),
            Example("net.onnx", "\u{8}\u{7}\u{12}\u{7}pytorch", says: ["ONNX", "state_dict()"]),
            Example("net", "\u{8}\u{8}\u{12}\u{7}pytorch\u{1A}", says: ["ONNX"]),
            Example("cell.png", "\u{89}PNG\r\n\u{1A}\n", says: ["an image", "--input"]),
            Example("cell.tif", "II*\u{0}\u{8}", says: ["an image"]),
            Example("photo.jpg", "\u{FF}\u{D8}\u{FF}\u{E0}", says: ["an image"]),
            Example(
                "cells.yaml", "name: cells\nmodel: {depth: 1}\n", zeros: 0, says: ["a configuration", "run's folder"]),
            Example("notes.txt", "weights of Tuesday\n", zeros: 0, says: ["a text"]),
            Example("short", "hm\n", zeros: 0, says: ["a text"]),
            Example(
                "lfs.safetensors", "version https://git-lfs.github.com/spec/v1\n", zeros: 0, says: ["git lfs pull"]),
            Example("page.safetensors", "\n<!DOCTYPE html><html>", zeros: 0, says: ["a web page"]),
            Example("net.safetensors.gz", "\u{1F}\u{8B}\u{8}", says: ["gzip"]),
            Example("unknown", "\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{8}", says: ["no usable safetensors file"]),
        ]) func files(example: Example) throws
    {
        let folder = try TemporaryFolder()
        let path = try folder.write(Data(example.bytes), to: example.testDescription)
        let failure = #expect(throws: Failure.self) { try TrainedModel(reading: path) }
        #expect(failure?.kind == .request && failure?.message.hasPrefix(path) == true)
        for word in example.says { #expect(failure?.message.contains(word) == true, "\(failure?.message ?? "")") }
        #expect(failure?.message.contains("\n") == false)
    }

    @Test("folders that hold no checkpoint, and one that does")
    func folders() throws {
        let folder = try TemporaryFolder()
        func message(_ name: String) -> String {
            let failure = #expect(throws: Failure.self) { try TrainedModel(reading: folder.path(name)) }
            return failure?.message ?? ""
        }
        try folder.write("x", to: "empty/readme")
        #expect(message("empty").contains("holds no run: name a run's folder"))
        try folder.write("x", to: "hub/model.safetensors")
        #expect(message("hub").hasSuffix("such as \(folder.path("hub"))/model.safetensors"))
        try folder.write("name: x\n", to: "runs/cells/config.yaml")
        #expect(message("runs").hasSuffix("such as \(folder.path("runs"))/cells"))
        #expect(message("runs/cells").contains("no checkpoint yet"))
        try folder.write("x", to: "tf/saved_model.pb")
        #expect(message("tf").contains("TensorFlow"))
        try folder.write("x", to: "runs/cells/checkpoints/latest")
        #expect(try RunDirectory.checkpointFile(at: folder.path("runs/cells")).hasSuffix("cells/checkpoints/latest"))
        try folder.write("x", to: "runs/cells/checkpoints/best")
        #expect(try RunDirectory.checkpointFile(at: folder.path("runs/cells") + "/").hasSuffix("checkpoints/best"))
    }

    @Test(
        "other types of numbers are named with what converts them", arguments: ["F16", "BF16", "F64", "I64", "F8_E4M3"])
    func types(type: String) throws {
        let folder = try TemporaryFolder()
        func refusal(_ name: String) throws -> String {
            let header = "{\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":[1],\"data_offsets\":[0,8]}}"
            var data = Data()
            withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { data.append(contentsOf: $0) }
            let path = try folder.write(data + Data(header.utf8) + Data(count: 8), to: "w.safetensors")
            let failure = #expect(throws: Failure.self) { try TrainedModel(reading: path) }
            return failure?.message ?? ""
        }
        let message = try refusal("head.weight")
        #expect(message.contains("head.weight is \(type)"))
        #expect(message.contains(type == "I64" || type == "F8_E4M3" ? "leave it out" : "v.float()"), "\(message)")
        #expect(try refusal("encoder.0.bn1.num_batches_tracked").contains("batch normalisation"))
    }
}
