import Kernels

/// One pass over one image: runs operations on an engine, forward and backward.
struct ImagePass {
    let engine: Engine
    let workspace: Workspace
    let activations: Activations
    /// All of the network's, in order.
    let operations: [Operation]
    /// Of the normalisation at hand.
    let sums: ChannelSums
    let image: TensorView
    /// A flat buffer.
    let parameters: UnsafePointer<Float>
    /// The numbers that decide what is dropped; nil outside training.
    let dropout: RandomStream?

    /// Computes an operation's output.
    func forward(_ operation: Operation) {
        engine.profile?.enter(operation.name, "forward")
        compute(operation, .forward)
    }

    /// Computes an operation's output a second time, for the backward pass.
    func recompute(_ operation: Operation) {
        engine.profile?.enter(operation.name, "again")
        compute(operation, .backward)
    }

    private func compute(_ operation: Operation, _ pass: Activations.Pass) {
        let inputs = activations.inputs(of: operation, image: image, pass)
        let input = inputs[inputs.count - 1]
        let output = activations.activation(operation.output, pass)
        let parameters = operation.parameters(parameters)
        switch operation.kind {
        case .convolution3x3(let padding, let activation):
            let isSummed = pass == .forward && operations.normalization(behind: operation) != nil
            engine.convolution3x3(
                inputs, parameters, padding: padding, activation: activation,
                normalization: normalizedInput(of: operation), output: output, moments: isSummed ? sums : nil,
                workspace: workspace)
        case .groupNormalization(let activation):
            // The convolution before it took the sums.
            let kernel = GroupNormalization(channels: operation.outputChannels, activation: activation)
            let statistics = activations.statistics(of: operation)
            kernel.prepare(sums, pixels: input.shape.pixels, parameters, statistics: statistics)
            if operation.isComputedByReader { return }
            kernel.apply(input, statistics: statistics, output: output, team: engine.team)
        case .maxPool:
            MaxPool.forward(input, output: output, team: engine.team)
        case .dropout(let rate):
            if let dropout { Dropout.apply(output, rate: rate, stream: dropout, team: engine.team) }
        case .upConvolution2x2:
            engine.upConvolution(input, parameters, output: output, workspace: workspace)
        case .skipAddition:
            ElementwiseSum.add(inputs[0], to: output, team: engine.team)
        case .convolution1x1:
            engine.pointwiseConvolution(input, parameters, output: output, workspace: workspace)
        }
    }

    private func normalizedInput(of operation: Operation) -> NormalizedInput? {
        guard let before = operations.normalization(before: operation), let kernel = before.normalization else {
            return nil
        }
        return NormalizedInput(kernel, statistics: activations.statistics(of: before))
    }

    private func normalizedGradient(of operation: Operation) -> NormalizedGradient? {
        guard let next = operations.normalization(behind: operation), let kernel = next.normalization else {
            return nil
        }
        return NormalizedGradient(
            kernel, statistics: activations.statistics(of: next),
            values: activations.activation(operation.output, .backward))
    }

    /// Computes the gradients by an operation's inputs and by its parameters from the one by its output.
    ///
    /// - Parameters:
    ///   - gradient: a flat buffer, for the gradient by the parameters.
    ///   - isLast: whether the pass ends here, so that a convolution need not compute the gradients by its inputs.
    func backward(_ operation: Operation, gradient: UnsafeMutablePointer<Float>, isLast: Bool) {
        // Both inputs of a sum have the gradient of the sum, where it lies.
        if case .skipAddition = operation.kind { return }
        engine.profile?.enter(operation.name, "backward")
        let inputs = activations.inputs(of: operation, image: image, .backward)
        let input = inputs[inputs.count - 1]
        let outputGradient = activations.outputGradient(of: operation)
        let inputGradients = activations.inputGradients(of: operation)
        let parameters = operation.parameters(parameters)
        let gradients = operation.gradients(gradient)
        switch operation.kind {
        case .convolution3x3(let padding, let activation):
            engine.convolution3x3Backward(
                inputs, parameters, padding: padding, activation: activation,
                output: activation.readsOutput ? activations.activation(operation.output, .backward) : nil,
                outputGradient: outputGradient,
                inputGradients: isLast || inputGradients.isEmpty ? nil : inputGradients, gradients: gradients,
                normalization: normalizedInput(of: operation), gradientNormalization: normalizedGradient(of: operation),
                workspace: workspace)
        case .groupNormalization(let activation):
            // The convolution before it does the rest as it reads the gradient.
            GroupNormalization(channels: operation.outputChannels, activation: activation).prepareBackward(
                input, parameters, statistics: activations.statistics(of: operation), gradient: outputGradient,
                gradients: gradients, sums: sums, team: engine.team)
        case .maxPool:
            MaxPool.backward(
                input, output: activations.activation(operation.output, .backward), outputGradient: outputGradient,
                skipGradient: activations.addedSkipGradient(of: operation), inputGradient: inputGradients[0],
                team: engine.team)
        case .dropout(let rate):
            if let dropout { Dropout.apply(outputGradient, rate: rate, stream: dropout, team: engine.team) }
        case .upConvolution2x2:
            engine.upConvolutionBackward(
                input, parameters, outputGradient: outputGradient, inputGradient: inputGradients[0],
                gradients: gradients, workspace: workspace)
        case .skipAddition:
            break
        case .convolution1x1:
            engine.pointwiseConvolutionBackward(
                input, parameters, outputGradient: outputGradient, inputGradient: inputGradients[0],
                gradients: gradients, workspace: workspace)
        }
    }
}
