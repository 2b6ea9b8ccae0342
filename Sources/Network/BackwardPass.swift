import Kernels

/// A network's backward pass, a layer at a time, from the last to the first.
///
/// Each element is the offset in the gradient's flat buffer from which on every value is final. The offsets fall, since the
/// buffer lies in the order of the forward pass, and the last is 0. The gradient is complete once the sequence has ended.
public struct BackwardPass: Sequence, IteratorProtocol {
    private let pass: ImagePass
    private let gradient: UnsafeMutablePointer<Float>
    private let trained: TrainedParameters?
    /// The offset of the first trained value.
    private let first: Int
    private var steps: ArraySlice<BackwardStep>
    /// All values from here on are final.
    private var offset: Int

    init(
        _ pass: ImagePass, _ steps: [BackwardStep], gradient: UnsafeMutablePointer<Float>, count: Int,
        trained: TrainedParameters?
    ) {
        self.pass = pass
        self.steps = steps[...]
        self.gradient = gradient
        self.trained = trained
        first = trained?.first ?? 0
        offset = count
    }

    /// Goes on until the gradient by the next layer's parameters has been written; nil at the end.
    public mutating func next() -> Int? {
        guard offset > 0 else { return nil }
        while let step = steps.popFirst() {
            switch step {
            case .recompute(let operation): pass.recompute(operation)
            case .backward(let operation):
                pass.backward(operation, gradient: gradient, isLast: operation.parameterOffset <= first)
                if operation.parameterCount > 0 { return complete(downTo: operation.parameterOffset) }
            }
        }
        preconditionFailure("the first operation of a network has no parameters")
    }

    private mutating func complete(downTo new: Int) -> Int {
        let new = new <= first ? 0 : new
        trained?.clearFrozen(gradient, in: new..<offset)
        offset = new
        if new == 0 { pass.engine.profile?.leave() }
        return new
    }
}
