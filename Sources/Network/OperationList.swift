import Kernels

/// A network's operations in the order of the forward pass, as they are written down.
struct OperationList {
    private(set) var operations: [Operation] = []
    private var channels: [Int]
    private var segment = 0
    private var parameterCount = 0

    /// The activation that is the image.
    static let image = 0

    init(imageChannels: Int) { channels = [imageChannels] }

    /// The next operations have a segment of their own: see `Operation.isRecomputed`.
    mutating func beginSegment() { segment += 1 }

    /// Adds an operation; returns the activation that it makes.
    ///
    /// - Parameters:
    ///   - skip: an activation that comes over a skip connection, before `input` in the order of channels.
    ///   - outputs: channels of its output, nil for as many as `input` has.
    mutating func append(
        _ kind: Operation.Kind, _ name: String, skip: Int? = nil, _ input: Int, outputs: Int? = nil,
        isRecomputed: Bool = false, isComputedByReader: Bool = false
    ) -> Int {
        let inputs = [
            skip.map { Operation.Input(activation: $0, isSkip: true) }, .init(activation: input, isSkip: false),
        ]
        .compactMap { $0 }
        let operation = Operation(
            kind: kind, name: name, inputs: inputs, output: operations.count + 1,
            inputChannels: inputs.reduce(0) { $0 + channels[$1.activation] },
            outputChannels: outputs ?? channels[input], parameterOffset: parameterCount, segment: segment,
            isRecomputed: isRecomputed, isComputedByReader: isComputedByReader)
        operations.append(operation)
        channels.append(operation.outputChannels)
        parameterCount += operation.parameterCount
        return operation.output
    }
}

/// A step of the backward pass.
enum BackwardStep {
    case recompute(Operation)
    case backward(Operation)
}

extension [Operation] {
    /// The shapes of all activations, from that of the image.
    package func shapes(image: ImageShape) -> [ImageShape] {
        reduce(into: [image]) { shapes, operation in shapes.append(operation.outputShape(shapes)) }
    }

    /// The group normalisation right behind a convolution.
    func normalization(behind operation: Operation) -> Operation? {
        guard operation.output < count, case .convolution3x3 = operation.kind else { return nil }
        let next = self[operation.output]
        return next.normalization == nil ? nil : next
    }

    /// The group normalisation that an operation computes as it reads its input.
    func normalization(before operation: Operation) -> Operation? {
        guard let input = operation.inputs.last?.activation, input > 0, self[input - 1].isComputedByReader else {
            return nil
        }
        return self[input - 1]
    }

    /// The backward pass: from the last operation to the first; as a segment is entered, what was not kept of it is
    /// computed again.
    var backwardSteps: [BackwardStep] {
        var steps: [BackwardStep] = []
        var segment: Int?
        for operation in reversed() {
            if operation.segment != segment {
                segment = operation.segment
                steps += filter { $0.segment == segment && $0.isRecomputed }.map(BackwardStep.recompute)
            }
            steps.append(.backward(operation))
        }
        return steps
    }
}
