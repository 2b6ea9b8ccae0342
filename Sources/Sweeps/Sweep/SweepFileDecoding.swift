import Configurations
import Foundation
import Metrics
import Support

extension SweepFile {
    /// Reads a sweep file.
    ///
    /// - Throws: a request's failure with file, line and dotted key for anything that is wrong with it.
    package static func load(path: String) throws -> SweepFile {
        try decode(yaml: Configuration.readText(path: path, what: "sweep"), path: path)
    }

    /// Reads a sweep from its text; `path` says where the base configuration is looked for, and what errors call it.
    package static func decode(yaml: String, path: String) throws -> SweepFile {
        let document = try ConfigurationNode.parse(yaml: yaml, name: path)
        let reader = try SectionReader(document, name: path, keys: keys, everyKey: everyKey)
        let objective = try reader.section("objective", keys: ["metric", "direction"])
        for (key, what) in [
            ("name", "the sweep"), ("base", "the base configuration's file"), ("parameters", "the values to try"),
        ] where !reader.has(key) {
            throw reader.failure(key, "is missing: name \(what)")
        }
        let name = try reader.text("name") ?? ""
        guard !name.isEmpty, name != ".", name != "..", !name.contains("/") else {
            throw reader.failure("name", "must be a folder's name without '/', not '\(name.shortened)'")
        }
        let metric = try objective.word("metric", as: SegmentationMetric.self) ?? .iou
        let direction =
            try objective.word("direction", as: TrialObjective.Direction.self)
            ?? (metric.largerIsBetter ? .maximize : .minimize)
        let strategy = try strategy(reader)
        var settings = try settings(reader)
        let parameters = try parameters(reader, strategy: strategy)
        // A costly score is measured only where a configuration asks for it.
        if !metric.family.isEmpty, !(settings.map(\.key) + parameters.map(\.key)).contains("validation.metric") {
            settings.append(Trial.Setting(key: "validation.metric", value: metric.rawValue))
        }
        return SweepFile(
            name: name, base: Self.path(try reader.text("base") ?? "", besides: path),
            settings: settings, parameters: parameters,
            strategy: strategy, constraints: try constraints(reader),
            objective: TrialObjective(metric: metric, direction: direction),
            workers: try reader.count("workers", atLeast: 1) ?? 2,
            parallel: try reader.count("parallel", atLeast: 1, atMost: 999) ?? 1,
            retries: try reader.count("retries", atLeast: 0) ?? 1)
    }

    private static let keys = [
        "name", "base", "set", "parameters", "constraints", "strategy", "objective", "workers", "parallel", "retries",
    ]
    private static let everyKey =
        keys + [
            "strategy.random", "strategy.random.trials", "strategy.random.seed", "strategy.successive_halving",
            "strategy.successive_halving.trials", "strategy.successive_halving.seed", "strategy.successive_halving.eta",
            "strategy.successive_halving.minimum_steps", "objective.metric", "objective.direction",
        ]

    /// Most trials of a sweep: their folders are numbered with four digits.
    static let mostTrials = 9999

    /// A path that `file` names, as the working directory sees it.
    private static func path(_ path: String, besides file: String) -> String {
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        var folder = file[..<slash].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        var rest = path.split(separator: "/").map(String.init)[...]
        // `configs/sweeps/../a.yaml` is `configs/a.yaml`, which reads better in messages.
        while rest.first == "..", let last = folder.last, !["", ".", ".."].contains(last) {
            folder.removeLast()
            rest.removeFirst()
        }
        return (folder + rest).joined(separator: "/")
    }

    private static func entries(_ reader: SectionReader, _ key: String) throws -> [ConfigurationNode.Entry] {
        guard let node = reader.node(key) else { return [] }
        guard let entries = node.entries else {
            throw reader.failure(key, "must be a section of configuration keys, not \(node.kind)")
        }
        for entry in entries where !Configuration.everyKey.contains(entry.key) {
            let guess = nearestName(to: entry.key, among: Configuration.everyKey)
            throw Failure.request(
                "\(entry.origin): \(key) has the unknown key '\(entry.key.shortened)': "
                    + (guess.map { "did you mean '\($0)'?" } ?? "name a key of the configuration"))
        }
        return entries
    }

    private static func settings(_ reader: SectionReader) throws -> [Trial.Setting] {
        try entries(reader, "set").map { Trial.Setting(key: $0.key, value: $0.value.text) }
    }

    private static func constraints(_ reader: SectionReader) throws -> [SweepConstraint] {
        guard let node = reader.node("constraints") else { return [] }
        guard case .list(let items) = node.content else {
            throw reader.failure(
                "constraints",
                "must be a list such as [\"model.base_channels * training.batch <= 64\"], not \(node.kind)")
        }
        return try items.map { item in
            guard case .scalar(let text, _) = item.content else {
                throw Failure.request(
                    "\(item.origin): constraints has \(item.kind): write a condition as text in quotes")
            }
            return try SweepConstraint(text, at: item.origin.description)
        }
    }

