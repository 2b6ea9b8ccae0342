import Configurations
import Support
import Testing

/// The table of keys: what is listed is what can be read, written and set, with the types and defaults that it says.
@Suite struct ConfigurationReferenceTests {
    private static let entries = ConfigurationReference.all.keys
    private static let minimal = "data: {train: {images: a, labels: b}}\n"

    private static func decode(_ settings: [String]) throws -> Configuration {
        try Configuration.decode(yaml: minimal, name: "a.yaml", settings: settings)
    }

    private static func problem(_ settings: String...) -> String? {
        do {
            _ = try decode(settings)
            return nil
        } catch {
            return (error as? Failure)?.message ?? "\(error)"
        }
    }

    private static func isSection(_ entry: ConfigurationReference.Entry) -> Bool {
        entry.type == .section || entry.type == .switchableSection
    }

    @Test func everyKeyIsDocumented() {
        for entry in Self.entries {
            #expect(entry.meaning.count > 10 && entry.meaning.hasSuffix("."), "\(entry.key): \(entry.meaning)")
            #expect(!"\(entry.type)".isEmpty && entry.allowed != "", "\(entry.key)")
        }
        // Without a default are only sections, what is required, the forms that a value may have, and what excludes
        // another key.
        let bare = Self.entries.filter { $0.default == nil && !$0.isRequired && !Self.isSection($0) }.map(\.key)
        #expect(
            bare == [
                "data.train.images", "data.train.labels", "data.train.list", "data.validation.images",
                "data.validation.labels", "data.validation.list", "data.validation.fraction", "data.validation.fold",
                "data.validation.of", "data.labels.palette", "training.epochs", "training.minutes",
            ])
        #expect(Self.entries.filter(\.isRequired).map(\.key) == ["data.train"])
    }

    @Test func theReferenceListsTheKeysThatReadingAccepts() {
        let listed = Self.entries.map(\.key)
        #expect(Set(listed).count == listed.count)
        #expect(Set(listed) == Set(Configuration.everyKey))
        for section in Self.entries where Self.isSection(section) {
            let below = listed.filter {
                $0.hasPrefix("\(section.key).") && !$0.dropFirst(section.key.count + 1).contains(".")
            }
            let names = below.map { $0.dropFirst(section.key.count + 1) }.joined(separator: ", ")
            #expect(
                Self.problem("\(section.key)=3")
                    == "--set \(section.key)=3: \(section.key) must be a section with the keys \(names), not '3'")
        }
        for key in listed {
            #expect(Self.problem("\(key)x=1")?.contains("unknown key '\(key)x'") == true, "\(key)")
        }
    }

    /// The keys of the interface that this version has.
    @Test(arguments: [
        ("", ["name", "seed", "model", "data", "augmentation", "loss", "optimizer", "training", "checkpoint"]),
        ("", ["validation", "run", "communication"]),
        ("model.", ["input_channels", "classes", "class_names", "class_colors", "base_channels", "depth", "padding"]),
        ("model.", ["skip", "normalization", "dropout"]),
        ("data.", ["root", "train", "train.images", "train.labels", "validation", "validation.images"]),
        ("data.", ["validation.labels", "validation.fraction", "validation.fold", "validation.of", "labels"]),
        (
            "data.",
            [
                "labels.palette", "ignore_index", "ignore_color", "pages", "normalize", "tile", "cache_mb",
                "loader_threads",
            ]
        ),
        ("augmentation.", ["rotate", "flip", "scale", "translate", "elastic", "elastic.grid", "elastic.sigma"]),
        ("augmentation.", ["grey", "grey.shift", "grey.scale"]),
        ("loss.", ["kind", "class_weights", "border", "border.w0", "border.sigma"]),
        ("optimizer.", ["learning_rate", "momentum", "nesterov", "weight_decay", "clip_norm", "schedule"]),
        ("optimizer.schedule.", ["kind", "warmup_steps", "every", "factor", "power", "final"]),
        ("training.", ["steps", "epochs", "minutes", "batch", "shuffle", "initialize_from", "on_nonfinite"]),
        ("checkpoint.", ["every", "keep"]),
        ("validation.", ["every", "metric", "on", "patience"]),
        (
            "run.",
            ["threads", "coordinator", "output", "engine", "replica_check_every", "audit", "fault_timeout", "trace"]
        ),
        ("communication.", ["overlap", "host_sums", "route", "bucket_mb", "compression"]),
    ])
    func keysOfTheInterfaceAreListed(section: String, names: [String]) {
        for name in names { #expect(Self.entries.contains { $0.key == section + name }, "\(section)\(name)") }
    }

    /// What a key needs beside it.
    private static func companions(of key: String) -> [String] {
        switch key {
        case "data.train.images": ["data.train.labels=y"]
        case "data.train.labels": ["data.train.images=y"]
        case "data.validation.images": ["data.validation.labels=y"]
        case "data.validation.labels": ["data.validation.images=y"]
        case "data.validation.fold": ["data.validation.of=5"]
        case "data.validation.of": ["data.validation.fold=1"]
        case "data.tile", "model.depth", "model.padding": ["data.tile=0"]
        case "optimizer.schedule.every", "optimizer.schedule.factor": ["optimizer.schedule.kind=step"]
        case "optimizer.schedule.power": ["optimizer.schedule.kind=polynomial"]
        case "optimizer.schedule.final": ["optimizer.schedule.kind=cosine"]
        case "data.ignore_color": ["data.labels={palette: [\"#000000\", \"#FF8000\"]}"]
        case "validation.patience": ["data.validation.fraction=0.5"]
        case _ where key.hasPrefix("augmentation."): ["augmentation={}"]
        case _ where key.hasPrefix("loss.border."): ["loss.border={}"]
        default: []
        }
    }

    /// A value that is not the default.
    private static func otherValue(of entry: ConfigurationReference.Entry) -> String {
        let special = [
            "data.tile": "572", "data.train": "{list: x.csv}", "data.validation": "{images: x, labels: y}",
            "data.labels": "binary", "data.labels.palette": "[\"#000000\", \"#FF8000\"]",
            "data.ignore_color": "\"#FFFFFF\"", "data.validation.fold": "2", "data.validation.of": "3",
            "model.class_names": "[x, 'y: z']", "model.class_colors": "[\"#000000\", \"#FF8000\"]",
            "augmentation.rotate": "15", "augmentation.scale": "[0.5, 2]", "augmentation.elastic": "false",
            "augmentation.grey": "false", "augmentation": "{}", "loss.border": "{}", "loss.class_weights": "[1, 2.5]",
            "training.freeze": "[encoder.0, head]", "training.batch": "3", "run.threads": "auto",
            "optimizer.schedule.final": "0.5", "training.minutes": "2.5", "training.epochs": "3",
        ]
        if let value = special[entry.key] { return value }
        switch entry.type {
        case .integer: return String((entry.default.flatMap(Int.init) ?? 6) + 1)
        case .number: return entry.default.flatMap(Double.init).map { $0 == 0 ? "0.25" : "\($0 / 2)" } ?? "0.25"
        case .truth: return entry.default == "true" ? "false" : "true"
        case .word(let words): return words.first { $0 != entry.default } ?? ""
        case .text: return "x"
        case .form, .section, .switchableSection: return "no value known: add one to this test"
        }
    }

    @Test(
        "each key is set, written and read back",
        arguments: entries.filter { entry in entry.type != .section || entry.default != nil })
    func roundTrip(entry: ConfigurationReference.Entry) throws {
        let companions = Self.companions(of: entry.key)
        let setting = "\(entry.key)=\(Self.otherValue(of: entry))"
        let configuration = try Self.decode(companions + [setting])
        if !entry.key.hasPrefix("data.train.") && !entry.key.hasPrefix("data.validation.") {
            let before = try Self.decode(companions)
            #expect(configuration != before, "\(setting) changes nothing")
            let lines = [before, configuration].map { $0.yaml.split(separator: "\n") }
            // An empty section switches all of its keys on; any other key changes the line that it stands in.
            let changed = zip(lines[0], lines[1]).filter { $0 != $1 }.count
            #expect(changed == 1 || entry.key == "augmentation", "\(setting) changes \(changed) lines")
        }
        #expect(try Configuration.decode(yaml: configuration.yaml, name: "written") == configuration)
        let name = entry.key.split(separator: ".").last ?? ""
        #expect(configuration.yaml.contains("\(name):"))
    }

    @Test(
        "the default of the reference is what a missing key has",
        arguments: entries.filter { $0.default != nil && !isSection($0) && $0.key != "data.tile" })
    func defaults(entry: ConfigurationReference.Entry) throws {
        let companions = Self.companions(of: entry.key)
        let value = entry.default ?? ""
        #expect(try Self.decode(companions + ["\(entry.key)=\(value)"]) == Self.decode(companions), "\(value)")
    }

    @Test func aKeyOrASectionIsLookedUp() throws {
        let key = try ConfigurationReference(key: "optimizer.momentum")
        #expect(key.keys.map(\.key) == ["optimizer.momentum"])
        #expect(key.text.hasPrefix("optimizer.momentum  number, at least 0 and less than 1  default 0.99\n    "))
        let section = try ConfigurationReference(key: "optimizer.schedule").keys.map(\.key)
        #expect(section.first == "optimizer.schedule" && section.contains("optimizer.schedule.power"))
        for (wrong, nearest) in [
            ("optimizer.momentun", "optimizer.momentum"), ("momentum", "optimizer.momentum"), ("modle", "model"),
            ("training.momentum", "optimizer.momentum"), ("run.treads", "run.threads"),
        ] {
            #expect(throws: Failure.request("unknown key '\(wrong)': did you mean '\(nearest)'?")) {
                try ConfigurationReference(key: wrong)
            }
        }
        #expect(
            throws: Failure.request("unknown key 'qqqqqqqqqqqq': lockstep config without a key lists all of them")
        ) { try ConfigurationReference(key: "qqqqqqqqqqqq") }
    }
}
