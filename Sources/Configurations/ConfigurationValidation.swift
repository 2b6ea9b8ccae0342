import Network
import Optimization
import Support

extension Configuration {
    /// Checks that every value is possible, and that they go together.
    ///
    /// - Throws: a request's failure that names the key, what it has, and what it may have.
    public func validate() throws { try validate { _ in "configuration" } }

    /// Checks the values; `place` says how an error about a dotted key begins.
    package func validate(placing place: @escaping (String) -> String) throws {
        let check = Check(place: place)
        try checkNames(check)
        try checkModel(check)
        try checkData(check)
        try checkTile(check)
        try checkAugmentation(check)
        try checkLoss(check)
        try checkOptimizer(check)
        try checkSchedule(check)
        try checkLengths(check)
        try checkFreeze(check)
    }

    private struct Check {
        let place: (String) -> String

        func callAsFunction(_ holds: Bool, _ key: String, _ problem: @autoclosure () -> String) throws {
            guard holds else { throw Failure.request("\(place(key)): \(key) \(problem())") }
        }

        func atLeast(_ least: Int, _ key: String, _ value: Int, atMost most: Int = .max) throws {
            let allowed = most == .max ? "\(least) or more" : "\(least) to \(most)"
            try self(value >= least && value <= most, key, "must be \(allowed), not \(value)")
        }

        func notNegative(_ key: String, _ value: Double) throws {
            try self(value >= 0 && value.isFinite, key, "must be 0 or more, not \(YAMLText.number(value))")
        }
    }

    private func checkNames(_ check: Check) throws {
        let isFolderName = !name.isEmpty && name != "." && name != ".." && !name.contains("/")
        try check(isFolderName, "name", "must be a folder's name without '/', not '\(name)'")
        try check(seed <= UInt64(Int.max), "seed", "must be 0 to \(Int.max), not \(seed)")
        try check(!run.output.isEmpty, "run.output", "must be a folder, not empty")
        try check(!data.root.isEmpty, "data.root", "must be a folder, not empty: use . for the working directory")
        var sources = [("data.train", data.train)]
        if case .samples(let validation) = data.validation { sources.append(("data.validation", validation)) }
        for (key, source) in sources {
            if let problem = source.problem { try check(false, "\(key).\(problem.part)", problem.words) }
        }
    }

    private func checkModel(_ check: Check) throws {
        let architecture = model.architecture
        // The upper limits keep sizes within integers; memory ends long before.
        try check.atLeast(1, "model.input_channels", architecture.inputChannels, atMost: 65536)
        try check.atLeast(2, "model.classes", architecture.classes, atMost: 65536)
        try check.atLeast(0, "model.depth", architecture.depth, atMost: 12)
        try check.atLeast(1, "model.base_channels", architecture.baseChannels, atMost: 65536)
        try check(
            architecture.dropout >= 0 && architecture.dropout < 1, "model.dropout",
            "must be at least 0 and less than 1, not \(YAMLText.number(architecture.dropout))")
        for (key, count) in [("class_names", model.classNames?.count), ("class_colors", model.classColors?.count)] {
            guard let count else { continue }
            try check(
                count == architecture.classes, "model.\(key)",
                "lists \(count) for model.classes \(architecture.classes): list one a class")
        }
    }

    private func checkData(_ check: Check) throws {
        let classes = model.architecture.classes
        switch data.labels {
        case .index: break
        case .binary, .instances:
            try check(
                classes == 2, "data.labels",
                "\(data.labels == .binary ? "binary" : "instances") means 2 classes, but model.classes is \(classes)"
                    + ": set model.classes to 2 or use index")
        case .palette(let colors):
            let key = "data.labels.palette"
            // A colour after the classes' is the one to ignore.
            let ignored = colors.count == classes + 1 && data.ignoreIndex == classes
            try check(
                colors.count == classes || ignored, key,
                "lists \(colors.count) for model.classes \(classes): list one colour a class")
            try check(Set(colors).count == colors.count, key, "has a colour twice: give each class its own")
        }
        if let ignored = data.ignoreIndex { try check.atLeast(0, "data.ignore_index", ignored, atMost: 65535) }
        switch data.validation {
        case .samples, .split(.none): break
        case .split(.fraction(let fraction)):
            try check(
                fraction > 0 && fraction < 1, "data.validation.fraction",
                "must be more than 0 and less than 1, not \(YAMLText.number(fraction))")
        case .split(.fold(let fold, let of)):
            try check.atLeast(2, "data.validation.of", of)
            try check.atLeast(0, "data.validation.fold", fold, atMost: of - 1)
        }
        try check.atLeast(0, "data.cache_mb", data.cacheMegabytes, atMost: 1 << 30)
        try check.atLeast(1, "data.loader_threads", data.loaderThreads, atMost: 1024)
        try check(
            data.foregroundShare >= 0 && data.foregroundShare <= 1, "data.sampling.foreground",
            "is a share of the tiles, 0 to 1, not \(YAMLText.number(data.foregroundShare))")
        try check(
            data.foregroundShare == 0 || data.tile > 0, "data.sampling.foreground",
            "says where tiles are drawn, and data.tile: 0 trains on whole images: set one of them to another value")
    }

