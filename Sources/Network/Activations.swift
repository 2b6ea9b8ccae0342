import Kernels

/// The activations of one step on one image, and their gradients, for one input size: all in one block of memory, in which
/// an activation that is no longer needed makes room for a gradient.
final class Activations {
    /// An activation as the forward pass makes it, or as the backward pass reads it.
    enum Pass {
        case forward, backward
    }

    /// The image's shape.
    let imageShape: ImageShape
    private let plan: ActivationPlan
    private let memory: Block

    /// - Parameter old: those of another size, which are used no more: their memory serves if it is large enough.
    init(_ operations: [Operation], image: ImageShape, training: Bool, inPlaceOf old: consuming Activations? = nil) {
        imageShape = image
        plan = ActivationPlan(operations, image: image, training: training)
        if let block = old?.memory, block.floats.count >= plan.count {
            memory = block
        } else {
            // Freed before the new memory is asked for.
            old = nil
            memory = Block(plan.count)
        }
    }

    private final class Block {
        let floats: AlignedBuffer<Float>

        init(_ count: Int) { floats = AlignedBuffer(count) }
    }

    /// An operation's inputs; `image` is activation 0.
    func inputs(of operation: Operation, image: TensorView, _ pass: Pass) -> [TensorView] {
        operation.inputs.map { input in
            let isImage = input.activation == OperationList.image
            let whole = isImage ? image : activation(input.activation, pass)
            let shape = operation.inputShape(input, plan.shapes)
            return input.isSkip ? whole.centreCrop(height: shape.height, width: shape.width) : whole
        }
    }

    func activation(_ activation: Int, _ pass: Pass) -> TensorView {
        let buffers = pass == .forward ? plan.forward : plan.backward
        return view(buffers[activation], plan.shapes[activation])
    }

    /// The logits of a network whose last operation makes them.
    var logits: TensorView { activation(plan.shapes.count - 1, .forward) }

    /// The gradient by the logits, which the loss writes; nil where nothing is trained.
    var logitsGradient: TensorView? {
        plan.gradients.last.flatMap { $0 }.map { view($0, plan.shapes[plan.shapes.count - 1]) }
    }

    /// The gradient by an operation's output.
    func outputGradient(of operation: Operation) -> TensorView {
        view(plan.gradients[operation.output], plan.shapes[operation.output])
    }

    /// The gradients by an operation's inputs, the image excepted.
    func inputGradients(of operation: Operation) -> [TensorView] {
        operation.inputs.filter { $0.activation != OperationList.image }.map { input in
            let buffers = input.isSkip ? plan.skipGradients : plan.gradients
            return view(buffers[input.activation], operation.inputShape(input, plan.shapes))
        }
    }

    /// The gradient that an operation adds to that of its input, if an activation was passed across.
    func addedSkipGradient(of operation: Operation) -> TensorView? {
        guard let activation = operation.addedSkipGradient, let buffer = plan.skipGradients[activation] else {
            return nil
        }
        return view(buffer, plan.skipShapes[activation])
    }

    /// The statistics that an operation leaves for its backward pass beside its output.
    func statistics(of operation: Operation) -> UnsafeMutablePointer<Float> {
        view(plan.statistics[operation.output], ImageShape(1, 1, operation.statisticsCount)).base
    }

    private func view(_ buffer: MemoryPlan.Buffer?, _ shape: ImageShape) -> TensorView {
        guard let buffer else { preconditionFailure("nothing of \(shape) was planned") }
        return TensorView(
            base: memory.floats.base + plan.memory.offset(buffer), shape: shape, rowStride: shape.width * shape.channels
        )
    }
}
