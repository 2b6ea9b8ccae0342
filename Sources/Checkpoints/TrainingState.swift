import Kernels
import Network
import Support

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

    /// SHA-256, in hexadecimal, of all of it but the time: the step as eight bytes, the least significant first, then weights,
    /// momentum and averages, each value as four such bytes. The tensors follow one another in the order of the forward pass,
    /// a layer's weight before its bias; a convolution's weight of file order `[out, in, k, k]` as `[k][k][in][out]`, an
    /// up-convolution's of `[in, out, 2, 2]` as `[in][2][2][out]` (`ParameterLayout`).
    ///
    /// Workers compare it between replicas, checkpoints carry it, and whoever reads one compares it again: what the disk,
    /// the network or a memory has changed on the way is found.
    package var digest: String {
        let hash = SHA256()
        withUnsafeBytes(of: UInt64(step).littleEndian) { hash.update($0) }
        for buffer in buffers { hash.update(UnsafeRawBufferPointer(buffer.bytes)) }
        return hash.finish().hexadecimal
    }

    /// Whether no value is infinite or not a number: no step mends such a state.
    package var isFinite: Bool { buffers.allSatisfy { FlatBuffers.areFinite($0.base, count: $0.count) } }

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
