import Support

/// What a worker tells the others beside its gradients: stop, end, elapsed time, how far the coordinator is, failure. It
/// travels behind the gradient of the worker's last slot, so that agreeing on it costs no message of its own.
package struct Control {
    /// Whether this worker was asked to save a checkpoint and stop.
    var stop = false
    /// Whether the run ends here and well, since the coordinator ordered it.
    var end = false
    /// Seconds of training so far by the lead worker's clock; 0 on the others.
    var elapsed = 0.0
    /// Of the submissions to the coordinator, how many more it is done with than in the step before, as the lead worker
    /// knows; 0 on the others. A small number is whole, however sums are compressed.
    var settled = 0
    /// What went wrong outside of this worker's slots. It is thrown where they are computed, and with that on all workers.
    var failure: Failure?

    package init() {}
}

/// What travels behind a slot's gradient. Its sum over the slots of a batch is what all workers agree on.
struct StepTail {
    /// The order of the floats; then come each worker's times.
    private enum Field: Int, CaseIterable {
        case loss, stop, end, elapsed, settled
    }

    private let base: UnsafeMutablePointer<Float>

    init(_ base: UnsafeMutablePointer<Float>) { self.base = base }

    static func count(workers: Int) -> Int { Field.allCases.count + workers * WorkerTimes.count }

    /// The loss of the slot.
    var loss: Float {
        get { self[.loss] }
        nonmutating set { self[.loss] = newValue }
    }

    /// Writes a worker's control values and times, once its last slot is computed.
    func write(_ control: Control, times: WorkerTimes, worker: Int) {
        self[.stop] = control.stop ? 1 : 0
        self[.end] = control.end ? 1 : 0
        self[.elapsed] = Float(control.elapsed)
        self[.settled] = Float(control.settled)
        let place = timesPlace(worker)
        for (number, seconds) in [times.data, times.forward, times.backward, times.audit].enumerated() {
            place[number] = Float(seconds)
        }
    }

    /// The control values of all workers together, from the sum.
    var control: Control {
        var control = Control()
        control.stop = self[.stop] > 0
        control.end = self[.end] > 0
        control.elapsed = Double(self[.elapsed])
        control.settled = Int(exactly: self[.settled].rounded(.down)) ?? 0
        return control
    }

    /// Each worker's times.
    func times(workers: Int) -> [WorkerTimes] {
        (0..<workers).map { worker in
            let place = timesPlace(worker)
            return WorkerTimes(
                data: Double(place[0]), forward: Double(place[1]), backward: Double(place[2]), audit: Double(place[3]))
        }
    }

    private func timesPlace(_ worker: Int) -> UnsafeMutablePointer<Float> {
        base + Field.allCases.count + worker * WorkerTimes.count
    }

    private subscript(field: Field) -> Float {
        get { base[field.rawValue] }
        nonmutating set { base[field.rawValue] = newValue }
    }
}

/// Seconds that a worker's own slots took in one step.
package struct WorkerTimes: Codable, Sendable, Hashable {
    /// Waiting for images.
    package var data: Double
    /// The forward pass and the loss.
    package var forward: Double
    package var backward: Double
    /// Slots of another worker, on top of that.
    package var audit: Double

    /// Numbers of one worker.
    static let count = 4

    package init(data: Double = 0, forward: Double = 0, backward: Double = 0, audit: Double = 0) {
        self.data = data
        self.forward = forward
        self.backward = backward
        self.audit = audit
    }

    /// Of the worker's own slots.
    var total: Double { data + forward + backward }
}