    private func checkTile(_ check: Check) throws {
        let architecture = model.architecture
        let geometry = architecture.geometry
        try check.atLeast(0, "data.tile", data.tile, atMost: 1 << 20)
        try check(
            data.tile == 0 || geometry.isLegal(input: data.tile), "data.tile",
            "\(data.tile) is no legal input size at depth \(architecture.depth) with padding "
                + "\(architecture.padding.rawValue): use \(geometry.nearestLegal(to: data.tile))")
    }

    private func checkLoss(_ check: Check) throws {
        let smoothing = loss.labelSmoothing
        try check(
            smoothing >= 0 && smoothing < 1, "loss.label_smoothing",
            "must be at least 0 and less than 1, not \(YAMLText.number(smoothing))")
        try check(
            smoothing == 0 || loss.kind != .dice, "loss.label_smoothing",
            "is the cross-entropy's, and loss.kind is dice: remove it, or use cross_entropy+dice")
        for (key, isThere) in [("class_weights", loss.classWeights != .none), ("border", loss.border != nil)] {
            try check(
                !isThere || loss.kind != .dice, "loss.\(key)",
                "weighs the cross-entropy, and loss.kind is dice: remove it, or use cross_entropy+dice")
        }
        if case .list(let weights) = loss.classWeights {
            let classes = model.architecture.classes
            try check(
                weights.count == classes, "loss.class_weights",
                "lists \(weights.count) for model.classes \(classes): list one a class")
            for weight in weights { try check.notNegative("loss.class_weights", weight) }
        }
        if let border = loss.border {
            try check.notNegative("loss.border.w0", border.w0)
            try check(
                border.sigma > 0 && border.sigma <= 1000, "loss.border.sigma",
                "must be more than 0 and at most 1000 pixels, not \(YAMLText.number(border.sigma))")
        }
    }

    private func checkAugmentation(_ check: Check) throws {
        guard let augmentation else { return }
        func within(_ key: String, _ value: Double, _ bounds: ClosedRange<Double>, _ what: String) throws {
            let (low, high) = (YAMLText.number(bounds.lowerBound), YAMLText.number(bounds.upperBound))
            try check(
                bounds.contains(value), "augmentation.\(key)",
                "must be \(low) to \(high) \(what), not \(YAMLText.number(value))")
        }
        try within("rotate", augmentation.rotate, 0...180, "degrees")
        for bound in [augmentation.scale.lowerBound, augmentation.scale.upperBound] {
            try within("scale", bound, 0.1...10, "times the size")
        }
        try within("translate", augmentation.translate, 0...100_000, "pixels")
        if let elastic = augmentation.elastic {
            try check.atLeast(2, "augmentation.elastic.grid", elastic.grid, atMost: 64)
            try within("elastic.sigma", elastic.sigma, 0...1000, "pixels")
        }
        if let grey = augmentation.grey {
            try within("grey.shift", grey.shift, 0...100, "deviations of the image")
            try within("grey.scale", grey.scale, 0...1, "as a share")
            try within("grey.gamma", grey.gamma, 0...10, "above a gamma of 1")
        }
        try within("noise", augmentation.noise, 0...100, "deviations of the image")
        try within("blur", augmentation.blur, 0...100, "pixels")
    }

