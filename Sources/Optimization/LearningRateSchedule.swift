/// How the learning rate changes over a run: a linear warm-up, times a shape.
///
/// The rates are the same bits on every machine: power and cosine are computed here with basic arithmetic alone,
/// since a C library's `pow` and `cos` may differ from one CPU to the next.
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
            case .cosine(let final): final + (1 - final) * (1 + cosineOfTurn(progress)) / 2
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

/// value^power for 0 ≤ value ≤ 1, within 1e-14.
private func raised(_ value: Double, to power: Double) -> Double {
    if power == 0 { return 1 }
    if value == 0 { return 0 }
    // log(m·2^e) = 2·artanh((m − 1)/(m + 1)) + e·log 2 with m in [√½, √2).
    var fraction = value.significand
    var exponent = Double(value.exponent)
    if fraction > 1.414_213_562_373_095 {
        fraction /= 2
        exponent += 1
    }
    let s = (fraction - 1) / (fraction + 1)
    var series = 0.0
    for k in (0...12).reversed() { series = series * s * s + 1 / Double(2 * k + 1) }
    let logarithm = 2 * s * series + exponent * 0.693_147_180_559_945_3
    // e^x = 2^n·e^r with |r| ≤ log(2)/2.
    let x = power * logarithm
    let n = (x / 0.693_147_180_559_945_3).rounded()
    guard n > -1020 else { return 0 }
    let r = x - n * 0.693_147_180_559_945_3
    var sum = 1.0
    for k in (1...16).reversed() { sum = 1 + r / Double(k) * sum }
    return Double(sign: .plus, exponent: Int(n), significand: sum)
}

/// cos(π·turn) for 0 ≤ turn ≤ 1, within 1e-15; exactly 1, 0 and −1 at 0, ½ and 1.
private func cosineOfTurn(_ turn: Double) -> Double {
    // cos(π·t) = sin(π·(½ − t)), and the sine's series is short and odd about the middle.
    let x = Double.pi * (0.5 - turn)
    if turn == 0 || turn == 1 { return turn == 0 ? 1 : -1 }
    var sum = 1.0
    for k in (1...12).reversed() { sum = 1 - x * x / Double(2 * k * (2 * k + 1)) * sum }
    return x * sum
}
