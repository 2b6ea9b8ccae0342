import Foundation
import Images
import Inference
import Pictures
import Support

/// A trained network as a package of the BioImage Model Zoo (bioimage.io, specification 0.5): a zip of the ONNX model,
/// `rdf.yaml`, which describes it, an image with its result to test it by, a README and a cover picture.
package struct BioImagePackage {
    /// What people are told of the model.
    package struct Words: Sendable {
        /// Letters, digits, blanks and `_+-()`, 5 to 128 of them; nil for one made of the run's name.
        package var name: String?
        package var description: String?
        package var authors: [String]
        /// As SPDX calls it: `CC-BY-4.0`.
        package var license: String?

        package init(
            name: String? = nil, description: String? = nil, authors: [String] = [], license: String? = nil
        ) {
            (self.name, self.description, self.authors, self.license) = (name, description, authors, license)
        }
    }

    package let entries: [(name: String, bytes: Data)]

    /// - Parameter image: the path of an image to test and show the model with; nil for one drawn by the computer.
    ///
    /// Throws `Failure.request` for an image or words that cannot be taken.
    package init(_ model: TrainedModel, image: String?, words: Words) throws {
        let example = try BioImageExample(model, image: image)
        let weights = try ONNXModel(model).bytes()
        let (input, output) = (example.inputArray, example.outputArray)
        let cover = try Self.png(
            example.cover(colors: ClassColors(model.classColors, classes: model.architecture.classes)))
        let files: [(name: String, bytes: Data)] = [
            (Name.weights, weights), (Name.input, input), (Name.output, output), (Name.cover, cover),
        ]
        var description = try BioImageDescription(model, example, words)
        let documentation = Data(description.documentation.utf8)
        for (name, bytes) in files + [(Name.documentation, documentation)] { description.add(name, bytes) }
        entries = [("rdf.yaml", Data(description.yaml.utf8)), (Name.documentation, documentation)] + files
    }

    /// The files of a package.
    enum Name {
        static let weights = "weights.onnx"
        static let input = "test_input.npy"
        static let output = "test_output.npy"
        static let cover = "cover.png"
        static let documentation = "README.md"
    }

    /// Writes the file, whole or not at all.
    package func write(to path: String) throws { try ZipArchive.write(entries, to: path) }

    /// The bytes of a PNG, which the library writes to files alone.
    private static func png(_ picture: RasterImage) throws -> Data {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("lockstep-\(UUID().uuidString).png").path
        defer { unlink(path) }
        try PNG.write(picture, to: path)
        return try InputFile(path, called: path).contents(atMost: .max, as: "a picture")
    }
}
