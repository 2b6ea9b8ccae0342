import Network

/// All that a run needs to go on from where it is: weights, momentum, their moving average, step and time; the rest is a
/// function of its configuration.
public final class TrainingState {
    /// Steps done.
    public var step: Int
    /// Seconds of training so far, for runs whose length is a time.
    public var elapsed: Double
    public let weights: ParameterBuffer
    public let momentum: ParameterBuffer
    /// The weights' moving average, where the run keeps one.
    public let average: ParameterBuffer?

    /// Zeros, at step 0.
    public init(_ layout: ParameterLayout, isAveraged: Bool = false) {
        step = 0
        elapsed = 0
        weights = ParameterBuffer(layout)
        momentum = ParameterBuffer(layout)
        average = isAveraged ? ParameterBuffer(layout) : nil
    }

    /// All that ranks must agree in, value by value.
    package var buffers: [ParameterBuffer] { [weights, momentum] + [average].compactMap { $0 } }

    /// The weights that are validated, and that predict: the average where there is one.
    package var validated: ParameterBuffer { average ?? weights }

    /// Another state of the same buffers and values.
    package func copied() -> TrainingState {
        let copy = TrainingState(weights.layout, isAveraged: average != nil)
        copy.copy(from: self)
        return copy
    }

    /// Takes over another run's state; an average that the other does not have begins with its weights.
    public func copy(from other: TrainingState) {
        step = other.step
        elapsed = other.elapsed
        weights.copy(from: other.weights)
        momentum.copy(from: other.momentum)
        average?.copy(from: other.validated)
    }
}

/// The best validation of a run.
public struct BestScore: Codable, Sendable, Hashable {
    public var step: Int
    public var value: Double
    /// Validations that followed, none of which was better.
    public var validationsSince: Int

    public init(step: Int, value: Double, validationsSince: Int = 0) {
        self.step = step
        self.value = value
        self.validationsSince = validationsSince
    }

    /// Whether a run that has waited this long for a better validation ends; 0 = never.
    package func exhausts(patience: Int) -> Bool { patience > 0 && validationsSince >= patience }
}
