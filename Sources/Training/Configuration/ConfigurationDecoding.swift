import Communication
import Diagnostics
import Foundation
import Kernels
import Network
import Segmentation

extension Configuration {
    /// Reads a configuration file.
    ///
    /// - Parameters:
    ///   - path: the file, relative to the working directory.
    ///   - settings: `KEY=VALUE` as given to `--set`, the later ones winning.
    /// - Throws: a request's failure with file, line and dotted key for anything that is wrong with it.
    public static func load(path: String, settings: [String] = []) throws -> Configuration {
        try decode(yaml: readText(path: path, what: "configuration"), name: path, settings: settings)
    }

    /// Reads a configuration from its text; `name` is what errors call the file.
    public static func decode(yaml: String, name: String, settings: [String] = []) throws -> Configuration {
        var document = try ConfigurationNode.parse(yaml: yaml, name: name)
        for setting in settings { try document.apply(setting: setting) }
        let reader = try SectionReader(document, name: name, keys: sections, everyKey: everyKey)
        let configuration = try Configuration(reader)
        try configuration.validate(placing: reader.origins.place)
        return configuration
    }

    /// The text of a file that the user named.
    package static func readText(path: String, what: String) throws -> String {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw Failure.request("\(path): no such file: check the path of the \(what)")
        }
        guard !isFolder.boolValue else {
            throw Failure.request("\(path): is a folder: give the path of a \(what) file")
        }
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw Failure.request("\(path): cannot be read: check its permissions")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure.request("\(path): is not text in UTF-8: give the path of a YAML file")
        }
        return text
    }

    private static let modelKeys = [
        "input_channels", "classes", "class_names", "class_colors", "base_channels", "depth", "padding", "skip",
        "normalization", "dropout",
    ]
    private static let dataKeys = [
        "root", "train", "validation", "labels", "ignore_index", "normalize", "tile", "cache_mb", "loader_threads",
        "sampling",
    ]
    private static let augmentationKeys = [
        "rotate", "flip", "scale", "translate", "elastic", "grey", "noise", "blur",
    ]
    private static let lossKeys = ["kind", "label_smoothing", "class_weights", "border"]
    private static let optimizerKeys = [
        "learning_rate", "momentum", "nesterov", "weight_decay", "clip_norm", "schedule",
    ]
    private static let scheduleKeys = ["kind", "every", "factor", "power", "final", "warmup_steps"]
    private static let trainingKeys = [
        "steps", "epochs", "minutes", "batch", "shuffle", "initialize_from", "freeze", "ema", "on_nonfinite",
    ]
    private static let checkpointKeys = ["every", "keep"]
    private static let validationKeys = ["every", "metric", "on", "patience"]
    private static let runKeys = [
        "threads", "coordinator", "output", "engine", "replica_check_every", "fault_timeout", "trace",
    ]
    private static let communicationKeys = ["overlap", "bucket_mb", "compression"]
    private static let sourceKeys = ["images", "labels", "list"]
    private static let splitKeys = ["fraction", "fold", "of"]

    private static let sections = [
        "name", "seed", "model", "data", "augmentation", "loss", "optimizer", "training", "checkpoint", "validation",
        "run", "communication",
    ]

    /// Every dotted key of interface.md's configuration.
    package static let everyKey: [String] =
        sections
        + [
            ("model", modelKeys), ("data", dataKeys), ("data.train", sourceKeys),
            ("data.validation", sourceKeys + splitKeys), ("data.labels", ["palette"]),
            ("data.sampling", ["foreground"]), ("augmentation", augmentationKeys),
            ("augmentation.elastic", ["grid", "sigma"]), ("augmentation.grey", ["shift", "scale", "gamma"]),
            ("loss", lossKeys), ("loss.border", ["w0", "sigma"]),
            ("optimizer", optimizerKeys), ("optimizer.schedule", scheduleKeys), ("training", trainingKeys),
            ("checkpoint", checkpointKeys), ("validation", validationKeys), ("run", runKeys),
            ("communication", communicationKeys),
        ].flatMap { section, keys in keys.map { "\(section).\($0)" } }

    private init(_ document: SectionReader) throws {
        // Sections are opened first: an unknown key is reported before a missing one, which it may have meant.
        let model = try document.section("model", keys: Self.modelKeys)
        let data = try document.section("data", keys: Self.dataKeys)
        let augmentation = try document.section("augmentation", keys: Self.augmentationKeys)
        let loss = try document.section("loss", keys: Self.lossKeys)
        let optimizer = try document.section("optimizer", keys: Self.optimizerKeys)
        let training = try document.section("training", keys: Self.trainingKeys)
        let checkpoint = try document.section("checkpoint", keys: Self.checkpointKeys)
        let validation = try document.section("validation", keys: Self.validationKeys)
        let run = try document.section("run", keys: Self.runKeys)
        let communication = try document.section("communication", keys: Self.communicationKeys)

        self.init(data: try Data(data))
        name = try document.text("name") ?? name
        if let value = try document.integer("seed") {
            guard let value = UInt64(exactly: value) else {
                throw document.failure("seed", "must be 0 or more, not \(value)")
            }
            seed = value
        }
        self.model = try Model(model)
        self.augmentation = document.has("augmentation") ? try augmentation.augmentation() : nil
        self.loss = try Loss(loss)
        self.optimizer = try Optimizer(optimizer, schedule: optimizer.section("schedule", keys: Self.scheduleKeys))
        self.training = try Training(training)
        self.checkpoint.every = try checkpoint.integer("every") ?? self.checkpoint.every
        self.checkpoint.keep = try checkpoint.integer("keep") ?? self.checkpoint.keep
        self.validation = try Validation(validation)
        self.run = try Run(run)
        self.communication = try Communication(communication)
    }
}

