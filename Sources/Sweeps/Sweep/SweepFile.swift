/// A sweep file: a base configuration, and the values that its trials try.
package struct SweepFile: Sendable, Equatable {
    /// The name of the sweep, and of its folder in `sweeps`.
    package var name: String
    /// The path of the base configuration, as the working directory sees it.
    package var base: String
    /// Dotted keys and values, as YAML, that every trial has in place of the base's.
    package var settings: [Trial.Setting]
    package var parameters: [SweepParameter]
    package var strategy: SweepStrategy
    /// Conditions; a combination of values that breaks one is left out.
    package var constraints: [SweepConstraint]
    package var objective: TrialObjective
    /// Workers of each trial; a dedicated coordinator comes on top.
    package var workers: Int
    /// Trials at a time.
    package var parallel: Int
    /// How often a trial that fails is started again.
    package var retries: Int
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
    /// Rungs, from each of which the best go on (`TrialSchedule`). So many trials are drawn as for `random`, or where
    /// none are said, all combinations begin.
    case successiveHalving(trials: Int?, seed: UInt64, eta: Int, minimumSteps: Int)

    /// How many trials are drawn, and the seed; nil for all combinations.
    var draws: (trials: Int, seed: UInt64)? {
        switch self {
        case .grid, .successiveHalving(nil, _, _, _): nil
        case .random(let trials, let seed), .successiveHalving(let trials?, let seed, _, _): (trials, seed)
        }
    }
}
