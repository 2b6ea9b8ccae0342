import Communication
import FailureDetection
import Kernels
import Support

/// Reports what this rank is doing to all that listen: the failure detector, the timeline, the profile of layers, and
/// the times that workers compare.
package final class Recorder {
    private let track: String
    private let detector: FailureDetector?
    private let timeline: Timeline?
    private let profile: StepProfile?
    /// What this worker's slots have taken since `takeTimes`.
    private var times = WorkerTimes()

    /// - Parameters:
    ///   - track: where the timeline shows phases that belong to no slot.
    ///   - profile: the one that the network and its kernels report to.
    package init(
        track: String = "step", detector: FailureDetector? = nil, timeline: Timeline? = nil, profile: StepProfile? = nil
    ) {
        self.track = track
        self.detector = detector
        self.timeline = timeline
        self.profile = profile
    }

    /// Calls `body`, which is a phase of a step.
    ///
    /// - Parameters:
    ///   - step: counted from 1.
    ///   - slot: the slot that is computed, if it is one slot's phase.
    /// - Throws: what `body` throws; and what a test asks for, see `InjectedFault`.
    package func during<Result>(
        _ phase: Phase, step: Int, slot: Int? = nil, _ body: () throws -> Result
    ) throws -> Result {
        try enter(phase, step: step)
        let begin = Timeline.now
        defer {
            let end = Timeline.now
            profile?.leave()
            times.add(end - begin, to: phase)
            timeline?.add(
                slot.map { "\(phase) \($0)" } ?? "\(phase)", on: slot == nil ? track : "slots", from: begin, to: end,
                step: step)
        }
        return try body()
    }

    /// Says that this rank is in a phase from now on whose end is not of interest. Any thread may say so.
    package func enter(_ phase: Phase, step: Int) throws {
        try detector?.enter(phase, step: step)
        switch phase {
        // The network's passes have rows of their own, layer by layer.
        case .loss: profile?.enter("loss")
        case .reduction: profile?.enter("sum")
        case .update: profile?.enter("update")
        default: profile?.leave()
        }
    }

    /// Says that a unit of the phase is done. Any thread may say so.
    package func advance() { detector?.advance() }

    /// What this worker's slots have taken since the last call.
    func takeTimes() -> WorkerTimes {
        defer { times = WorkerTimes() }
        return times
    }

    /// Calls `body`, which keeps a copy of the step's state.
    func keeping(step: Int, _ body: () -> Void) {
        let begin = Timeline.now
        body()
        timeline?.add("keep", on: track, from: begin, to: Timeline.now, step: step)
    }

    /// Adds a step's messages to the timeline.
    func addMessages(of sum: GradientAllReduce.Sum, in buckets: GradientBuckets, step: Int) {
        guard let timeline else { return }
        timeline.add("wait", on: track, from: sum.computed, to: sum.summed, step: step)
        for (number, (range, times)) in zip(buckets.ranges, sum.bucketTimes).enumerated() {
            timeline.add(
                "bucket \(number)", on: Timeline.overlappingTrack, from: times.complete, to: times.summed, step: step,
                bytes: 4 * range.count)
        }
    }
}

extension WorkerTimes {
    /// Adds the seconds of a phase, if it is one of a slot's.
    fileprivate mutating func add(_ seconds: Double, to phase: Phase) {
        switch phase {
        case .data: data += seconds
        case .forward, .loss: forward += seconds
        case .backward: backward += seconds
        case .audit: audit += seconds
        default: break
        }
    }
}
