import Communication
import Datasets
import Foundation
import Images
import Kernels
import Metrics
import Network
import Optimization
import Pictures

/// The configuration of a run: the values of a configuration file's sections and keys, with their defaults.
///
/// The keys themselves, their checks and their documentation are in the table of `ConfigurationKeys.swift`.
///
/// A value can be made in code too, `Configuration(data: .init(train: .files(images: "images", labels: "labels")))`;
/// `validate()` then says whether it makes sense.
public struct Configuration: Sendable, Equatable {
    /// The run's name, and its folder's in `run.output`.
    public var name: String
    /// Seed of all random numbers of a run.
    public var seed: UInt64
    public var model: Model
    public var data: Data
    /// Augmentation of the training samples; nil: none.
    public var augmentation: Augmentation?
    public var loss: Loss
    public var optimizer: Optimizer
    public var training: Training
    public var checkpoint: Checkpoint
    public var validation: Validation
    public var run: Run
    public var communication: Communication

    public init(
        name: String = "run", seed: UInt64 = 1, model: Model = Model(), data: Data,
        augmentation: Augmentation? = nil, loss: Loss = Loss(), optimizer: Optimizer = Optimizer(),
        training: Training = Training(),
        checkpoint: Checkpoint = Checkpoint(), validation: Validation = Validation(), run: Run = Run(),
        communication: Communication = Communication()
    ) {
        self.name = name
        self.seed = seed
        self.model = model
        self.data = data
        self.augmentation = augmentation
        self.loss = loss
        self.optimizer = optimizer
        self.training = training
        self.checkpoint = checkpoint
        self.validation = validation
        self.run = run
        self.communication = communication
    }

    /// The section `model`.
    public struct Model: Sendable, Equatable {
        public var architecture: UNetArchitecture
        /// One name a class, for tables and pictures; nil: they are called by their numbers.
        public var classNames: [String]?
        /// One colour a class, for pictures.
        public var classColors: [RGBColor]?

        public init(
            architecture: UNetArchitecture = UNetArchitecture(), classNames: [String]? = nil,
            classColors: [RGBColor]? = nil
        ) {
            self.architecture = architecture
            self.classNames = classNames
            self.classColors = classColors
        }

        /// What tables call the classes: their names, or "class 0" and so on.
        package var names: [String] { classNames ?? (0..<architecture.classes).map { "class \($0)" } }
    }

    /// Where the validation images come from.
    public enum ValidationSource: Sendable, Equatable {
        /// Images of their own.
        case samples(SampleSource)
        /// A share of the training images, which then are not trained on; `.none` is no validation at all.
        case split(DatasetSplit)

        /// No validation.
        public static var none: Self { .split(.none) }
    }

    /// The section `data`.
    public struct Data: Sendable, Equatable {
        /// Where the relative paths of this section start; itself relative to the working directory.
        public var root: String
        public var train: SampleSource
        public var validation: ValidationSource
        public var labels: LabelEncoding
        /// The raw label value whose pixels count in no loss or metric.
        public var ignoreIndex: Int?
        /// The colour whose pixels count in no loss or metric, where labels are colours.
        public var ignoreColor: RGBColor?
        /// What the pages of a TIFF file of images are.
        public var pages: PageMeaning
        public var normalize: IntensityNormalization
        /// Side in pixels of the network's input; 0 = whole images.
        public var tile: Int
        /// Megabytes that decoded images may take in memory, on each rank.
        public var cacheMegabytes: Int
        /// Threads that prefetch samples.
        public var loaderThreads: Int
        /// The share of training tiles that are drawn to show a labelled object, 0 to 1.
        public var foregroundShare: Double

        public init(
            root: String = ".", train: SampleSource, validation: ValidationSource = .none,
            labels: LabelEncoding = .index, ignoreIndex: Int? = nil, ignoreColor: RGBColor? = nil,
            pages: PageMeaning = .auto, normalize: IntensityNormalization = .standardize, tile: Int = 572,
            cacheMegabytes: Int = 2048,
            loaderThreads: Int = 1, foregroundShare: Double = 0
        ) {
            self.root = root
            self.train = train
            self.validation = validation
            self.labels = labels
            self.ignoreIndex = ignoreIndex
            self.ignoreColor = ignoreColor
            self.pages = pages
            self.normalize = normalize
            self.tile = tile
            self.cacheMegabytes = cacheMegabytes
            self.loaderThreads = loaderThreads
            self.foregroundShare = foregroundShare
        }

