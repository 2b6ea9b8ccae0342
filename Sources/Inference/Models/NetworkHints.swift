import Checkpoints
import Datasets
import Foundation
import Network
import Support

extension TrainedModel {
    /// Properties of a network that its tensors do not show: as the user gives them for a file with weights alone, or as such
    /// a file notes them in its metadata, which those do that `lockstep export` and `lockstep import` write.
    public struct Hints: Sendable {
        public var padding: UNetArchitecture.Padding?
        public var skip: UNetArchitecture.Skip?
        public var normalization: IntensityNormalization?
        package var classNames: [String]?

        public init(
            padding: UNetArchitecture.Padding? = nil, skip: UNetArchitecture.Skip? = nil,
            normalization: IntensityNormalization? = nil
        ) {
            self.padding = padding
            self.skip = skip
            self.normalization = normalization
        }

        /// All that is known of a network.
        package init(of model: TrainedModel) {
            self.init(
                padding: model.architecture.padding, skip: model.architecture.skip, normalization: model.normalization)
            classNames = model.classNames
        }
    }
}

extension TrainedModel.Hints {
    private static let prefix = "unet."

    /// As metadata of a file: `unet.padding`, `unet.skip` and `unet.normalize` as a configuration has them, and
    /// `unet.class_names`, a list in JSON.
    package var metadata: [String: String] {
        var values: [String: String] = [:]
        values[Self.prefix + "padding"] = padding?.rawValue
        values[Self.prefix + "skip"] = skip?.rawValue
        values[Self.prefix + "normalize"] = normalization?.rawValue
        if let classNames, let json = try? JSONEncoder().encode(classNames) {
            values[Self.prefix + "class_names"] = String(decoding: json, as: UTF8.self)
        }
        return values
    }

    /// What a file notes. Throws `Failure.request` where that is none of the words that there are.
    package init(notedIn file: SafetensorsFile) throws {
        func word<Word: RawRepresentable<String> & CaseIterable>(_ key: String) throws -> Word? {
            guard let text = file.metadata[Self.prefix + key] else { return nil }
            guard let word = Word(rawValue: text) else {
                let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
                throw Failure.request(
                    "\(file.path) notes \(Self.prefix)\(key) '\(text.shortened)', which is none of \(words): write the file "
                        + "anew")
            }
            return word
        }
        self.init(padding: try word("padding"), skip: try word("skip"), normalization: try word("normalize"))
        classNames = try file.metadata[Self.prefix + "class_names"].map { text in
            guard let names = try? JSONDecoder().decode([String].self, from: Data(text.utf8)) else {
                throw Failure.request(
                    "\(file.path) notes \(Self.prefix)class_names that are no list in JSON: write the file anew")
            }
            return names
        }
    }

    /// The noted names of a network's classes. Throws `Failure.request` where they are not one a class.
    package func names(classes: Int, of path: String) throws -> [String]? {
        guard let classNames, classNames.count != classes else { return classNames }
        throw Failure.request(
            "\(path) notes \(classNames.count) class names and its head has \(classes) classes: write the file anew")
    }

    /// Throws `Failure.request` where the user says otherwise than the file at `path`.
    package func check(against noted: Self, of path: String) throws {
        func check<Word: RawRepresentable<String>>(_ option: String, _ given: Word?, _ noted: Word?) throws {
            guard let given, let noted, given.rawValue != noted.rawValue else { return }
            throw Failure.request(
                "\(path) was trained with \(option) \(noted.rawValue): leave out --\(option)")
        }
        try check("padding", padding, noted.padding)
        try check("skip", skip, noted.skip)
        try check("normalize", normalization, noted.normalization)
    }
}
