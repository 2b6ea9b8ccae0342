/// A layer's weights and biases, where they lie in the flat parameter buffer.
public struct LayerParameters {
    public let weights: UnsafePointer<Float>
    /// One value for each output channel.
    public let bias: UnsafePointer<Float>

    public init(weights: UnsafePointer<Float>, bias: UnsafePointer<Float>) {
        self.weights = weights
        self.bias = bias
    }
}

/// The gradients by a layer's parameters; laid out as these, overwritten.
public struct LayerGradients {
    public let weights: UnsafeMutablePointer<Float>
    public let bias: UnsafeMutablePointer<Float>

    public init(weights: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>) {
        self.weights = weights
        self.bias = bias
    }
}

/// The layers that cost a network its time, forward and backward, on one image.
///
/// The network calls nothing else for its convolutions. Wherever a sum is split, the layer and the image size alone decide
/// where, never the number of threads: the bits of a result do not depend on it.
public struct Engine: Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Winograd convolutions over products of our own: the same bits on every kind of CPU.
        case native
        /// Direct convolutions over OpenBLAS's products; their bits depend on its version and on the kind of CPU.
        case openblas
    }

    /// Raised whenever results of the native engine get other bits than before, by design. Checkpoints carry it.
    public static let version = 3

    /// The algorithm of 3×3 convolutions.
    public enum Convolution: String, Sendable, CaseIterable {
        /// Winograd or direct, whichever is faster for a layer and an image size.
        case automatic
        /// Direct: im2col, then a matrix product; with few channels a kernel of its own.
        case direct
        /// By Winograd's F(4×4, 3×3) or F(6×6, 3×3); native engine only.
        case winograd4, winograd6

        /// Whether it is the native engine's alone.
        public var isWinograd: Bool { self == .winograd4 || self == .winograd6 }
    }

    public let kind: Kind
    public let convolution: Convolution
    /// Threads that share the work of one call.
    public let team: ThreadTeam
    /// Records where time goes; nil for none.
    public let profile: StepProfile?
    let product: any MatrixProduct

    /// - Parameters:
    ///   - convolution: overrides the choice of kernels, to test and to compare them.
    ///   - profile: records the time of each layer and phase.
    public init(
        _ kind: Kind, threads: Int, convolution: Convolution = .automatic, profile: StepProfile? = nil
    ) {
        self.init(kind, team: ThreadTeam(threads: threads), convolution: convolution, profile: profile)
    }

    public init(
        _ kind: Kind, team: ThreadTeam, convolution: Convolution = .automatic, profile: StepProfile? = nil
    ) {
        precondition(kind == .native || !convolution.isWinograd, "Winograd with OpenBLAS")
        self.kind = kind
        self.convolution = convolution
        self.profile = profile
        self.team = team
        switch kind {
        case .native: product = NativeProduct()
        case .openblas: product = OpenBLASProduct()
        }
    }

    /// 3×3 convolution, cross-correlation as the field has it, followed by bias and activation function.
    ///
    /// - Parameters:
    ///   - inputs: one or more activations of the same height and width whose channels stand side by side in the input;
    ///     each is read where it lies.
    ///   - parameters: weights `[3][3][in][out]`, the channels of `inputs` in order.
    ///   - padding: zeros on each side of the input: 0 or 1.
    ///   - activation: the function applied to each value.
    ///   - output: (H + 2·padding − 2)×(W + 2·padding − 2)×out, contiguous.
    public func convolution3x3(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, activation: Activation = .relu,
        output: TensorView, workspace: Workspace
    ) {
        convolution3x3(
            inputs, parameters, padding: padding, activation: activation, normalization: nil, output: output,
            moments: nil, workspace: workspace)
    }

    /// The same beside group normalisations before and behind it.
    ///
    /// - Parameters:
    ///   - normalization: what its only input passes through first.
    ///   - moments: takes Σ x and Σ x² of the output.
    package func convolution3x3(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, activation: Activation,
        normalization: NormalizedInput?, output: TensorView, moments: ChannelSums?, workspace: Workspace
    ) {
        checkConvolution3x3(inputs, padding: padding, output: output)
        precondition(normalization == nil || inputs.count == 1, "normalisation of \(inputs.count) inputs")
        precondition(output.isContiguous, "convolution into a crop")
        note3x3(inputs, output: output, .forward, passes: 1)
        if let size = winogradSize(inputs, output: output, .forward) {
            winogradConvolution3x3(
                size, inputs, parameters, padding: padding, activation: activation, normalization: normalization,
                output: output, moments: moments, workspace: workspace)
            return
        }
        withNormalized(inputs, normalization, workspace: workspace) { inputs in
            if let few = fewChannels(inputs, padding: padding, output: output) {
                few.forward(
                    parameters, activation: activation, output: output, moments: moments, workspace: workspace,
                    team: team)
            } else {
                directConvolution3x3(
                    inputs, parameters, padding: padding, activation: activation, output: output,
                    workspace: workspace)
                moments?.takeMoments(output, team: team)
            }
        }
    }

    /// The backward of `convolution3x3`, activation function included.
    ///
    /// - Parameters:
    ///   - output: the forward's, where the activation function's gradient depends on it, else nil.
    ///   - inputGradients: one for each input, overwritten; nil where nothing lies below the layer.
    public func convolution3x3Backward(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, activation: Activation = .relu,
        output: TensorView?, outputGradient: TensorView, inputGradients: [TensorView]?, gradients: LayerGradients,
        workspace: Workspace
    ) {
        convolution3x3Backward(
            inputs, parameters, padding: padding, activation: activation, output: output,
            outputGradient: outputGradient, inputGradients: inputGradients, gradients: gradients, normalization: nil,
            gradientNormalization: nil, workspace: workspace)
    }

    /// The same beside group normalisations before and behind it.
    ///
    /// - Parameters:
    ///   - outputGradient: where there is a `gradientNormalization`, the one by its output; it may be overwritten.
    ///   - normalization: what the only input passes through first; `inputGradients` are those by its output.
    ///   - gradientNormalization: the backward of a normalisation of the convolution's output.
    package func convolution3x3Backward(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, activation: Activation,
        output: TensorView?, outputGradient: TensorView, inputGradients: [TensorView]?, gradients: LayerGradients,
        normalization: NormalizedInput?, gradientNormalization: NormalizedGradient?, workspace: Workspace
    ) {
        precondition(normalization == nil || inputs.count == 1, "normalisation of \(inputs.count) inputs")
        precondition(activation.readsOutput == (output != nil), "backward of \(activation)")
        checkConvolution3x3(inputs, padding: padding, output: outputGradient)
        precondition(
            output.map { $0.shape == outputGradient.shape } ?? true,
            "gradient \(outputGradient.shape) of \(output?.shape ?? outputGradient.shape)")
        note3x3(inputs, output: outputGradient, .backward, passes: inputGradients == nil ? 1 : 2)
        if let size = winogradSize(inputs, output: outputGradient, .backward) {
            winogradConvolution3x3Backward(
                size, inputs, parameters, padding: padding, activation: activation, output: output,
                outputGradient: outputGradient, inputGradients: inputGradients, gradients: gradients,
                normalization: normalization, gradientNormalization: gradientNormalization, workspace: workspace)
            return
        }
        withNormalized(inputs, normalization, workspace: workspace) { inputs in
            let few = fewChannels(inputs, padding: padding, output: outputGradient)
            // The few channels' own kernel reads the gradient once.
            let once = few != nil && inputGradients == nil
            if !once { gradientNormalization?.apply(outputGradient, team: team) }
            few?.gradients(
                activation: activation, output: output, outputGradient: outputGradient,
                normalization: once ? gradientNormalization : nil, into: gradients, workspace: workspace, team: team)
            if once { return }
            directConvolution3x3Backward(
                inputs, parameters, padding: padding, activation: activation, output: output,
                outputGradient: outputGradient, inputGradients: inputGradients,
                gradients: few == nil ? gradients : nil, workspace: workspace)
        }
    }

    /// Calls `body` with the inputs, normalised as a whole where they pass through a normalisation.
    func withNormalized(
        _ inputs: [TensorView], _ normalization: NormalizedInput?, workspace: Workspace, _ body: ([TensorView]) -> Void
    ) {
        guard let normalization else { return body(inputs) }
        let input = inputs[0]
        let rowStride = input.width * input.channels
        // The last values are read as a whole vector.
        workspace.lendAside(input.shape.count + 16) { whole in
            let normalized = TensorView(base: whole, shape: input.shape, rowStride: rowStride)
            team.forEach(input.height, moving: 4 * 2 * input.shape.count) { _, y in
                let row = PixelRectangle(rows: y..<y + 1, columns: 0..<input.width)
                _ = normalization.read(input, row, into: normalized.row(y))
            }
            body([normalized])
        }
    }

    /// The kernel of a layer that Winograd does not serve and that reads one activation of few channels.
    private func fewChannels(_ inputs: [TensorView], padding: Int, output: TensorView) -> FewChannelsConvolution? {
        guard kind == .native, inputs.count == 1, inputs[0].channels <= FewChannelsConvolution.mostChannels else {
            return nil
        }
        return FewChannelsConvolution(inputs[0], padding: padding, output: output)
    }

    /// The Winograd convolution that computes a layer, or nil for a direct one.
    private func winogradSize(_ inputs: [TensorView], output: TensorView, _ pass: WinogradPass) -> WinogradSize? {
        guard kind == .native else { return nil }
        switch convolution {
        case .direct: return nil
        case .winograd4: return .four
        case .winograd6: return .six
        case .automatic:
            return WinogradSize.fastest(
                inputs: inputs.reduce(0) { $0 + $1.channels }, output: output.shape, pass)
        }
    }

    /// Tells the profile which kernel computes a 3×3 layer, and with how many floating-point operations.
    private func note3x3(_ inputs: [TensorView], output: TensorView, _ pass: WinogradPass, passes: Double) {
        guard let profile else { return }
        let products = 2 * Double(inputs.reduce(0) { $0 + $1.channels }) * Double(output.channels) * passes
        let direct = products * Double(9 * output.shape.pixels)
        if let size = winogradSize(inputs, output: output, pass) {
            profile.note(
                kernel: "winograd\(size.outputs)",
                operations: products * Double(size.positions * size.tiles(output.shape)), directOperations: direct)
        } else {
            profile.note(kernel: "direct", operations: direct, directOperations: direct)
        }
    }

    /// Tells the profile of a layer that is one matrix product, or two going backward.
    func noteProduct(_ input: TensorView, columns: Int, passes: Double) {
        let operations = 2 * Double(input.shape.count) * Double(columns) * passes
        profile?.note(kernel: "product", operations: operations, directOperations: operations)
    }

    /// Refuses shapes that do not fit together.
    func checkConvolution3x3(_ inputs: [TensorView], padding: Int, output: TensorView) {
        precondition(padding == 0 || padding == 1, "padding \(padding)")
        precondition(!inputs.isEmpty, "a convolution without an input")
        for input in inputs {
            precondition(
                output.height == input.height + 2 * padding - 2 && output.width == input.width + 2 * padding - 2
                    && output.height > 0 && output.width > 0,
                "3×3 convolution with padding \(padding) from \(input.shape) to \(output.shape)")
        }
    }

    /// Refuses shapes that do not fit together.
    func checkUpConvolution(_ input: TensorView, output: TensorView) {
        precondition(
            output.height == 2 * input.height && output.width == 2 * input.width && output.isContiguous,
            "2×2 up-convolution from \(input.shape) to \(output.shape)")
        precondition(input.isContiguous, "up-convolution of a crop")
    }

    /// Refuses shapes that do not fit together.
    func checkPointwise(_ input: TensorView, output: TensorView) {
        precondition(
            output.height == input.height && output.width == input.width && output.isContiguous && input.isContiguous,
            "1×1 convolution from \(input.shape) to \(output.shape)")
    }
}