        /// A path of this section as the working directory sees it.
        public func resolve(_ path: String) -> String {
            path.hasPrefix("/") || root == "." ? path : root.hasSuffix("/") ? root + path : "\(root)/\(path)"
        }
    }

    /// The section `loss`: the objective that training minimises.
    public struct Loss: Sendable, Equatable {
        public var kind: SegmentationLoss.Kind
        /// The share s of a pixel's target that is spread over all K classes: (1 − s)·onehot + s/K, as PyTorch's
        /// `label_smoothing` (Szegedy et al. 2016, section 7); of the cross-entropy alone.
        public var labelSmoothing: Double

        /// w_c, how much each class counts; of the cross-entropy alone.
        public var classWeights: ClassWeighting
        /// The separation-border term of w(x); nil: none. Of the cross-entropy alone.
        public var border: BorderWeights?

        public init(
            kind: SegmentationLoss.Kind = .crossEntropy, labelSmoothing: Double = 0,
            classWeights: ClassWeighting = .none, border: BorderWeights? = nil
        ) {
            self.kind = kind
            self.labelSmoothing = labelSmoothing
            self.classWeights = classWeights
            self.border = border
        }

        /// What computes it.
        package var function: SegmentationLoss { SegmentationLoss(kind, labelSmoothing: labelSmoothing) }
    }

    /// The section `optimizer`: SGD with momentum, as PyTorch's.
    public struct Optimizer: Sendable, Equatable {
        public var learningRate: Double
        public var momentum: Double
        public var nesterov: Bool
        public var weightDecay: Double
        /// Clipping: the largest L2 norm of the gradient; 0 = no clipping.
        public var clipNorm: Double
        public var schedule: LearningRateSchedule

        public init(
            learningRate: Double = 0.01, momentum: Double = 0.99, nesterov: Bool = false, weightDecay: Double = 0,
            clipNorm: Double = 0, schedule: LearningRateSchedule = LearningRateSchedule()
        ) {
            self.learningRate = learningRate
            self.momentum = momentum
            self.nesterov = nesterov
            self.weightDecay = weightDecay
            self.clipNorm = clipNorm
            self.schedule = schedule
        }
    }

    /// How long a run trains.
    public enum Length: Sendable, Hashable {
        case steps(Int)
        /// ⌈epochs·images/batch⌉ steps.
        case epochs(Int)
        /// Wall-clock of training; schedules then follow the time, and the run is not reproducible.
        case minutes(Double)
    }

    /// What happens at a loss or gradient that is not finite.
    public enum OnNonFinite: String, Sendable, CaseIterable {
        /// End the run.
        case stop
        /// Leave the weights as they are, and go on with the next step.
        case skip
    }

    /// The section `training`.
    public struct Training: Sendable, Equatable {
        public var length: Length
        /// Images of one step over all workers.
        public var batch: Int
        /// false: the images in the order of their names.
        public var shuffle: Bool
        /// A checkpoint whose weights alone the run starts from; its averaged ones where it has such, since those were
        /// validated.
        public var initializeFrom: String?
        /// Decay of a moving average of the weights, a step, as `WeightAveraging` has it; 0 = none. The average is what
        /// is validated and what predicts; the checkpoint has it as tensors `ema.…` beside the weights.
        public var ema: Double
        public var onNonFinite: OnNonFinite
        /// Layers that keep their weights, by the beginning of their names up to a dot: `encoder.0`, `decoder.1.up`. They
        /// count in no gradient norm, and neither momentum nor weight decay moves them.
        public var freeze: [String]

        public init(
            length: Length = .steps(1000), batch: Int = 4, shuffle: Bool = true, initializeFrom: String? = nil,
            ema: Double = 0, onNonFinite: OnNonFinite = .stop, freeze: [String] = []
        ) {
            self.length = length
            self.batch = batch
            self.shuffle = shuffle
            self.initializeFrom = initializeFrom
            self.ema = ema
            self.onNonFinite = onNonFinite
            self.freeze = freeze
        }
    }

    /// The section `checkpoint`.
    public struct Checkpoint: Sendable, Equatable {
        /// Steps from one checkpoint to the next.
        public var every: Int
        /// How many of the latest are kept, beside the best.
        public var keep: Int
        /// Whether each machine keeps a copy of the last step's state in memory, from which a run that was lost goes on.
        public var memory: Bool

        public init(every: Int = 100, keep: Int = 3, memory: Bool = true) {
            self.every = every
            self.keep = keep
            self.memory = memory
        }
    }

