import Checkpoints
import Foundation
import Network
import Support

/// The record of the images of a folder that are finished, and of the models: a prediction that was stopped is resumed
/// from it.
///
/// It is a file in the folder of the results. Its first line names the models, how they were applied and what their classes
/// are (`PredictedClasses`); each line after it names an image whose results are all written. A line that a crash cut short counts as none. Where the first line
/// is another than this prediction's, everything is predicted anew.
struct PredictionRecord {
    static let name = ".lockstep-predict.jsonl"

    /// A finished image.
    struct Entry: Codable {
        let image: String
        /// As it was when the job began: one that was changed since is predicted anew.
        let file: PredictionInput.FileState
        let outputs: [String]

        init(_ input: PredictionInput, _ outputs: PredictionOutputs) {
            image = input.stem
            file = input.file
            self.outputs = outputs.kinds
        }
    }

    /// What all results of a folder have in common.
    private struct Models: Encodable {
        struct Model: Encodable {
            let sha256: String
            let inputChannels: Int
            let baseChannels: Int
            let depth: Int
            let padding: String
            let skip: String
            let normalization: String
            let normalize: String

            init(_ model: TrainedModel) {
                let hash = SHA256()
                hash.update(UnsafeRawBufferPointer(model.parameters.bytes))
                sha256 = hash.finish().hexadecimal
                let architecture = model.architecture
                inputChannels = architecture.inputChannels
                baseChannels = architecture.baseChannels
                depth = architecture.depth
                padding = architecture.padding.rawValue
                skip = architecture.skip.rawValue
                normalization = architecture.normalization.rawValue
                normalize = model.normalization.rawValue
            }

            private enum CodingKeys: String, CodingKey {
                case sha256
                case inputChannels = "input_channels"
                case baseChannels = "base_channels"
                case depth, padding, skip, normalization, normalize
            }
        }
        let version = BuildInformation.version
        let models: [Model]
        let augment: Bool
        /// Where results depend on it.
        let tile: Int?
        let classes: PredictedClasses

        init(_ ensemble: ModelEnsemble) {
            models = ensemble.models.map(Model.init)
            augment = ensemble.augments
            tile = ensemble.tileMatters == nil ? nil : ensemble.tile
            classes = PredictedClasses(ensemble)
        }

        private enum CodingKeys: CodingKey { case version, models, augment, tile }

        func encode(to encoder: any Encoder) throws {
            try classes.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(version, forKey: .version)
            try container.encode(models, forKey: .models)
            try container.encode(augment, forKey: .augment)
            try container.encodeIfPresent(tile, forKey: .tile)
        }
    }

    private let path: String
    private var entries: [String: Entry] = [:]

    /// Reads a folder's record, or begins one.
    init(in folder: String, _ ensemble: ModelEnsemble) throws {
        path = "\(folder)/\(Self.name)"
        let first = try Self.line(Models(ensemble))
        // A line may have been cut inside a character.
        let text = String(decoding: (try? Data(contentsOf: URL(fileURLWithPath: path))) ?? Data(), as: UTF8.self)
        let lines = text.split(separator: "\n")
        guard let old = lines.first, old == first else {
            try AtomicFile.write(first + "\n", to: path)
            return
        }
        for line in lines.dropFirst() {
            guard let entry = try? JSONDecoder().decode(Entry.self, from: Data(line.utf8)) else { continue }
            entries[entry.image] = entry
        }
        // The next line begins on its own.
        if !text.hasSuffix("\n") { try append("\n") }
    }

    /// Whether these models have written results of the image as it is now, of whatever kinds.
    func knows(_ input: PredictionInput) -> Bool { entries[input.stem]?.file == input.file }

    /// Whether all that is wanted is among them.
    func isFinished(_ input: PredictionInput, _ outputs: PredictionOutputs) -> Bool {
        knows(input) && entries[input.stem].map { Set($0.outputs).isSuperset(of: outputs.kinds) } == true
    }

    /// Adds images that are finished.
    func add(_ entries: [Entry]) throws {
        guard !entries.isEmpty else { return }
        try append(try entries.map { try Self.line($0) + "\n" }.joined())
    }

    private func append(_ text: String) throws {
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path, errno) }
        defer { close(descriptor) }
        let data = Data(text.utf8)
        let written = data.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == data.count else { throw Self.failure(path, written < 0 ? errno : ENOSPC) }
    }

    private static func line(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private static func failure(_ path: String, _ code: Int32) -> Failure {
        .running("\(path) could not be written: \(Failure.systemReason(code))")
    }
}
