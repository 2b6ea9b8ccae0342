import Configurations
import Datasets
import Images
import Optimization
import Support

/// The text of a configuration that a person reads and changes: the keys that were chosen, each with its reason.
package struct CommentedConfiguration {
    private let configuration: Configuration
    private let choices: Choices
    private let found: FoundData
    private let path: String

    /// - Parameter path: of the file, for the command in its head.
    package init(_ choices: Choices, of found: FoundData, path: String) {
        (configuration, self.choices, self.found, self.path) = (choices.configuration, choices, found, path)
    }

    private static let width = 118
    /// Where comments behind values begin.
    private static let column = 36

    package var text: String {
        var lines = head
        lines += [
            key(
                0, "name", YAMLText.string(configuration.name),
                "the run's folder is \(configuration.run.output)/\(configuration.name)")
        ]
        lines += model + data + augmentation + loss + rest
        return lines.joined(separator: "\n") + "\n"
    }

    private var head: [String] {
        Self.wrapped(
            "Written by lockstep init for \(found.root): \(found.images.words); \(found.labels.words). "
                + "Change what you know better: lockstep config says what each key means, and keys that are left out have "
                + "their defaults."
        ) + ["#", "#   launch/train \(path.shellWord.printable())", "#"]
    }

    // MARK: - Sections

    private var model: [String] {
        let model = configuration.model
        var lines = ["model:"]
        lines.append(
            key(1, "input_channels", "\(model.architecture.inputChannels)", choices.why("model.input_channels")))
        lines.append(key(1, "classes", "\(model.architecture.classes)", nil))
        if let names = model.classNames {
            lines += list("class_names", names.map(YAMLText.string), "for tables and pictures: write what they are")
        }
        if let colors = model.classColors {
            lines += list("class_colors", colors.map { YAMLText.quoted($0.hex) }, "of pictures")
        }
        lines.append(key(1, "base_channels", "\(model.architecture.baseChannels)", choices.why("model.base_channels")))
        lines.append(key(1, "depth", "\(model.architecture.depth)", choices.why("model.depth")))
        lines.append(key(1, "padding", model.architecture.padding.rawValue, choices.why("model.padding")))
        lines.append(
            key(1, "normalization", model.architecture.normalization.rawValue, choices.why("model.normalization")))
        return lines
    }

    private var data: [String] {
        let data = configuration.data
        var lines = ["data:"]
        lines.append(key(1, "root", YAMLText.string(data.root), "relative to the folder that you start in"))
        lines.append(key(1, "train", source(data.train), nil))
        switch data.validation {
        case .samples(let samples): lines.append(key(1, "validation", source(samples), nil))
        case .split(.fraction(let fraction)):
            lines.append(
                key(1, "validation", "{fraction: \(YAMLText.number(fraction))}", choices.why("data.validation")))
        case .split: lines.append("  # validation: {fraction: 0.2}   \(choices.why("data.validation") ?? "")")
        }
        switch data.labels {
        case .palette(let colors):
            lines += list("labels", colors.map { YAMLText.quoted($0.hex) }, "the colour of each class", in: "palette")
        default: lines.append(key(1, "labels", data.labels.name, choices.why("data.labels")))
        }
        if let index = data.ignoreIndex { lines.append(key(1, "ignore_index", "\(index)", "void: counts nowhere")) }
        if let color = data.ignoreColor {
            lines.append(key(1, "ignore_color", YAMLText.quoted(color.hex), "void: counts nowhere"))
        }
        if data.pages != .auto {
            lines.append(key(1, "pages", data.pages.rawValue, "the pages of a TIFF are the channels of one image"))
        }
        lines.append(key(1, "normalize", data.normalize.rawValue, choices.why("data.normalize")))
        lines.append(key(1, "tile", "\(data.tile)", choices.why("data.tile")))
        if data.foregroundShare > 0 {
            lines.append(
                key(
                    1, "sampling", "{foreground: \(YAMLText.number(data.foregroundShare))}",
                    choices.why("data.sampling.foreground")))
        }
        if data.cacheMegabytes != 2048 {
            lines.append(key(1, "cache_mb", "\(data.cacheMegabytes)", "a quarter of this machine's memory"))
        }
        return lines
    }

    private var augmentation: [String] {
        guard let augmentation = configuration.augmentation else { return [] }
        let bounds = [augmentation.scale.lowerBound, augmentation.scale.upperBound].map(YAMLText.number)
        var lines = [key(0, "augmentation", "", choices.why("augmentation"))]
        let isAny = augmentation.rotate == 180
        lines.append(
            key(
                1, "rotate", isAny ? "true" : YAMLText.number(augmentation.rotate),
                isAny ? "any angle" : "degrees, at most"))
        let flip = augmentation.flip == .both ? "true" : augmentation.flip.rawValue
        lines.append(key(1, "flip", flip, isAny ? nil : "left and right alone"))
        lines.append(key(1, "scale", YAMLText.list(bounds), nil))
        lines.append(
            key(
                1, "elastic",
                augmentation.elastic.map { "{grid: \($0.grid), sigma: \(YAMLText.number($0.sigma))}" } ?? "false",
                augmentation.elastic == nil ? nil : "tissue bends; false for what does not"))
        if let grey = augmentation.grey {
            lines.append(
                key(
                    1, "grey", "{shift: \(YAMLText.number(grey.shift)), scale: \(YAMLText.number(grey.scale))}",
                    "brightness and contrast"))
        }
        return lines
    }

    private var loss: [String] {
        let loss = configuration.loss
        var lines: [String] = []
        if loss.kind != .crossEntropy { lines.append(key(1, "kind", loss.kind.rawValue, choices.why("loss.kind"))) }
        switch loss.classWeights {
        case .none: break
        case .balanced: lines.append(key(1, "class_weights", "balanced", choices.why("loss.class_weights")))
        case .list(let weights):
            lines += list("class_weights", weights.map(YAMLText.number), choices.why("loss.class_weights"))
        }
        if let border = loss.border {
            lines.append(
                key(
                    1, "border", "{w0: \(YAMLText.number(border.w0)), sigma: \(YAMLText.number(border.sigma))}",
                    choices.why("loss.border")))
        }
        return lines.isEmpty ? [] : ["loss:"] + lines
    }

    private var rest: [String] {
        let optimizer = configuration.optimizer
        var schedule = "{kind: constant}"
        if case .polynomial(let power) = optimizer.schedule.shape {
            schedule =
                "{kind: polynomial, power: \(YAMLText.number(power)), warmup_steps: \(optimizer.schedule.warmupSteps)}"
        }
        var minutes = ""
        if case .minutes(let value) = configuration.training.length { minutes = YAMLText.number(value) }
        return [
            "optimizer:",
            key(
                1, "learning_rate", YAMLText.number(optimizer.learningRate),
                "too high: the loss jumps; too low: it hardly falls"),
            key(1, "momentum", YAMLText.number(optimizer.momentum), nil),
            key(1, "schedule", schedule, nil),
            "training:",
            key(1, "minutes", minutes, choices.why("training.minutes")),
            key(
                1, "batch", "\(configuration.training.batch)",
                "images of one step over all workers; at least as many as they are"),
            key(0, "checkpoint", "{every: \(configuration.checkpoint.every)}", nil),
            "validation:",
            key(1, "every", "\(configuration.validation.every)", "steps"),
            key(1, "metric", configuration.validation.metric.rawValue, choices.why("validation.metric")),
            key(1, "on", configuration.validation.place.rawValue, "the clock of training stands still meanwhile"),
            "run: {threads: auto}",
        ]
    }

    // MARK: - Lines

    private func source(_ source: SampleSource) -> String {
        switch source {
        case .files(let images, let labels): "{images: \(YAMLText.string(images)), labels: \(YAMLText.string(labels))}"
        case .list(let path): "{list: \(YAMLText.string(path))}"
        }
    }

    /// A key, its value and a comment behind it; one that is too long stands in lines before it.
    private func key(_ level: Int, _ name: String, _ value: String, _ comment: String?) -> String {
        let indent = String(repeating: "  ", count: level)
        let line = "\(indent)\(name):\(value.isEmpty ? "" : " ")\(value)"
        guard let comment = comment?.printable() else { return line }
        let padded = line + String(repeating: " ", count: max(2, Self.column - line.count))
        if padded.count + comment.count + 2 <= Self.width { return "\(padded)# \(comment)" }
        return (Self.wrapped(comment, indent: indent) + [line]).joined(separator: "\n")
    }

    /// A list, in several lines where it is long; below `outer`, where the list is `inner`'s.
    private func list(_ outer: String, _ items: [String], _ comment: String?, in inner: String? = nil) -> [String] {
        let single = inner.map { "{\($0): \(YAMLText.list(items))}" } ?? YAMLText.list(items)
        if single.count <= 80 { return [key(1, outer, single, comment)] }
        var lines = comment.map { Self.wrapped($0.printable(), indent: "  ") } ?? []
        lines.append(inner.map { "  \(outer):\n    \($0): [" } ?? "  \(outer): [")
        let indent = inner == nil ? "    " : "      "
        var line = indent
        for (index, item) in items.enumerated() {
            let text = item + (index + 1 < items.count ? ", " : "]")
            if line.count + text.count > Self.width {
                lines.append(String(line.dropLast(line.hasSuffix(" ") ? 1 : 0)))
                line = indent
            }
            line += text
        }
        lines.append(line)
        return lines
    }

    private static func wrapped(_ text: String, indent: String = "") -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.printable().split(separator: " ") {
            if !line.isEmpty, indent.count + 3 + line.count + word.count > width {
                lines.append("\(indent)# \(line)")
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + (line.isEmpty ? [] : ["\(indent)# \(line)"])
    }
}
