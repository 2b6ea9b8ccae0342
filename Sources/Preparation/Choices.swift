import Configurations
import Datasets
import Metrics
import Network
import Optimization
import Support

/// A configuration for data and machine, and why it is so. A function of what was found, and of nothing else.
package struct Choices: Sendable {
    /// One choice and its reason.
    package struct Reason: Sendable, Encodable {
        /// The configuration's key.
        package let key: String
        /// What was chosen, in words for a table.
        package let choice: String
        package let why: String
    }

    package private(set) var configuration: Configuration
    package private(set) var reasons: [Reason] = []
    package private(set) var notes: [String] = []
    /// Steps that the minutes are likely to allow.
    package private(set) var steps = 0

    private let data: FoundData
    private let machine: Machine

    /// Minutes that a first training takes: an answer before the coffee is cold, with one to spare for validation.
    static let minutes = 5.0
    /// Fewer steps than these teach little.
    private static let enoughSteps = 500.0
    /// Seconds of a step that are no arithmetic.
    private static let overhead = 0.01
    /// Images of a step: one, two and four workers share them evenly.
    private static let batch = 4

    package init(_ data: FoundData, _ machine: Machine, name: String) {
        (self.data, self.machine) = (data, machine)
        configuration = Configuration(
            name: name,
            data: .init(root: data.root, train: data.train, labels: data.labels.encoding, pages: data.pages))
        chooseClasses()
        chooseValidation()
        chooseNetwork()
        chooseAugmentation()
        chooseLoss()
        chooseTraining()
    }

    private mutating func choose(_ key: String, _ choice: String, _ why: String) {
        reasons.append(Reason(key: key, choice: choice, why: why))
    }

    /// Why a key is as it is; nil where no rule says.
    package func why(_ key: String) -> String? { reasons.first { $0.key == key }?.why }

    // MARK: - What the data decide

    private mutating func chooseClasses() {
        let labels = data.labels
        configuration.model.architecture.inputChannels = data.images.channels
        configuration.model.architecture.classes = max(2, labels.classes.count)
        configuration.model.classNames = labels.classes.map(\.name)
        let colors = labels.classes.compactMap(\.color)
        if colors.count == labels.classes.count, Set(colors).count == colors.count {
            configuration.model.classColors = colors
        }
        configuration.data.ignoreIndex = labels.ignoreIndex
        configuration.data.ignoreColor = labels.ignoreColor
        configuration.data.cacheMegabytes = min(2048, max(64, Int(machine.memory / 4 / 1_048_576)))
        choose("model.input_channels", "\(data.images.channels)", data.images.channelWords)
        choose("data.labels", labels.encoding.name, labels.words)
        choose(
            "data.normalize", "standardize",
            "each image to mean 0 and deviation 1, whatever its exposure and depth")
    }

    private mutating func chooseValidation() {
        let count = data.trainCount
        if let validation = data.validation {
            configuration.data.validation = .samples(validation)
            choose("data.validation", "\(data.validationCount) images", "the folder has them apart")
        } else if count > 1 {
            configuration.data.validation = .split(.fraction(0.2))
            let held = min(max(Int((0.2 * Double(count)).rounded()), 1), count - 1)
            choose(
                "data.validation", "\(held) of \(count) images",
                "a fifth is held back, chosen by seed, to measure what was learnt")
            if count < 5 {
                notes.append(
                    "only \(count) images: scores of \(held == 1 ? "one image" : "\(held) images") say little; lockstep crossvalidate "
                        + "measures on all of them in turn")
            }
            if data.images.areStacks {
                notes.append(
                    "images are pages of stacks, whose neighbours look alike: held back at random, they flatter the scores; "
                        + "data.validation takes a stack of its own")
            }
        } else {
            choose("data.validation", "none", "there is one image alone, and it is needed to learn from")
            notes.append("only one image: nothing is held back, and nothing says how good the result is on others")
        }
    }

    /// Whether up and down matter, as in a street scene.
    private var isUpright: Bool { data.labels.verticalDifference > 0.25 && data.labels.classes.count > 2 }

    // MARK: - What data and machine decide

    private mutating func chooseNetwork() {
        let side = max(1, data.images.usualSide)
        let depth = side >= 128 ? 4 : side >= 48 ? 3 : side >= 16 ? 2 : 1
        configuration.model.architecture.depth = depth
        configuration.model.architecture.padding = .same
        configuration.model.architecture.normalization = .group
        let stride = 1 << depth
        let isWhole = isUpright && data.images.kinds.count == 1 && data.images.mostPixels <= 400_000
        configuration.training.batch = isWhole ? 2 : Self.batch
        configuration.data.tile = isWhole ? 0 : max(stride, min(256, side) / stride * stride)
        // Width last: what the machine can do with such images in the time, and what so few images are worth.
        let widest = data.trainCount < 10 ? 16 : data.trainCount < 50 ? 32 : 64
        let widths = [64, 32, 16, 8].filter { $0 <= widest }
        var width = widths.first { fits(width: $0) }
        for smaller in [192, 128] where width == nil && configuration.data.tile > smaller {
            configuration.data.tile = smaller
            width = fits(width: 16) ? 16 : fits(width: 8) ? 8 : nil
        }
        // Where nothing fits, the smallest is the best that there is.
        configuration.model.architecture.baseChannels = width ?? 8
        steps = Int(steps(width: width ?? 8))
        let tile = configuration.data.tile
        choose(
            "model.base_channels", "\(width ?? 8)",
            "about \(grouped(Self.rounded(steps))) steps in \(YAMLText.number(Self.minutes)) minutes on \(machine.cores) core\(machine.cores == 1 ? "" : "s") here"
                + (width == widest && widest < 64 ? "; wide enough for so few images" : ""))
        choose(
            "model.depth", "\(depth)",
            "images of \(side) pixels are halved \(depth) times: \(max(1, side >> depth)) are left")
        choose("model.padding", "same", "the output is as large as the input, which learns most in little time")
        choose("model.normalization", "group", "with the rate below, learns faster than without")
        choose(
            "data.tile", tile == 0 ? "whole images" : "\(tile)",
            tile == 0
                ? "where in the scene something is helps to tell what it is"
                : tile < 256 && tile == side / stride * stride
                    ? "as large as the images allow (a multiple of \(stride))"
                    : "a square of it goes through the network at once")
    }

    private func area(_ tile: Int) -> (height: Int, width: Int) {
        guard tile == 0, let kind = data.images.kinds.first else { return (tile, tile) }
        let geometry = configuration.model.architecture.geometry
        return (geometry.legalInput(outputAtLeast: kind.height), geometry.legalInput(outputAtLeast: kind.width))
    }

    private func architecture(width: Int) -> UNetArchitecture {
        var architecture = configuration.model.architecture
        architecture.baseChannels = width
        return architecture
    }

    /// Steps of a training with such a network, validation aside.
    private func steps(width: Int) -> Double {
        let size = area(configuration.data.tile)
        let operations = architecture(width: width).operationsPerStep(height: size.height, width: size.width)
        let step =
            Double(configuration.training.batch) * operations / (machine.operationsPerSecond * Double(machine.cores))
            + Self.overhead
        return 60 * Self.minutes / step
    }

    private func fits(width: Int) -> Bool {
        let size = area(configuration.data.tile)
        let slots = configuration.training.batch
        let bytes = architecture(width: width).trainingBytes(height: size.height, width: size.width, slots: slots)
        return steps(width: width) >= Self.enoughSteps && 2 * bytes < 0.5 * machine.memory
    }

    // MARK: - How it learns

    private mutating func chooseAugmentation() {
        if isUpright {
            configuration.augmentation = Augmentation(
                rotate: 5, flip: .horizontal, scale: 0.8...1.3, elastic: nil, grey: .init(shift: 0.2, scale: 0.2))
            choose(
                "augmentation", "upright",
                "top and bottom differ in their classes: flipped left to right, hardly turned")
        } else {
            let tile = configuration.data.tile
            // A tenth of a node's distance, as the paper's 10 pixels are of a small tile.
            let sigma = tile == 0 || tile >= 192 ? 10.0 : max(1, (Double(tile) / 20).rounded())
            configuration.augmentation = Augmentation(elastic: .init(grid: 3, sigma: sigma))
            choose(
                "augmentation", "any direction",
                "no side is up: turned, flipped, bent and brightened at random")
        }
    }

    private mutating func chooseLoss() {
        let labels = data.labels
        let shares = labels.classes.map(\.share)
        let rarest = labels.rarest
        if labels.encoding == .instances {
            configuration.loss.border = BorderWeights()
            choose("loss.border", "on", "what lies between near objects counts more, so that they come apart")
        } else if shares.count > 2, rarest < 0.05 {
            // In full measure, the rarest would drown the others while little is learnt yet.
            let roots = shares.map { $0 > 0 ? 1 / $0.squareRoot() : 0 }
            let mean = zip(roots, shares).reduce(0) { $0 + $1.0 * $1.1 }
            configuration.loss.classWeights = .list(
                roots.map { mean > 0 ? (100 * min($0 / mean, 20)).rounded() / 100 : 1 })
            choose(
                "loss.class_weights", "by rarity, damped",
                "the rarest class is \(Self.percent(rarest)) of the pixels: weights by the root of the shares")
        } else if shares.count == 2 {
            configuration.loss.kind = .crossEntropyAndDice
            choose("loss.kind", "cross_entropy+dice", "follows the overlap, whatever the balance of the two classes")
        }
        if shares.count == 2, let object = shares.last, object > 0, object < 0.2, configuration.data.tile > 0,
            data.images.usualSide > configuration.data.tile
        {
            configuration.data.foregroundShare = 0.5
            choose(
                "data.sampling.foreground", "0.5",
                "objects are \(Self.percent(object)) of the pixels: half of the tiles are drawn around one")
        }
    }

    private mutating func chooseTraining() {
        configuration.optimizer = .init(
            learningRate: 0.05, momentum: 0.9,
            schedule: .init(.polynomial(power: 0.9), warmupSteps: min(50, max(1, steps / 10))))
        configuration.training.length = .minutes(Self.minutes)
        choose(
            "training.minutes", YAMLText.number(Self.minutes),
            "a first answer; three times as long is often better")
        let every = max(20, Self.rounded(steps / 8))
        configuration.checkpoint.every = every
        configuration.validation = .init(every: every, metric: metric, place: .workers)
        choose("validation.metric", metric.rawValue, metricReason)
        configuration.run.threads = .automatic
    }

    private var metric: SegmentationMetric {
        data.labels.encoding == .instances ? .ap50 : data.labels.classes.count > 2 ? .meanIoU : .iou
    }

    private var metricReason: String {
        switch metric {
        case .ap50: "objects that are found, of all that there are or were found"
        case .meanIoU: "overlap with the truth, the mean over the classes"
        default: "overlap of \(data.labels.classes.last?.name ?? "class 1") with the truth"
        }
    }

    // MARK: - Words

    private static func percent(_ share: Double) -> String { "\(decimals(100 * share, share < 0.001 ? 3 : 1)) %" }

    /// Two digits.
    static func rounded(_ number: Int) -> Int {
        var unit = 1
        while number / unit >= 100 { unit *= 10 }
        return max(1, number / unit) * unit
    }
}
