/// What one slot adds to the tree: its gradient, and behind it the few numbers that all workers must agree on. They
/// travel in the same sums, so that agreeing costs no message of its own.
struct SlotRecord {
    /// The numbers behind the gradient; then come each worker's times.
    private enum Tail: Int, CaseIterable {
        case loss, failures, stops, ends, elapsed
    }

    let base: UnsafeMutablePointer<Float>
    let parameters: Int
    let workers: Int

    /// Floats behind the gradient.
    static func tailCount(workers: Int) -> Int { Tail.allCases.count + workers * WorkerTimes.count }

    /// Sum of the slots' losses.
    var loss: Float {
        get { self[.loss] }
        nonmutating set { self[.loss] = newValue }
    }

    /// Slots that could not be computed.
    var failures: Float {
        get { self[.failures] }
        nonmutating set { self[.failures] = newValue }
    }

    /// Workers that were asked to stop.
    var stops: Float {
        get { self[.stops] }
        nonmutating set { self[.stops] = newValue }
    }

    /// Whether the run ends here and well, by the coordinator's word: only the lead worker's last slot has it.
    var ends: Float {
        get { self[.ends] }
        nonmutating set { self[.ends] = newValue }
    }

    /// Seconds of training so far, by the lead worker's clock: only its last slot has them.
    var elapsed: Float {
        get { self[.elapsed] }
        nonmutating set { self[.elapsed] = newValue }
    }

    /// What a worker's slots took; its last slot has them, so that their sum over all slots lists all workers.
    func times(ofWorker worker: Int) -> WorkerTimes {
        let place = timesPlace(worker)
        return WorkerTimes(
            data: Double(place[0]), forward: Double(place[1]), backward: Double(place[2]))
    }

    func set(_ times: WorkerTimes, ofWorker worker: Int) {
        let place = timesPlace(worker)
        place[0] = Float(times.data)
        place[1] = Float(times.forward)
        place[2] = Float(times.backward)
    }

    /// Sets all but the gradient to 0.
    func clearTail() { (base + parameters).update(repeating: 0, count: Self.tailCount(workers: workers)) }

    private func timesPlace(_ worker: Int) -> UnsafeMutablePointer<Float> {
        base + parameters + Tail.allCases.count + worker * WorkerTimes.count
    }

    private subscript(field: Tail) -> Float {
        get { base[parameters + field.rawValue] }
        nonmutating set { base[parameters + field.rawValue] = newValue }
    }
}

/// Seconds that a worker's own slots took in one step.
package struct WorkerTimes: Codable, Sendable, Hashable {
    /// Waiting for images.
    package var data: Double
    /// The forward pass and the loss.
    package var forward: Double
    package var backward: Double

    /// Numbers of one worker.
    package static let count = 3

    package init(data: Double = 0, forward: Double = 0, backward: Double = 0) {
        self.data = data
        self.forward = forward
        self.backward = backward
    }

    package var total: Double { data + forward + backward }
}
