import Configurations
import Datasets
import Foundation
import Images
import Support

/// What the classes of a prediction's files stand for: `predict` notes it beside them, and `evaluate` reads it.
public struct PredictedClasses: Codable, Sendable, Equatable {
    public let classes: Int
    public let classNames: [String]?
    /// `#rrggbb`.
    public let classColors: [String]?
    /// How the labels were encoded that the model was trained on; nil where it does not say.
    private let labels: String?
    /// The colours of `labels: {palette}`.
    private let palette: [String]?
    public let ignoreIndex: Int?
    private let ignoreColorHex: String?

    private enum CodingKeys: String, CodingKey {
        case classes
        case classNames = "class_names"
        case classColors = "class_colors"
        case labels, palette
        case ignoreIndex = "ignore_index"
        case ignoreColorHex = "ignore_color"
    }

    /// What the results of a model, or of an ensemble's first, stand for.
    public init(_ ensemble: ModelEnsemble) {
        let data = ensemble.models[0].configuration?.data
        classes = ensemble.classes
        classNames = ensemble.classNames
        classColors = ensemble.models[0].classColors?.map(\.hex)
        labels = data?.labels.name
        if case .palette(let colors) = data?.labels { palette = colors.map(\.hex) } else { palette = nil }
        ignoreIndex = data?.ignoreIndex
        ignoreColorHex = data?.ignoreColor?.hex
    }

    public var encoding: LabelEncoding? {
        switch labels {
        case LabelEncoding.index.name: .index
        case LabelEncoding.binary.name: .binary
        case LabelEncoding.instances.name: .instances
        default: palette.map { .palette($0.compactMap(RGBColor.init(hex:))) }
        }
    }

    public var ignoreColor: RGBColor? { ignoreColorHex.flatMap(RGBColor.init(hex:)) }

    /// What was noted of predictions: a folder, a path with wildcards, or a file, as `evaluate --predictions` takes them.
    /// Nil where nothing was, or not the same in all of their folders.
    public static func noted(of predictions: String) throws -> PredictedClasses? {
        var folders = [predictions]
        if isFolder(predictions) != true {
            let files =
                Glob.isPattern(predictions)
                ? try Glob(predictions).files(of: "predictions") { $0 }.map(\.path) : [predictions]
            folders = Set(files.map { ($0 as NSString).deletingLastPathComponent }).sorted()
        }
        let noted = try folders.map { try PredictedClasses(folder: $0.isEmpty ? "." : $0) }
        guard let first = noted.first, noted.allSatisfy({ $0 == first }) else { return nil }
        return first
    }

    /// Reads the first line of a folder's record; nil where there is none, or an older program's.
    ///
    /// Throws where the system withholds it: scores would be of other classes.
    private init?(folder: String) throws {
        let path = ImageFolder.join(folder, PredictionRecord.name)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let record = try InputFile(path, called: path).bytes(at: 0, count: PredictionRecord.mostFirstLine)
        guard let line = record.split(separator: UInt8(ascii: "\n")).first,
            let read = try? JSONDecoder().decode(PredictedClasses.self, from: Data(line)),
            (2...65536).contains(read.classes)
        else { return nil }
        self = read
    }
}
