import Foundation
import Support

/// A file that was named as a checkpoint and is none: what it is, by its bytes and its name, and what to do about it.
enum ForeignFile {
    /// The refusal of a file that is no safetensors file; nil where nothing is known of it.
    static func refusal(of path: String, _ bytes: Data) -> Failure? {
        description(path, bytes).map { .request("\(path) is no safetensors file but \($0)") }
    }

    private static func description(_ path: String, _ bytes: Data) -> String? {
        let suffix = (path as NSString).pathExtension.lowercased()
        let start = bytes.prefix(16)
        func begins(_ text: String) -> Bool { start.starts(with: Data(text.utf8)) }
        if begins("PK\u{3}\u{4}") { return archive(path, suffix, bytes) }
        // The opcode PROTO of the protocols 2 to 5 (Python's pickletools).
        if start.count >= 2, start[start.startIndex] == 0x80, (2...5).contains(start[start.startIndex + 1]) {
            return pyTorch(path, "a pickled file, as PyTorch's .pth files are")
        }
        if start.starts(with: [0x89] + Data("HDF\r\n".utf8)) {
            return keras(path, "an HDF5 file, as Keras writes them")
        }
        if start.starts(with: [0x93] + Data("NUMPY".utf8)) {
            return "a single NumPy array: save all tensors of the network in one file, \(naming)"
        }
        if suffix == "onnx" || isONNX(bytes) {
            return "an ONNX model: save the weights of the model that it was made from, in Python with "
                + "`safetensors.torch.save_file(model.state_dict(), \(quoted(path, "safetensors")))`, \(naming)"
        }
        if isImage(start) {
            return "an image: name a checkpoint or a run's folder, and images with --input or --images"
        }
        if begins("GGUF") { return "a GGUF file: save the weights of the model that it was made from, \(naming)" }
        if start.starts(with: [0x1F, 0x8B]) { return "a gzip file: unpack it first" }
        if suffix == "pb" || suffix == "tflite" {
            return "a TensorFlow model: save its weights with safetensors.numpy.save_file, \(naming)"
        }
        return text(path, suffix, bytes)
    }

    /// How tensors must be called and laid out.
    private static let naming =
        "its tensors named as ours and laid out as PyTorch's (lockstep inspect RUN lists both, lockstep import takes others)"

    private static func quoted(_ path: String, _ suffix: String) -> String {
        "\"\(((path as NSString).lastPathComponent as NSString).deletingPathExtension).\(suffix)\""
    }

    // MARK: - Kinds

    private static func pyTorch(_ path: String, _ what: String) -> String {
        "\(what): write it anew in Python, "
            + "`import torch; from safetensors.torch import save_file; "
            + "w = torch.load(\"\((path as NSString).lastPathComponent)\", map_location=\"cpu\", weights_only=True); "
            + "w = w.get(\"state_dict\", w); "
            + "save_file({k: v.float().contiguous() for k, v in w.items() if torch.is_tensor(v)}, \(quoted(path, "safetensors")))`, \(naming)"
    }

    private static func keras(_ path: String, _ what: String) -> String {
        "\(what): save its weights with safetensors.numpy.save_file, kernels as w.transpose(3, 2, 0, 1), \(naming)"
    }

    /// A ZIP archive, by the names of what is in it, which its directory at the end lists.
    private static func archive(_ path: String, _ suffix: String, _ bytes: Data) -> String {
        func holds(_ name: String) -> Bool {
            [bytes.prefix(1 << 10), bytes.suffix(1 << 16)].contains { $0.range(of: Data(name.utf8)) != nil }
        }
        if holds("data.pkl") || ["pth", "pt", "ckpt", "bin", "tar"].contains(suffix) {
            return pyTorch(path, "a ZIP archive, as PyTorch's .pth files are")
        }
        if holds(".weights.h5") || suffix == "keras" { return keras(path, "a Keras model") }
        if holds(".npy") || suffix == "npz" {
            return "an archive of NumPy arrays: write it anew in Python, `import numpy; from safetensors.numpy import "
                + "save_file; save_file(dict(numpy.load(\"\((path as NSString).lastPathComponent)\")), "
                + "\(quoted(path, "safetensors")))`, of float32, \(naming)"
        }
        return "a ZIP archive: unpack it first"
    }

    /// An ONNX file is a protobuf message: ir_version (field 1), and soon the producer's name (onnx.proto3).
    private static func isONNX(_ bytes: Data) -> Bool {
        let start = bytes.prefix(128)
        guard start.count > 8, start.first == 0x08, start[start.startIndex + 2] == 0x12 else { return false }
        return ["pytorch", "onnx", "tf2onnx", "skl2onnx"].contains { start.range(of: Data($0.utf8)) != nil }
    }

    private static func isImage(_ start: Data) -> Bool {
        let beginnings: [[UInt8]] = [
            [0x89, 0x50, 0x4E, 0x47], [0xFF, 0xD8, 0xFF], [0x49, 0x49, 0x2A, 0], [0x49, 0x49, 0x2B, 0],
            [0x4D, 0x4D, 0, 0x2A], [0x4D, 0x4D, 0, 0x2B], Array("GIF8".utf8), Array("BM".utf8),
        ]
        return beginnings.contains { start.starts(with: $0) }
    }

    private static func text(_ path: String, _ suffix: String, _ bytes: Data) -> String? {
        guard !bytes.isEmpty, !bytes.prefix(1 << 12).contains(where: { $0 < 9 }),
            // The last character of a part may be cut.
            let text = (0..<4).lazy.compactMap({ String(validating: bytes.prefix(1 << 12).dropLast($0), as: UTF8.self) }
            )
            .first
        else { return nil }
        if text.hasPrefix("version https://git-lfs") {
            return "a pointer of Git LFS: fetch the file itself with git lfs pull"
        }
        let beginning = text.drop { $0.isWhitespace }.prefix(15).lowercased()
        if beginning.hasPrefix("<!doctype html") || beginning.hasPrefix("<html") {
            return "a web page: download the file itself"
        }
        if suffix == "yaml" || suffix == "yml" {
            return "a text, a configuration perhaps: name a run's folder or a checkpoint (configurations are for train)"
        }
        return "a text: name a run's folder or a checkpoint"
    }
}
