import Kernels

/// The memory plan of one step on one image: the place of each activation and gradient in a block of memory. What an
/// operation overwrites has one place, and what is never alive together may share one.
///
/// The lists are indexed by activation; nil where there is none.
struct ActivationPlan {
    typealias Buffer = MemoryPlan.Buffer

    let shapes: [ImageShape]
    /// Activations as the forward pass makes them.
    private(set) var forward: [Buffer?]
    /// Activations as the backward pass reads them: recomputed, or kept.
    private(set) var backward: [Buffer?]
    /// Statistics that an operation leaves for the backward pass beside its output.
    private(set) var statistics: [Buffer?]
    private(set) var gradients: [Buffer?]
    /// The gradients that come back over skip connections, by the centre that was passed across.
    private(set) var skipGradients: [Buffer?]
    /// The shapes of those centres.
    private(set) var skipShapes: [ImageShape]
    private(set) var memory = MemoryPlan()
    /// Floats of the block.
    private(set) var count = 0

    /// - Parameters:
    ///   - training: whether a backward pass follows; without one an activation lives only until its last reader is done.
    init(_ operations: [Operation], image: ImageShape, training: Bool) {
        shapes = operations.shapes(image: image)
        skipShapes = shapes
        let none = [Buffer?](repeating: nil, count: shapes.count)
        (forward, backward, statistics, gradients, skipGradients) = (none, none, none, none, none)
        planForward(operations, training: training)
        if training { planBackward(operations) }
        count = memory.place()
    }

    private mutating func planForward(_ operations: [Operation], training: Bool) {
        for operation in operations {
            if let input = operation.overwrittenInput(training: training) {
                forward[operation.output] = forward[input]
            } else {
                forward[operation.output] = memory.define(shapes[operation.output].count)
            }
            if operation.statisticsCount > 0 {
                statistics[operation.output] = memory.define(operation.statisticsCount, readAsVectors: false)
            }
            memory.use(operation.inputs.map { forward[$0.activation] } + [forward[operation.output]])
            memory.use([operations.normalization(before: operation).flatMap { statistics[$0.output] }])
            memory.advance()
        }
        // The loss reads the logits.
        memory.use(forward.suffix(1))
    }

    private mutating func planBackward(_ operations: [Operation]) {
        backward = forward
        let logits = shapes.count - 1
        // The loss writes it.
        gradients[logits] = memory.define(shapes[logits].count)
        memory.advance()
        for step in operations.backwardSteps {
            switch step {
            case .recompute(let operation):
                backward[operation.output] = memory.define(shapes[operation.output].count)
                if let next = operations.normalization(behind: operation), next.isComputedByReader {
                    backward[next.output] = backward[operation.output]
                }
                memory.use(operation.inputs.map { backward[$0.activation] })
            case .backward(let operation):
                for input in operation.inputs where input.activation != OperationList.image {
                    let shape = operation.inputShape(input, shapes)
                    let gradient =
                        operation.overwritesGradient ? gradients[operation.output] : memory.define(shape.count)
                    if input.isSkip {
                        skipGradients[input.activation] = gradient
                        skipShapes[input.activation] = shape
                    } else {
                        gradients[input.activation] = gradient
                    }
                }
                memory.use(operation.backwardReads.map { backward[$0] })
                memory.use([gradients[operation.output], statistics[operation.output]])
                memory.use([operations.normalization(before: operation).flatMap { statistics[$0.output] }])
                if let next = operations.normalization(behind: operation) {
                    // Its backward is finished by the convolution.
                    memory.use([backward[operation.output], statistics[next.output]])
                }
                memory.use([operation.addedSkipGradient.flatMap { skipGradients[$0] }])
            }
            memory.advance()
        }
    }
}