    private static func strategy(_ reader: SectionReader) throws -> SweepStrategy {
        guard let node = reader.node("strategy") else { return .grid }
        if case .scalar("grid", _) = node.content { return .grid }
        guard case .section(let entries) = node.content else {
            throw reader.failure(
                "strategy",
                "must be grid, {random: {trials: 20, seed: 1}} or {successive_halving: {trials: 27, eta: 3, minimum_steps: "
                    + "100}}, not \(node.kind)")
        }
        let section = try reader.section("strategy", keys: ["random", "successive_halving"])
        guard entries.count == 1 else {
            throw reader.failure("strategy", "names \(entries.count) strategies: keep one")
        }
        func seed(_ section: SectionReader) throws -> UInt64 { UInt64(try section.count("seed", atLeast: 0) ?? 1) }
        func trials(_ section: SectionReader) throws -> Int? {
            try section.count("trials", atLeast: 1, atMost: mostTrials)
        }
        if entries[0].key == "random" {
            let random = try section.section("random", keys: ["trials", "seed"])
            guard let trials = try trials(random) else {
                throw random.failure("trials", "is missing: say how many trials to draw")
            }
            return .random(trials: trials, seed: try seed(random))
        }
        let halving = try section.section("successive_halving", keys: ["trials", "seed", "eta", "minimum_steps"])
        guard let minimum = try halving.count("minimum_steps", atLeast: 1) else {
            throw halving.failure("minimum_steps", "is missing: say at which step the first trials end")
        }
        return .successiveHalving(
            trials: try trials(halving), seed: try seed(halving),
            eta: try halving.count("eta", atLeast: 2, atMost: mostTrials) ?? 3, minimumSteps: minimum)
    }

    private static func parameters(_ reader: SectionReader, strategy: SweepStrategy) throws -> [SweepParameter] {
        let entries = try entries(reader, "parameters")
        guard !entries.isEmpty else { throw reader.failure("parameters", "is empty: give at least one key to vary") }
        let parameters = try entries.map { entry in
            do {
                return SweepParameter(key: entry.key, values: try values(entry.value, strategy: strategy))
            } catch let problem as Problem {
                throw Failure.request("\(entry.origin): parameters.\(entry.key) \(problem.text)")
            }
        }
        if strategy.draws == nil {
            var trials = 1
            for parameter in parameters {
                let (product, overflow) = trials.multipliedReportingOverflow(by: parameter.gridValues.count)
                guard !overflow, product <= mostTrials else {
                    throw reader.failure("parameters", "make more than \(mostTrials) trials: try fewer values")
                }
                trials = product
            }
        }
        return parameters
    }

    private struct Problem: Error { let text: String }

    private static func values(_ node: ConfigurationNode, strategy: SweepStrategy) throws -> SweepParameter.Values {
        let forms = "must be a list of values, {log: [a, b], count: n} or {linear: [a, b], count: n}"
        if case .list(let items) = node.content {
            guard !items.isEmpty else { throw Problem(text: "is an empty list: give at least one value") }
            return .list(items.map(\.text))
        }
        guard case .section(let entries) = node.content else { throw Problem(text: "\(forms), not \(node.kind)") }
        let scales = entries.compactMap { entry in SweepParameter.Scale(rawValue: entry.key).map { ($0, entry.value) } }
        guard scales.count == 1, let (scale, ends) = scales.first,
            entries.allSatisfy({ $0.key == "count" || $0.key == scale.rawValue })
        else { throw Problem(text: forms) }
        guard case .list(let items) = ends.content, items.count == 2, let from = items[0].number,
            let to = items[1].number, from < to
        else { throw Problem(text: "needs two numbers, the smaller first: {\(scale.rawValue): [a, b]}") }
        guard scale == .linear || from > 0 else {
            throw Problem(text: "divides into equal ratios: both ends of log must be more than 0")
        }
        guard let given = entries.first(where: { $0.key == "count" })?.value else {
            guard strategy.draws != nil else {
                throw Problem(text: "needs a count where all combinations are tried: add count: 5")
            }
            return .range(scale, from: from, to: to, count: nil)
        }
        guard let number = given.number, let count = Int(exactly: number), (2...mostTrials).contains(count) else {
            throw Problem(text: "has the count \(given.kind): it must be a whole number, 2 to \(mostTrials)")
        }
        return .range(scale, from: from, to: to, count: count)
    }
}

extension SectionReader {
    fileprivate func count(_ key: String, atLeast least: Int, atMost most: Int = .max) throws -> Int? {
        guard let value = try integer(key) else { return nil }
        guard value >= least, value <= most else {
            throw failure(
                key, "must be \(most == .max ? "\(least) or more" : "\(least) to \(most)"), not \(value)")
        }
        return value
    }
}
