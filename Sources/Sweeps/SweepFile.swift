import Segmentation

/// A sweep file: a base configuration, and the values that its trials try.
public struct SweepFile: Sendable, Equatable {
    /// The name of the sweep, and of its folder in `sweeps`.
    public var name: String
    /// The path of the base configuration, as the working directory sees it.
    public var base: String
    /// Dotted keys and values, as YAML, that every trial has in place of the base's.
    public var settings: [Setting]
    public var parameters: [SweepParameter]
    public var strategy: SweepStrategy
    public var objective: SweepObjective
    /// Workers of each trial; a dedicated coordinator comes on top.
    public var workers: Int
    /// How often a trial that fails is started again.
    public var retries: Int

    /// One key with its value as YAML in one line.
    public struct Setting: Sendable, Equatable {
        public var key: String
        public var value: String

        public init(key: String, value: String) {
            self.key = key
            self.value = value
        }

        /// As `--set` takes it.
        public var text: String { "\(key)=\(value)" }
    }
}

/// A key of the configuration, and the values to try.
public struct SweepParameter: Sendable, Equatable {
    public enum Values: Sendable, Equatable {
        /// Values as YAML, each in one line.
        case list([String])
        /// Numbers from one end to the other, both included; without a count they are drawn.
        case range(Scale, from: Double, to: Double, count: Int?)
    }

    /// How a range is divided.
    public enum Scale: String, Sendable, CaseIterable {
        /// Into equal ratios.
        case log
        /// Into equal differences.
        case linear
    }

    public var key: String
    public var values: Values
}

/// Which of all possible trials a sweep makes.
public enum SweepStrategy: Sendable, Equatable {
    /// Every combination, the first parameter varying slowest.
    case grid
    /// Independent draws; a function of the seed alone.
    case random(trials: Int, seed: UInt64)
}

/// What makes one trial better than another.
public struct SweepObjective: Sendable, Equatable {
    public enum Direction: String, Sendable, CaseIterable {
        case maximize, minimize
    }

    public var metric: SegmentationMetric
    public var direction: Direction

    public func isBetter(_ value: Double, than other: Double) -> Bool {
        direction == .maximize ? value > other : value < other
    }
}
