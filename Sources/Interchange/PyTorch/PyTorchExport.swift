import Checkpoints
import Foundation
import Inference
import Network
import Support

/// A trained network for PyTorch: its weights as a safetensors file, and a Python module that reads them.
package struct PyTorchExport {
    private let model: TrainedModel

    package init(_ model: TrainedModel) { self.model = model }

    /// Names that no module has in Python (its keywords), and those of modules that ours imports.
    private static let reserved: Set<String> = [
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
        "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
        "not", "or", "pass", "raise", "return", "try", "while", "with", "yield", "numpy", "pathlib", "safetensors",
        "torch",
    ]

    /// Writes the weights to `path`, and beside it the module, which has the same name but for what Python allows in none.
    /// Returns both paths.
    ///
    /// The metadata note what the tensors do not show (`TrainedModel.Hints.metadata`), so that the file predicts here too.
    ///
    /// Throws `Failure.request` where a file of another origin has the module's name.
    package func write(to path: String) throws -> [String] {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        let file = String(path.dropFirst(folder.count))
        let name = Self.moduleName(of: (file as NSString).deletingPathExtension)
        let modulePath = "\(folder)\(name).py"
        let beginning = Array(PyTorchModule.beginning.utf8)
        guard
            !FileManager.default.fileExists(atPath: modulePath)
                || (try? InputFile(modulePath, called: modulePath).bytes(at: 0, count: beginning.count)) == beginning
        else {
            throw Failure.request(
                "\(modulePath) is there and is none that export wrote, and the module would replace it: name another file"
            )
        }
        let parameters = model.parameters
        let layout = parameters.layout
        let sources = layout.entries.map { entry in
            SafetensorsFile.Source(name: entry.name, shape: entry.shape) {
                layout.exportTensor(entry, from: parameters.base, to: $0)
            }
        }
        let metadata = TrainedModel.Hints(of: model).metadata.merging(["format": "pt"]) { $1 }
        try SafetensorsFile.write(sources, metadata: metadata, to: path)
        let module = PyTorchModule(model, name: name, weights: file)
        try AtomicFile.write(module.text, to: modulePath)
        return [path, modulePath]
    }

    /// The name as Python can import it.
    static func moduleName(of stem: String) -> String {
        let name = String(stem.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
        return name.first?.isNumber != false || reserved.contains(name) ? "_\(name)" : name
    }
}