    private func checkOptimizer(_ check: Check) throws {
        let rate = optimizer.learningRate
        try check(
            rate > 0 && rate.isFinite, "optimizer.learning_rate", "must be more than 0, not \(YAMLText.number(rate))")
        try check(
            optimizer.momentum >= 0 && optimizer.momentum < 1, "optimizer.momentum",
            "must be at least 0 and less than 1, not \(YAMLText.number(optimizer.momentum))")
        try check(
            !optimizer.nesterov || optimizer.momentum > 0, "optimizer.nesterov",
            "true needs momentum: set optimizer.momentum above 0")
        try check.notNegative("optimizer.weight_decay", optimizer.weightDecay)
        try check.notNegative("optimizer.clip_norm", optimizer.clipNorm)
    }

    private func checkFreeze(_ check: Check) throws {
        guard !training.freeze.isEmpty else { return }
        let layout = ParameterLayout(model.architecture)
        let prefixes = TrainedParameters.prefixes(of: layout)
        for name in training.freeze where !prefixes.contains(name) {
            let guess = nearestName(to: name, among: prefixes)
            throw Failure.request(
                "\(check.place("training.freeze")): training.freeze names no layer of the network with '\(name)'"
                    + (guess.map { ": did you mean '\($0)'?" } ?? ": use names such as encoder.0, decoder.1.up or head")
            )
        }
        try check(
            !TrainedParameters(layout, freezing: training.freeze).trained.isEmpty, "training.freeze",
            "leaves nothing to train: take a layer out of the list")
    }

    private func checkSchedule(_ check: Check) throws {
        try check.atLeast(0, "optimizer.schedule.warmup_steps", optimizer.schedule.warmupSteps)
        switch optimizer.schedule.shape {
        case .constant: break
        case .step(let every, let factor):
            try check.atLeast(1, "optimizer.schedule.every", every)
            try check(
                factor > 0 && factor <= 1, "optimizer.schedule.factor",
                "must be more than 0 and at most 1, not \(YAMLText.number(factor))")
        case .polynomial(let power):
            try check.notNegative("optimizer.schedule.power", power)
        case .cosine(let final):
            try check(
                final >= 0 && final <= 1, "optimizer.schedule.final",
                "is a share of the learning rate, 0 to 1, not \(YAMLText.number(final))")
        }
    }

    private func checkLengths(_ check: Check) throws {
        switch training.length {
        case .steps(let steps): try check.atLeast(1, "training.steps", steps)
        case .epochs(let epochs): try check.atLeast(1, "training.epochs", epochs, atMost: 1 << 31)
        case .minutes(let minutes):
            try check(
                minutes > 0 && minutes <= 1e8, "training.minutes",
                "must be more than 0 and at most 100000000, not \(YAMLText.number(minutes))")
        }
        try check.atLeast(1, "training.batch", training.batch, atMost: 1 << 20)
        if let path = training.initializeFrom {
            try check(!path.isEmpty, "training.initialize_from", "must be a checkpoint's path, not empty")
        }
        try check(
            training.ema >= 0 && training.ema < 1, "training.ema",
            "is a decay, at least 0 and less than 1, not \(YAMLText.number(training.ema))")
        try check.atLeast(1, "checkpoint.every", checkpoint.every)
        try check.atLeast(1, "checkpoint.keep", checkpoint.keep)
        try check.atLeast(1, "validation.every", validation.every)
        try check(
            validation.metric.family.isEmpty || model.architecture.classes == 2, "validation.metric",
            "\(validation.metric.rawValue) is a score of two classes, not of \(model.architecture.classes): use mean_iou"
        )
        try check.atLeast(0, "validation.patience", validation.patience)
        try check(
            validation.patience == 0 || data.validation != .none, "validation.patience",
            "waits for a better validation, and there is none: set data.validation")
        try check.atLeast(1, "run.replica_check_every", run.replicaCheckEvery)
        try check(
            run.faultTimeout >= 0 && run.faultTimeout <= 1e6, "run.fault_timeout",
            "must be 0 to 1000000 seconds, not \(YAMLText.number(run.faultTimeout))")
        let bucket = communication.bucketMegabytes
        try check(
            bucket > 0 && bucket <= 4096, "communication.bucket_mb",
            "must be more than 0 and at most 4096, not \(YAMLText.number(bucket))")
        if case .count(let threads) = run.threads { try check.atLeast(1, "run.threads", threads, atMost: 1024) }
    }
}