    /// The section `validation`.
    public struct Validation: Sendable, Equatable {
        /// Steps from one validation to the next.
        public var every: Int
        /// What the best checkpoint is the best in. Scores of objects and borders are measured only if this is one.
        public var metric: SegmentationMetric
        /// Validations in a row without a better one after which the run ends, well and with status 0; 0 = never.
        ///
        /// Which validation that is, and what the run leaves, does not depend on the number of workers nor on time:
        /// the run ends at that validation's step. The workers learn of it a little later; what they have trained by
        /// then is thrown away, since the validation runs beside the training.
        public var patience: Int
        /// Who predicts the validation images.
        public var place: Place

        /// Where a validation takes place.
        public enum Place: String, Sendable, CaseIterable {
            /// On the coordinator, while the workers train on.
            case coordinator
            /// Shared among the workers, which train on afterwards.
            case workers
        }

        public init(
            every: Int = 100, metric: SegmentationMetric = .iou, patience: Int = 0, place: Place = .coordinator
        ) {
            self.every = every
            self.metric = metric
            self.patience = patience
            self.place = place
        }
    }

    /// Threads that a rank computes with.
    public enum Threads: Sendable, Hashable {
        case count(Int)
        /// The node's cores, shared among its ranks.
        case automatic
    }

    /// The section `run`.
    public struct Run: Sendable, Equatable {
        public var threads: Threads
        public var coordinator: ProcessLayout.CoordinatorMode
        /// The folder of the run's folder.
        public var output: String
        /// What computes convolutions and products.
        public var engine: Engine.Kind
        /// Steps from one comparison of the workers' weights to the next.
        public var replicaCheckEvery: Int
        /// Of all slots, the share that a second worker computes again, 0 to 1; results do not depend on it.
        public var audit: Double
        /// Seconds within which every rank has ended once one is lost or stopped; 0 = the ranks are not watched. A rank
        /// that is alive but stuck has five times a step's median duration at least.
        public var faultTimeout: Double
        /// Whether to write a timeline of all ranks.
        public var trace: Bool

        public init(
            threads: Threads = .count(1), coordinator: ProcessLayout.CoordinatorMode = .dedicated,
            output: String = "runs", engine: Engine.Kind = .native, replicaCheckEvery: Int = 100,
            audit: Double = 0, faultTimeout: Double = 30, trace: Bool = false
        ) {
            self.threads = threads
            self.coordinator = coordinator
            self.output = output
            self.engine = engine
            self.replicaCheckEvery = replicaCheckEvery
            self.audit = audit
            self.faultTimeout = faultTimeout
            self.trace = trace
        }

        /// Threads of a rank that has so many beside it on its machine, itself included.
        package func threads(localRanks: Int) -> Int {
            switch threads {
            case .count(let count): count
            case .automatic:  // A launcher may have bound each rank to processors of its own.
                max(1, min(Processors.available, Processors.online / max(localRanks, 1)))
            }
        }
    }

    /// The section `communication`: the all-reduce of gradients over the workers.
    public struct Communication: Sendable, Equatable {
        /// Whether the all-reduce of a gradient's buckets begins while the backward pass computes the rest.
        public var overlap: Bool
        /// Whether workers of one host add up their gradients in memory that they share, so that the host sends one sum.
        public var hostSums: Bool
        /// Which way gradients go between hosts.
        public var route: GradientRoute
        /// The largest size of a bucket, in MiB.
        public var bucketMegabytes: Double
        /// `bf16` halves the bytes, and gives up that results do not depend on workers and hosts.
        public var compression: GradientCompression

        public init(
            overlap: Bool = true, hostSums: Bool = true, route: GradientRoute = .automatic,
            bucketMegabytes: Double = 16, compression: GradientCompression = .none
        ) {
            self.overlap = overlap
            self.hostSums = hostSums
            self.route = route
            self.bucketMegabytes = bucketMegabytes
            self.compression = compression
        }

        package var bucketFloats: Int { max(1, Int(bucketMegabytes * 1_048_576 / 4)) }
    }
}

extension Configuration {
    /// The classes' colours: `model.class_colors`, or else those of `data.labels: {palette}`, the first of which are the
    /// classes'; nil where there are none.
    package var namedColors: [RGBColor]? {
        if let colors = model.classColors { return colors }
        guard case .palette(let colors) = data.labels, colors.count >= model.architecture.classes else { return nil }
        return Array(colors.prefix(model.architecture.classes))
    }

    /// The colours of pictures: those that are named, or colours that go together.
    package var pictureColors: ClassColors { ClassColors(namedColors, classes: model.architecture.classes) }
}