extension Configuration.Model {
    fileprivate init(_ section: SectionReader) throws {
        self.init()
        architecture.inputChannels = try section.integer("input_channels") ?? architecture.inputChannels
        architecture.classes = try section.integer("classes") ?? architecture.classes
        architecture.baseChannels = try section.integer("base_channels") ?? architecture.baseChannels
        architecture.depth = try section.integer("depth") ?? architecture.depth
        architecture.padding = try section.word("padding", as: UNetArchitecture.Padding.self) ?? architecture.padding
        architecture.skip = try section.word("skip", as: UNetArchitecture.Skip.self) ?? architecture.skip
        architecture.normalization =
            try section.word("normalization", as: UNetArchitecture.Normalization.self) ?? architecture.normalization
        architecture.dropout = try section.number("dropout") ?? architecture.dropout
        classNames = try section.texts("class_names")
        classColors = try section.colors("class_colors")
    }
}

extension Configuration.Data {
    fileprivate init(_ section: SectionReader) throws {
        guard section.has("train") else {
            throw section.failure("train", "is missing: add train: {images: FOLDER, labels: FOLDER} to data")
        }
        self.init(train: try section.section("train", keys: ["images", "labels", "list"]).sampleSource())
        root = try section.text("root") ?? root
        validation = try section.validationSource()
        labels = try section.labelEncoding()
        ignoreIndex = try section.integer("ignore_index")
        normalize =
            try section.word("normalize", among: ["standardize", "unit"])
            .flatMap(IntensityNormalization.init(rawValue:)) ?? normalize
        tile = try section.integer("tile") ?? tile
        cacheMegabytes = try section.integer("cache_mb") ?? cacheMegabytes
        loaderThreads = try section.integer("loader_threads") ?? loaderThreads
        let sampling = try section.section("sampling", keys: ["foreground"])
        foregroundShare = try sampling.number("foreground") ?? foregroundShare
    }
}

extension Configuration.Loss {
    fileprivate init(_ section: SectionReader) throws {
        self.init()
        kind = try section.word("kind", as: SegmentationLoss.Kind.self) ?? kind
        labelSmoothing = try section.number("label_smoothing") ?? labelSmoothing
        classWeights = try section.classWeighting()
        border = try section.border()
    }
}

extension Configuration.Optimizer {
    fileprivate init(_ section: SectionReader, schedule: SectionReader) throws {
        self.init()
        learningRate = try section.number("learning_rate") ?? learningRate
        momentum = try section.number("momentum") ?? momentum
        nesterov = try section.truth("nesterov") ?? nesterov
        weightDecay = try section.number("weight_decay") ?? weightDecay
        clipNorm = try section.number("clip_norm") ?? clipNorm
        self.schedule = try schedule.schedule()
    }
}

extension Configuration.Training {
    fileprivate init(_ section: SectionReader) throws {
        self.init()
        let given = section.given(amongExclusive: ["steps", "epochs", "minutes"])
        guard given.count < 2 else {
            throw section.failure(given[1], "and \(section.dotted(given[0])) exclude each other: give one of them")
        }
        if given == ["steps"], let steps = try section.integer("steps") { length = .steps(steps) }
        if given == ["epochs"], let epochs = try section.integer("epochs") { length = .epochs(epochs) }
        if given == ["minutes"], let minutes = try section.number("minutes") { length = .minutes(minutes) }
        batch = try section.integer("batch") ?? batch
        shuffle = try section.truth("shuffle") ?? shuffle
        initializeFrom = try section.text("initialize_from")
        freeze = try section.texts("freeze") ?? freeze
        ema = try section.number("ema") ?? ema
        onNonFinite = try section.word("on_nonfinite", as: Configuration.OnNonFinite.self) ?? onNonFinite
    }
}

extension Configuration.Validation {
    fileprivate init(_ section: SectionReader) throws {
        self.init()
        every = try section.integer("every") ?? every
        metric = try section.word("metric", as: SegmentationMetric.self) ?? metric
        place = try section.word("on", as: Configuration.Validation.Place.self) ?? place
        patience = try section.integer("patience") ?? patience
    }
}

extension Configuration.Run {
    fileprivate init(_ section: SectionReader) throws {
        self.init()
        if let node = section.node("threads") {
            if case .scalar("auto", _) = node.content {
                threads = .automatic
            } else if case .scalar(let text, isPlain: true) = node.content, let count = Int(text) {
                threads = .count(count)
            } else {
                throw section.failure("threads", "must be a whole number or auto, not \(node.kind)")
            }
        }
        coordinator = try section.word("coordinator", as: ProcessLayout.CoordinatorMode.self) ?? coordinator
        output = try section.text("output") ?? output
        engine = try section.word("engine", as: Engine.Kind.self) ?? engine
        replicaCheckEvery = try section.integer("replica_check_every") ?? replicaCheckEvery
        faultTimeout = try section.number("fault_timeout") ?? faultTimeout
        trace = try section.truth("trace") ?? trace
    }
}

extension Configuration.Communication {
    fileprivate init(_ section: SectionReader) throws {
        self.init()
        overlap = try section.truth("overlap") ?? overlap
        bucketMegabytes = try section.number("bucket_mb") ?? bucketMegabytes
        compression = try section.word("compression", as: GradientCompression.self) ?? compression
    }
}
