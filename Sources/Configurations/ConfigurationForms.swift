import Datasets
import Images
import Support

/// The values of a configuration that can be written in more than one form.
extension ConfigurationCodec<SampleSource> {
    /// {images, labels} | {list}.
    static var source: Self {
        Self(
            .form("{images, labels} or {list}"), parts: sampleParts,
            read: { section, key in
                guard section.has(key) else { return nil }
                return try section.section(key, keys: sampleParts.map(\.name)).sampleSource()
            }, write: \.yaml)
    }

    private static var sampleParts: [Part] { samples.map { Part(name: $0.name, type: .text, meaning: $0.meaning) } }
}

/// The keys of a source of samples.
private let samples: [(name: String, meaning: String)] = [
    (
        "images",
        "A folder, a file, or a path with the wildcards * (any characters) and ? (one). Files of folders pair by their names."
    ),
    ("labels", "The labels of the images: a folder, a file, or a path with as many wildcards."),
    ("list", "A CSV file with the header image,label; its paths start at its folder. Excludes images and labels."),
]

extension SampleSource {
    fileprivate var yaml: String {
        switch self {
        case .files(let images, let labels):
            "{images: \(YAMLText.string(images)), labels: \(YAMLText.string(labels))}"
        case .list(let path): "{list: \(YAMLText.string(path))}"
        }
    }
}

extension SectionReader {
    /// {images, labels} | {list}; this reader is at that section.
    fileprivate func sampleSource() throws -> SampleSource {
        let given = given(amongExclusive: ["images", "labels", "list"])
        if given.contains("list"), let list = try text("list") {
            guard given.count == 1 else {
                throw failure("list", "and \(dotted(given[0])) exclude each other: give the list or images and labels")
            }
            return .list(list)
        }
        for key in ["images", "labels"] where !has(key) {
            throw failure(key, "is missing: name the folder of the \(key)")
        }
        return .files(images: try text("images") ?? "", labels: try text("labels") ?? "")
    }
}

extension ConfigurationCodec<Configuration.ValidationSource> {
    /// {images, labels} | {list} | {fraction} | {fold, of}, or nothing.
    static var validation: Self {
        let parts =
            samples.map { Part(name: $0.name, type: .text, meaning: $0.meaning) } + [
                Part(
                    name: "fraction", type: .number,
                    meaning: "The share of the training images that is held back, more than 0 and less than 1."),
                Part(
                    name: "fold", type: .integer,
                    meaning: "Which of the parts is held back, from 0; the seed says which images are in which part."),
                Part(
                    name: "of", type: .integer, meaning: "How many parts the training images are cut into, 2 or more."),
            ]
        return Self(
            .form("{images, labels}, {list}, {fraction}, {fold, of} or null"), parts: parts,
            read: { section, key in
                guard section.has(key) else { return nil }
                return try section.section(key, keys: parts.map(\.name)).validationSource(failing: {
                    section.failure(
                        key, "must be {images: …, labels: …}, {list: …}, {fraction: 0.2} or {fold: 0, of: 5}")
                })
            },
            write: { source in
                switch source {
                case .samples(let own): own.yaml
                case .split(.none): "null"
                case .split(.fraction(let fraction)): "{fraction: \(YAMLText.number(fraction))}"
                case .split(.fold(let fold, let of)): "{fold: \(fold), of: \(of)}"
                }
            })
    }
}

extension SectionReader {
    /// `data.validation`; this reader is at that section. `failing` is the failure about keys that do not go together.
    fileprivate func validationSource(failing: () -> Failure) throws -> Configuration.ValidationSource {
        let given = Set(given(amongExclusive: samples.map(\.name) + ["fraction", "fold", "of"]))
        if given.isSubset(of: samples.map(\.name)), !given.isEmpty { return .samples(try sampleSource()) }
        if given == ["fraction"], let fraction = try number("fraction") { return .split(.fraction(fraction)) }
        // A --set may give one of the two, and the file the other.
        if given.isSubset(of: ["fold", "of"]), !given.isEmpty, let fold = try integer("fold"),
            let of = try integer("of")
        {
            return .split(.fold(fold, of: of))
        }
        throw failing()
    }
}

