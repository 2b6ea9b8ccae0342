import Metrics

/// A sweep file: a base configuration, and the values that its trials try.
package struct SweepFile: Sendable, Equatable {
    /// The name of the sweep, and of its folder in `sweeps`.
    package var name: String
    /// The path of the base configuration, as the working directory sees it.
    package var base: String
    /// Dotted keys and values, as YAML, that every trial has in place of the base's.
    package var settings: [Setting]
    package var parameters: [SweepParameter]
    package var strategy: SweepStrategy
    package var objective: SweepObjective
    /// Workers of each trial; a dedicated coordinator comes on top.
    package var workers: Int
    /// How often a trial that fails is started again.
    package var retries: Int

    /// One key with its value as YAML in one line.
    package struct Setting: Sendable, Equatable {
        package var key: String
        package var value: String

        package init(key: String, value: String) {
            self.key = key
            self.value = value
        }

        /// As `--set` takes it.
        package var text: String { "\(key)=\(value)" }
    }
}

/// A key of the configuration, and the values to try.
package struct SweepParameter: Sendable, Equatable {
    package enum Values: Sendable, Equatable {
        /// Values as YAML, each in one line.
        case list([String])
        /// Numbers from one end to the other, both included; without a count they are drawn.
        case range(Scale, from: Double, to: Double, count: Int?)
    }

    /// How a range is divided.
    package enum Scale: String, Sendable, CaseIterable {
        /// Into equal ratios.
        case log
        /// Into equal differences.
        case linear
    }

    package var key: String
    package var values: Values
}

/// Which of all possible trials a sweep makes.
package enum SweepStrategy: Sendable, Equatable {
    /// Every combination, the first parameter varying slowest.
    case grid
    /// Independent draws; a function of the seed alone.
    case random(trials: Int, seed: UInt64)
}

/// What makes one trial better than another.
package struct SweepObjective: Sendable, Equatable {
    package enum Direction: String, Sendable, CaseIterable {
        case maximize, minimize
    }

    package var metric: SegmentationMetric
    package var direction: Direction

    package func isBetter(_ value: Double, than other: Double) -> Bool {
        direction == .maximize ? value > other : value < other
    }
}
