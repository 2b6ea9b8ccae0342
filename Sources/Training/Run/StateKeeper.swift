import Checkpoints
import Communication
import Foundation
import Kernels
import Support

/// Keeps a machine's copy of the state at the last step's boundary, in memory that outlives the processes: one worker a
/// machine does.
///
/// A copy is made between two steps, over the oldest of those that are there: a kill while it is being made leaves the one
/// before. Where a validation is under way, its state is held back too until that is over: a run that goes on behind it has
/// to make up for it.
///
/// Copies take at most `share` of the time. Where steps are shorter than that allows, some are not kept.
final class StateKeeper {
    private let memory: MemoryFolder
    private let run: KeptState.Run
    private let team: ThreadTeam
    private let learningRate: (TrainingState) -> Double
    private var slots: [Slot] = []
    /// Validations that are not known to be over, by their steps, with the number of the submission that ends each; nil
    /// before there is one.
    private var due: [(step: Int, submission: Int?)]
    /// Submissions that are over.
    private var settled = 0
    /// What the last steps were like, each encoded once, with the next copy.
    private var course: [Data] = []
    private var latest: [StepReport] = []
    private let supervisor = JobEnvironment.supervisor
    /// Seconds that copies may take now.
    private var credit = 0.0
    /// What a copy takes, as last seen.
    private var cost: Double?
    private var time: Double

    private struct Slot {
        let file: MemoryFile
        /// The step whose state it has; nil while it has none.
        var step: Int?
    }

    /// Of the time, what copies may take.
    private static let share = 0.02
    /// Copies that a long pause between steps may save up for.
    private static let mostSaved = 2.0
    /// States that are there at once, where memory allows: two, and those of validations that wait.
    private static let mostSlots = 4
    /// The coordinator may be so many steps behind with its log.
    private static let mostCourse = 32

    /// Makes room for two copies; throws where there is none.
    ///
    /// - Parameters:
    ///   - run: what the states say of it.
    ///   - due: steps whose validation the coordinator makes up for, before it takes the first submission.
    ///   - team: shares the copying.
    ///   - learningRate: the rate of the step that follows a state.
    init(
        _ run: KeptState.Run, in memory: MemoryFolder, due: [Int], team: ThreadTeam,
        learningRate: @escaping (TrainingState) -> Double
    ) throws {
        (self.run, self.memory, self.team, self.learningRate) = (run, memory, team, learningRate)
        self.due = due.map { (step: $0, submission: Optional(1)) }
        time = Timeline.now
        do { for _ in 0..<2 { try addSlot() } } catch {
            removeAll()
            throw error
        }
    }

    private func addSlot() throws {
        let file = try MemoryFile(MemoryFolder.nextName(run: run.run), in: memory, size: run.fileBytes)
        slots.append(Slot(file: file))
    }

    /// The names of its files.
    var names: Set<String> {
        Set(slots.compactMap { $0.file.path.split(separator: "/").last.map(String.init) })
    }

    func removeAll() {
        for slot in slots { slot.file.remove() }
        slots = []
    }

    /// Takes a step into the course, and learns how many more submissions to the coordinator are over.
    func take(_ report: StepReport, settled more: Int) {
        settled += more
        due.removeAll { ($0.submission ?? .max) <= settled }
        latest.append(report)
        if latest.count > Self.mostCourse { latest.removeFirst() }
    }

    /// Learns which submission ends the validation of a step.
    func expect(validation step: Int, submission: Int) {
        for index in due.indices where due[index].step == step { due[index].submission = submission }
    }

    /// Keeps the state, unless that would cost too much time now.
    ///
    /// - Parameters:
    ///   - isValidated: whether a validation of it is due; such a state is always kept.
    ///   - isForced: whether it is to be kept all the same.
    func keep(_ state: TrainingState, isValidated: Bool, isForced: Bool = false) {
        if isValidated, !due.contains(where: { $0.step == state.step }) { due.append((state.step, nil)) }
        let now = Timeline.now
        credit = min(credit + Self.share * (now - time), Self.mostSaved * (cost ?? .infinity))
        time = now
        guard isForced || isValidated || credit >= cost ?? 0 else { return }
        guard !slots.isEmpty, let index = freeSlot() else { return }
        slots[index].step = nil
        course += latest.compactMap { try? Messages.encode($0.condensed) }
        course.removeFirst(max(0, course.count - Self.mostCourse))
        latest = []
        let kept = KeptState(
            run: run, state: state, learningRate: learningRate(state), validationsDue: due.map(\.step), course: course,
            supervisor: supervisor)
        if kept.write(state, to: slots[index].file, team: team) { slots[index].step = state.step }
        let seconds = Timeline.now - now
        cost = seconds
        // One that had to be kept leaves no debt.
        credit = max(0, credit - seconds)
    }

    /// The slot to write to: the one with the oldest state of those that nothing needs, and not the only one with any, as long
    /// as there is room for another.
    private func freeSlot() -> Int? {
        let held = Set(due.map(\.step))
        let free = slots.indices.filter { slots[$0].step.map { !held.contains($0) } ?? true }
        if free.count < 2, slots.count < Self.mostSlots, (try? MachineMemory.available()) ?? 0 > Double(run.fileBytes),
            (try? addSlot()) != nil
        {
            return slots.count - 1
        }
        return free.min { slots[$0].step ?? -1 < slots[$1].step ?? -1 }
    }
}
