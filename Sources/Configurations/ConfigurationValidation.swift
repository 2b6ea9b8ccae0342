import Datasets
import Images
import Metrics
import Network
import Support

extension Configuration {
    /// Checks that every value is possible, and that they go together.
    ///
    /// - Throws: a request's failure that names the key, what it has, and what it may have.
    public func validate() throws { try validate { _ in "configuration" } }

    /// Checks the values, each by its key's rule and then together; `place` says how an error about a dotted key begins.
    func validate(placing place: @escaping (String) -> String) throws {
        let check = ConfigurationCheck(place: place)
        try Self.keys.check(self, check)
        try checkClasses(check)
        try checkTogether(check)
        try checkFreeze(check)
    }

    /// What must fit the number of classes.
    private func checkClasses(_ check: ConfigurationCheck) throws {
        let classes = model.architecture.classes
        for (key, count) in [("class_names", model.classNames?.count), ("class_colors", model.classColors?.count)] {
            guard let count else { continue }
            try check(
                count == classes, "model.\(key)", "lists \(count) for model.classes \(classes): list one a class")
        }
        switch data.labels {
        case .index: break
        case .binary, .instances:
            try check(
                classes == 2, "data.labels",
                "\(data.labels.name) means 2 classes, but model.classes is \(classes)"
                    + ": set model.classes to 2 or use index")
        case .palette(let colors):
            let key = "data.labels.palette"
            // A colour after the classes' is the one to ignore.
            let isIgnored = data.ignoreIndex == classes || data.ignoreColor != nil && data.ignoreColor == colors.last
            let ignored = colors.count == classes + 1 && isIgnored
            try check(
                colors.count == classes || ignored, key,
                "lists \(colors.count) for model.classes \(classes): list one colour a class")
            try check(Set(colors).count == colors.count, key, "has a colour twice: give each class its own")
        }
        if let color = data.ignoreColor { try checkIgnored(color, check) }
        if case .list(let weights) = loss.classWeights {
            try check(
                weights.count == classes, "loss.class_weights",
                "lists \(weights.count) for model.classes \(classes): list one a class")
        }
        try check(
            validation.metric.family.isEmpty || classes == 2, "validation.metric",
            "\(validation.metric.rawValue) is a score of two classes, not of \(classes): use mean_iou")
    }

    private func checkIgnored(_ color: RGBColor, _ check: ConfigurationCheck) throws {
        let key = "data.ignore_color"
        guard case .palette(let colors) = data.labels else {
            return try check(
                false, key,
                "is for data.labels: {palette: …}, not \(data.labels.name): use data.ignore_index for a value of the labels"
            )
        }
        if let position = colors.firstIndex(of: color) {
            try check(
                position >= model.architecture.classes, key,
                "\(color.hex) is the colour of class \(position) too, which then has no pixel: take it out of one of them"
            )
        }
        if let index = data.ignoreIndex {
            try check(
                colors.indices.contains(index) && colors[index] == color, key,
                "and data.ignore_index \(index) name two colours: give one of the keys")
        }
    }

    private func checkTogether(_ check: ConfigurationCheck) throws {
        let architecture = model.architecture
        let geometry = architecture.geometry
        try check(
            data.tile == 0 || geometry.isLegal(input: data.tile), "data.tile",
            "\(data.tile) is no legal input size at depth \(architecture.depth) with padding "
                + "\(architecture.padding.rawValue): use \(geometry.nearestLegal(to: data.tile))")
        try check(
            data.foregroundShare == 0 || data.tile > 0, "data.sampling.foreground",
            "says where tiles are drawn, and data.tile: 0 trains on whole images: set one of them to another value")
        try check(
            loss.labelSmoothing == 0 || loss.kind.hasCrossEntropy, "loss.label_smoothing",
            "is the cross-entropy's, and loss.kind is \(loss.kind.rawValue): remove it, or use cross_entropy+dice")
        for (key, isThere) in [("class_weights", loss.classWeights != .none), ("border", loss.border != nil)] {
            try check(
                !isThere || loss.kind.hasCrossEntropy, "loss.\(key)",
                "weighs the cross-entropy, and loss.kind is \(loss.kind.rawValue): remove it, or use cross_entropy+dice"
            )
        }
        try check(
            !optimizer.nesterov || optimizer.momentum > 0, "optimizer.nesterov",
            "true needs momentum: set optimizer.momentum above 0")
        try check(
            validation.patience == 0 || data.validation != .none, "validation.patience",
            "waits for a better validation, and there is none: set data.validation")
        try check(
            run.audit == 0 || run.engine == .native, "run.audit",
            "compares gradients by their bits, which run.engine \(run.engine.rawValue) has not on every machine: set it to "
                + "native")
    }

    private func checkFreeze(_ check: ConfigurationCheck) throws {
        guard !training.freeze.isEmpty else { return }
        let layout = ParameterLayout(model.architecture)
        let prefixes = TrainedParameters.prefixes(of: layout)
        for name in training.freeze where !prefixes.contains(name) {
            let guess = nearestName(to: name, among: prefixes)
            try check(
                false, "training.freeze",
                "names no layer of the network with '\(name.shortened)'"
                    + (guess.map { ": did you mean '\($0)'?" } ?? ": use names such as encoder.0, decoder.1.up or head")
            )
        }
        try check(
            !TrainedParameters(layout, freezing: training.freeze).trained.isEmpty, "training.freeze",
            "leaves nothing to train: take a layer out of the list")
    }
}
