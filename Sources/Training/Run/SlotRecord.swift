/// What one slot adds to the tree: its gradient, and behind it the few numbers that all workers must agree on. They
/// travel in the same sums, so that agreeing costs no message of its own.
struct SlotRecord {
    /// The numbers behind the gradient.
    private enum Tail: Int, CaseIterable {
        case loss, failures, stops, elapsed, dataWait
    }

    let base: UnsafeMutablePointer<Float>
    let parameters: Int

    /// Floats of a record for a network of so many parameters.
    static func count(parameters: Int) -> Int { parameters + Tail.allCases.count }

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

    /// Seconds of training so far, by the lead worker's clock: only its last slot has them.
    var elapsed: Float {
        get { self[.elapsed] }
        nonmutating set { self[.elapsed] = newValue }
    }

    /// Seconds that workers waited for images, in each one's last slot.
    var dataWait: Float {
        get { self[.dataWait] }
        nonmutating set { self[.dataWait] = newValue }
    }

    /// Sets all but the gradient to 0.
    func clearTail() {
        for field in Tail.allCases { self[field] = 0 }
    }

    private subscript(field: Tail) -> Float {
        get { base[parameters + field.rawValue] }
        nonmutating set { base[parameters + field.rawValue] = newValue }
    }
}
