import Checkpoints
import Foundation
import Network
import Support

/// The record of the images of a folder that are finished, and of the models: a prediction that was stopped is resumed
/// from it.
///
/// It is a file in the folder of the results. Its first line names the models, how they were applied and what their classes
/// are (`PredictedClasses`); each line after it names an image whose results are all on the disk, with their hashes: a file
/// is synced before the line that vouches for it is written. A line that a crash cut short, or that makes no sense, counts
/// as none. Where the first line is another than this prediction's, everything is predicted anew; one that is damaged is
/// kept under another name.
struct PredictionRecord {
    static let name = ".lockstep-predict.jsonl"
    /// Bytes of the first line, which names at most a thousand models and their classes.
    static let mostFirstLine = 1 << 24
    /// Bytes of a record.
    private static let mostBytes = 1 << 31

    /// A finished image.
    struct Entry: Codable {
        let image: String
        /// As it was when the job began: one that was changed since is predicted anew.
        let file: PredictionInput.FileState
        let outputs: [String]
        /// What was written.
        let files: [PredictedFile]

        init(_ input: PredictionInput, _ outputs: PredictionOutputs, _ files: [PredictedFile]) {
            image = input.stem
            file = input.file
            self.outputs = outputs.kinds
            self.files = files
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
    private var lastSync = Timeline.now

    /// Reads a folder's record, or begins one.
    init(in folder: String, _ ensemble: ModelEnsemble) throws {
        path = "\(folder)/\(Self.name)"
        let first = try Self.line(Models(ensemble))
        var status = stat()
        // A link that leads nowhere is none either.
        guard lstat(path, &status) == 0 || errno != ENOENT else {
            try AtomicFile.write(first + "\n", to: path)
            return
        }
        let bytes = try InputFile(path, called: "the record \(path)", missing: "is a link to nothing: remove it")
            .contents(atMost: Self.mostBytes, as: "a record")
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        guard lines.first.map({ $0.elementsEqual(first.utf8) }) == true else {
            // Another prediction's is replaced; what nobody can read is not ours to throw away.
            let isSound = lines.first.map { Self.isObject($0) } ?? bytes.isEmpty
            if !isSound { try keepDamaged() }
            try AtomicFile.write(first + "\n", to: path)
            return
        }
        for line in lines.dropFirst() {
            guard let entry = try? JSONDecoder().decode(Entry.self, from: Data(line)) else { continue }
            // Files of other names are none that this program has written: they are not looked at, and never removed.
            let classes = ensemble.classes
            guard entry.files.allSatisfy({ PredictionNames.isName($0.name, of: entry.image, classes: classes) }) else {
                continue
            }
            entries[entry.image] = entry
        }
        // The next line begins on its own.
        if bytes.last != UInt8(ascii: "\n") { try append("\n") }
    }

    private static func isObject(_ line: Data) -> Bool {
        (try? JSONSerialization.jsonObject(with: Data(line))) is [String: Any]
    }

    /// Gives the file a name under which it stays.
    private func keepDamaged() throws {
        for number in 1...999 {
            let kept = "\(path).damaged-\(number)"
            var status = stat()
            guard lstat(kept, &status) != 0 else { continue }
            let code = AtomicFile.move(path, to: kept)
            guard code == 0 else { throw Self.failure(path, code) }
            return
        }
        throw Failure.request("\(path) is damaged, and 999 before it were kept: remove those that are not wanted")
    }

    /// Whether these models have written results of the image as it is now, of whatever kinds.
    func knows(_ input: PredictionInput) -> Bool { entries[input.stem]?.file == input.file }

    /// What was written of an input, and what of the images of its file otherwise: of a stack as one, or of each by itself.
    func files(of input: PredictionInput) -> (own: [String], others: [String]) {
        func names(_ stem: String) -> [String] { entries[stem]?.files.map(\.name) ?? [] }
        let others = Set([input.fileStem] + input.imageNames.map(\.stem)).subtracting([input.stem])
        return (names(input.stem), others.flatMap(names))
    }

    /// Whether all that is wanted is among them.
    func isFinished(_ input: PredictionInput, _ outputs: PredictionOutputs) -> Bool {
        knows(input) && entries[input.stem].map { Set($0.outputs).isSuperset(of: outputs.kinds) } == true
    }

    /// Whether all that was written of an image is there as it was written, by its bytes.
    func hasFiles(_ input: PredictionInput, _ wanted: [String], in folder: String) -> Bool {
        let files = entries[input.stem]?.files ?? []
        return Set(files.map(\.name)).isSuperset(of: wanted)
            && files.allSatisfy { !wanted.contains($0.name) || $0.isThere(in: folder) }
    }

    /// Adds images that are finished, and whose files are synced. The record itself is synced once a second: what a power
    /// cut takes of it is predicted again.
    mutating func add(_ entries: [Entry]) throws {
        guard !entries.isEmpty else { return }
        let isDue = Timeline.now - lastSync >= 1
        try append(try entries.map { try Self.line($0) + "\n" }.joined(), syncing: isDue)
        if isDue { lastSync = Timeline.now }
    }

    /// Syncs the record.
    func sync() throws { try append("", syncing: true) }

    private func append(_ text: String, syncing: Bool = true) throws {
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw Self.failure(path, errno) }
        defer { close(descriptor) }
        var rest = Data(text.utf8)
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 || errno == EINTR else { throw Self.failure(path, written < 0 ? errno : ENOSPC) }
            rest = rest.dropFirst(max(written, 0))
        }
        guard !syncing || fsync(descriptor) == 0 else { throw Self.failure(path, errno) }
    }

    private static func line(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private static func failure(_ path: String, _ code: Int32) -> Failure {
        .running("\(path) could not be written: \(Failure.writingReason(code))")
    }
}