extension ConfigurationCodec<LabelEncoding> {
    /// index | binary | instances | {palette: [colours]}.
    static var labels: Self {
        let words: [LabelEncoding] = [.index, .binary, .instances]
        let palette = Part(
            name: "palette", type: .form("list of colours"),
            meaning: "One colour a class, in the classes' order, as in [\"#000000\", \"#FF8000\"].")
        return Self(
            .form("\(words.map(\.name).joined(separator: ", ")) or {palette}"), parts: [palette],
            read: { section, key in
                guard let node = section.node(key) else { return nil }
                if case .section = node.content {
                    let inner = try section.section(key, keys: [palette.name])
                    guard let colors = try inner.colors(palette.name) else {
                        throw inner.failure(palette.name, "is missing: list one colour a class")
                    }
                    return .palette(colors)
                }
                if case .scalar(let text, _) = node.content, let word = words.first(where: { $0.name == text }) {
                    return word
                }
                throw section.failure(
                    key, "must be index, binary, instances or {palette: [\"#000000\", …]}, not \(node.kind)")
            },
            write: { labels in
                guard case .palette(let colors) = labels else { return labels.name }
                return "{palette: \(ConfigurationCodec<[RGBColor]>.colors.write(colors))}"
            })
    }
}

extension SectionReader {
    func colors(_ key: String) throws -> [RGBColor]? {
        try texts(key)?.map { text in
            guard let color = RGBColor(hex: text) else {
                throw failure(key, "must hold colours such as \"#FF8000\" in quotes, not '\(text.shortened)'")
            }
            return color
        }
    }

    /// Whether the key is `false`.
    func isFalse(_ key: String) -> Bool {
        if case .scalar("false", isPlain: true) = node(key)?.content { return true }
        return false
    }
}

extension ConfigurationCodec<ClassWeighting> {
    /// none | balanced | [w0, w1, …].
    static var weighting: Self {
        Self(
            .form("none, balanced or list of numbers"),
            read: { section, key in
                switch section.node(key)?.content {
                case nil: return nil
                case .list: return .list(try section.numbers(key) ?? [])
                case .scalar("none", _): return ClassWeighting.none
                case .scalar("balanced", _): return .balanced
                default:
                    throw section.failure(
                        key, "must be none, balanced or a list of numbers, not \(section.node(key)?.kind ?? "nothing")")
                }
            },
            write: { weighting in
                switch weighting {
                case .none: "none"
                case .balanced: "balanced"
                case .list(let weights): YAMLText.list(weights.map(YAMLText.number))
                }
            })
    }
}

extension ConfigurationCodec<Configuration.Threads> {
    /// A whole number | auto.
    static var threads: Self {
        Self(
            .form("whole number or auto"),
            read: { section, key in
                guard let node = section.node(key) else { return nil }
                if case .scalar("auto", _) = node.content { return .automatic }
                guard case .scalar(let text, isPlain: true) = node.content, let count = Int(text) else {
                    throw section.failure(key, "must be a whole number or auto, not \(node.kind)")
                }
                return .count(count)
            },
            write: { if case .count(let count) = $0 { String(count) } else { "auto" } })
    }
}

extension ConfigurationCodec<Double> {
    /// true (any angle) | false | degrees either way.
    static var rotation: Self {
        Self(
            .form("true, false or number"),
            read: { section, key in
                guard let node = section.node(key) else { return nil }
                if let degrees = node.number { return degrees }
                switch node.content {
                case .scalar("true", isPlain: true): return 180
                case .scalar("false", isPlain: true): return 0
                default:
                    throw section.failure(
                        key, "must be true, false or the largest angle in degrees, not \(node.kind)")
                }
            }, write: { YAMLText.number($0) })
    }
}

extension ConfigurationCodec<Augmentation.Flip> {
    /// true | false | horizontal.
    static var flip: Self {
        Self(
            .word(["true", "false", "horizontal"]),
            read: { section, key in
                guard let node = section.node(key) else { return nil }
                switch node.content {
                case .scalar("true", isPlain: true): return .both
                case .scalar("false", isPlain: true): return Augmentation.Flip.none
                case .scalar("horizontal", _): return .horizontal
                default: throw section.failure(key, "must be true, false or horizontal, not \(node.kind)")
                }
            },
            write: { flip in
                switch flip {
                case .none: "false"
                case .horizontal: "horizontal"
                case .both: "true"
                }
            })
    }
}

extension ConfigurationCodec<ClosedRange<Double>> {
    /// [smallest, largest].
    static var bounds: Self {
        Self(
            .form("[smallest, largest]"),
            read: { section, key in
                try section.numbers(key).map { bounds in
                    guard bounds.count == 2, bounds[0] <= bounds[1] else {
                        throw section.failure(
                            key, "must be the smallest and the largest magnification, such as [0.9, 1.1]")
                    }
                    return bounds[0]...bounds[1]
                }
            },
            write: { YAMLText.list([$0.lowerBound, $0.upperBound].map(YAMLText.number)) })
    }
}
