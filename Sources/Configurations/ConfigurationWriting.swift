import Datasets
import Images
import Network
import Optimization

extension Configuration {
    /// The effective configuration, defaults and all, as YAML that decodes to an equal value.
    ///
    /// Keys that this version does not have are left out.
    public var yaml: String {
        let text = YAMLText.string
        let number = YAMLText.number
        let architecture = model.architecture
        let colors = { (colors: [RGBColor]) in Self.list(colors.map { YAMLText.quoted($0.hex) }) }
        let source = { (source: SampleSource) in
            switch source {
            case .files(let images, let labels): "{images: \(text(images)), labels: \(text(labels))}"
            case .list(let path): "{list: \(text(path))}"
            }
        }
        let labels =
            switch data.labels {
            case .index: "index"
            case .binary: "binary"
            case .instances: "instances"
            case .palette(let palette): "{palette: \(colors(palette))}"
            }
        let validationSource =
            switch data.validation {
            case .samples(let own): source(own)
            case .split(.none): "null"
            case .split(.fraction(let fraction)): "{fraction: \(number(fraction))}"
            case .split(.fold(let fold, let of)): "{fold: \(fold), of: \(of)}"
            }
        let length =
            switch training.length {
            case .steps(let steps): "steps: \(steps)"
            case .epochs(let epochs): "epochs: \(epochs)"
            case .minutes(let minutes): "minutes: \(number(minutes))"
            }
        let threads = if case .count(let count) = run.threads { String(count) } else { "auto" }
        return """
            name: \(text(name))
            seed: \(seed)
            model:
              input_channels: \(architecture.inputChannels)
              classes: \(architecture.classes)
              class_names: \(model.classNames.map { Self.list($0.map(text)) } ?? "null")
              class_colors: \(model.classColors.map(colors) ?? "null")
              base_channels: \(architecture.baseChannels)
              depth: \(architecture.depth)
              padding: \(architecture.padding.rawValue)
              skip: \(architecture.skip.rawValue)
              normalization: \(architecture.normalization.rawValue)
              dropout: \(number(architecture.dropout))
            data:
              root: \(text(data.root))
              train: \(source(data.train))
              validation: \(validationSource)
              labels: \(labels)
              ignore_index: \(data.ignoreIndex.map(String.init) ?? "null")
              normalize: \(data.normalize.rawValue)
              tile: \(data.tile)
              cache_mb: \(data.cacheMegabytes)
              loader_threads: \(data.loaderThreads)
              sampling: {foreground: \(number(data.foregroundShare))}
            augmentation:\(augmentation.map(Self.text) ?? " null")
            loss:
              kind: \(loss.kind.rawValue)
              label_smoothing: \(number(loss.labelSmoothing))
              class_weights: \(Self.text(of: loss.classWeights))
              border: \(loss.border.map { "{w0: \(number($0.w0)), sigma: \(number($0.sigma))}" } ?? "null")
            optimizer:
              learning_rate: \(number(optimizer.learningRate))
              momentum: \(number(optimizer.momentum))
              nesterov: \(optimizer.nesterov)
              weight_decay: \(number(optimizer.weightDecay))
              clip_norm: \(number(optimizer.clipNorm))
              schedule: \(Self.text(of: optimizer.schedule))
            training:
              \(length)
              batch: \(training.batch)
              shuffle: \(training.shuffle)
              initialize_from: \(training.initializeFrom.map(text) ?? "null")
              freeze: \(Self.list(training.freeze.map(text)))
              ema: \(number(training.ema))
              on_nonfinite: \(training.onNonFinite.rawValue)
            checkpoint: {every: \(checkpoint.every), keep: \(checkpoint.keep)}
            validation:
              every: \(validation.every)
              metric: \(validation.metric.rawValue)
              on: \(validation.place.rawValue)
              patience: \(validation.patience)
            run:
              threads: \(threads)
              coordinator: \(run.coordinator.rawValue)
              output: \(text(run.output))
              engine: \(run.engine.rawValue)
              replica_check_every: \(run.replicaCheckEvery)
              fault_timeout: \(number(run.faultTimeout))
              trace: \(run.trace)
            communication:
              overlap: \(communication.overlap)
              bucket_mb: \(number(communication.bucketMegabytes))
              compression: \(communication.compression.rawValue)

            """
    }

    private static func list(_ items: [String]) -> String { "[" + items.joined(separator: ", ") + "]" }

    private static func text(of schedule: LearningRateSchedule) -> String {
        let shape =
            switch schedule.shape {
            case .constant: "kind: constant"
            case .step(let every, let factor): "kind: step, every: \(every), factor: \(YAMLText.number(factor))"
            case .polynomial(let power): "kind: polynomial, power: \(YAMLText.number(power))"
            case .cosine(let final): "kind: cosine, final: \(YAMLText.number(final))"
            }
        return "{\(shape), warmup_steps: \(schedule.warmupSteps)}"
    }

    private static func text(of weighting: ClassWeighting) -> String {
        switch weighting {
        case .none: "none"
        case .balanced: "balanced"
        case .list(let weights): list(weights.map(YAMLText.number))
        }
    }

    /// A section in block style, its keys on lines of their own.
    private static func text(of augmentation: Augmentation) -> String {
        let number = YAMLText.number
        let flip =
            switch augmentation.flip {
            case .none: "false"
            case .horizontal: "horizontal"
            case .both: "true"
            }
        let elastic = augmentation.elastic.map { "{grid: \($0.grid), sigma: \(number($0.sigma))}" } ?? "false"
        let grey =
            augmentation.grey.map {
                "{shift: \(number($0.shift)), scale: \(number($0.scale)), gamma: \(number($0.gamma))}"
            } ?? "false"
        return """

              rotate: \(number(augmentation.rotate))
              flip: \(flip)
              scale: [\(number(augmentation.scale.lowerBound)), \(number(augmentation.scale.upperBound))]
              translate: \(number(augmentation.translate))
              elastic: \(elastic)
              grey: \(grey)
              noise: \(number(augmentation.noise))
              blur: \(number(augmentation.blur))
            """
    }
}
