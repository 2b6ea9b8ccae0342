import Configurations
import Datasets

/// When a run ends: after so many steps, or seconds of training.
package enum TrainingLimit: Sendable, Hashable {
    case steps(Int)
    /// Seconds of training by the lead worker's clock.
    case seconds(Double)

    init(_ length: Configuration.Length, schedule: SampleSchedule) {
        switch length {
        case .steps(let steps): self = .steps(steps)
        case .epochs(let epochs): self = .steps(schedule.steps(forEpochs: epochs))
        case .minutes(let minutes): self = .seconds(minutes * 60)
        }
    }

    /// Whether there is no step of this number, as far as numbers tell.
    func ends(atStep step: Int) -> Bool {
        if case .steps(let last) = self { return step >= last }
        return false
    }

    /// Whether a run that is given in minutes ends within so many more steps, at its pace so far.
    package func endsWithin(steps: Int, step: Int, elapsed: Double) -> Bool {
        guard case .seconds(let last) = self, step > 0 else { return false }
        return last - elapsed < Double(steps) * elapsed / Double(step)
    }

    func isReached(step: Int, elapsed: Double) -> Bool { progress(step: step, elapsed: elapsed) >= 1 }

    /// Share of the run that is done, 0 to 1.
    func progress(step: Int, elapsed: Double) -> Double {
        switch self {
        case .steps(let last): last == 0 ? 1 : min(1, Double(step) / Double(last))
        case .seconds(let last): min(1, elapsed / last)
        }
    }
}
