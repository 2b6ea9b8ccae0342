import Kernels

/// The learning rate's schedule over a run: a linear warm-up, times a shape.
///
/// The rates are the same bits on every machine: power and cosine are `Elementary`'s.
public struct LearningRateSchedule: Hashable, Sendable {
    /// The shape of the schedule, apart from the warm-up.
    public enum Shape: Hashable, Sendable {
        /// The base rate throughout.
        case constant
        /// The base rate times `factor` once for every `every` steps that are over.
        case step(every: Int, factor: Double)
        /// base·(1 − progress)^power, 0 at the end.
        case polynomial(power: Double)
        /// Half a cosine from the base rate down to `final`·base.
        case cosine(final: Double)
    }

    public var shape: Shape
    /// Steps over which the rate grows linearly from nothing; 0 = none.
    public var warmupSteps: Int

    public init(_ shape: Shape = .constant, warmupSteps: Int = 0) {
        self.shape = shape
        self.warmupSteps = warmupSteps
    }

    /// The learning rate of a step.
    ///
    /// - Parameters:
    ///   - base: `optimizer.learning_rate`.
    ///   - step: the step's number, from 0; what `step` and the warm-up count.
    ///   - progress: the share of the run that is over, 0 to 1: step/steps, or elapsed time/`training.minutes`; what
    ///     `polynomial` and `cosine` follow. Values beyond are taken as 0 or 1.
    public func rate(base: Double, step: Int, progress: Double) -> Double {
        precondition(step >= 0 && !progress.isNaN, "no learning rate at step \(step), progress \(progress)")
        let progress = min(max(progress, 0), 1)
        let share: Double =
            switch shape {
            case .constant: 1
            case .step(let every, let factor): raised(factor, to: step / every)
            case .polynomial(let power): raised(1 - progress, to: power)
            case .cosine(let final): final + (1 - final) * (1 + Elementary.cosine(halfTurns: progress)) / 2
            }
        return base * share * (step < warmupSteps ? Double(step + 1) / Double(warmupSteps) : 1)
    }
}

/// value^exponent by squaring.
private func raised(_ value: Double, to exponent: Int) -> Double {
    var result = 1.0
    var square = value
    var rest = exponent
    while rest > 0 {
        if rest & 1 == 1 { result *= square }
        square *= square
        rest >>= 1
    }
    return result
}

/// value^power for 0 ≤ value ≤ 1, within 1e-14 for the powers that schedules have.
private func raised(_ value: Double, to power: Double) -> Double {
    if power == 0 { return 1 }
    return value == 0 ? 0 : Elementary.exp(power * Elementary.log(value))
}
