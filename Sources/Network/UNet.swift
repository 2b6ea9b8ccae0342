import Kernels

/// The U-Net of Ronneberger, Fischer, Brox 2015 on one image at a time, forward and backward.
///
/// A network holds the maps of its last forward pass, and none of the parameters: these are passed in, so that a
/// snapshot and the weights in training go through the same code. One thread uses a network at a time.
public final class UNet {
    public let architecture: UNetArchitecture
    public let layout: ParameterLayout
    private let engine: Engine
    private let layers: UNetLayers
    private let workspace = Workspace()
    private var activations: Activations?
    private var dropout: RandomStream?

    public init(_ architecture: UNetArchitecture, engine: Engine) {
        precondition(
            architecture.inputChannels > 0 && architecture.classes >= 2 && architecture.baseChannels > 0
                && architecture.depth >= 0, "\(architecture)")
        self.architecture = architecture
        self.engine = engine
        layout = ParameterLayout(architecture)
        layers = UNetLayers(layout, depth: architecture.depth)
    }

    private var padding: Int { architecture.padding == .same ? 1 : 0 }

    /// The logits of an image, H×W×classes, valid until the next call.
    ///
    /// - Parameters:
    ///   - image: H×W×inputChannels with sides that `architecture.geometry` calls legal; kept by the caller until the
    ///     backward pass is over.
    ///   - parameters: a flat buffer of this network's layout.
    ///   - dropout: the numbers that decide what is dropped after the bottom; nil outside training.
    public func forward(
        _ image: TensorView, parameters: UnsafePointer<Float>, dropout: RandomStream? = nil
    ) -> TensorView {
        let geometry = architecture.geometry
        precondition(
            geometry.isLegal(input: image.height) && geometry.isLegal(input: image.width)
                && image.channels == architecture.inputChannels, "an image of \(image.shape) for \(architecture)")
        if activations?.input != image.shape { activations = Activations(architecture, input: image.shape) }
        guard let maps = activations else { preconditionFailure("no maps") }
        self.dropout = dropout
        let depth = architecture.depth

        var below = image
        for level in 0...depth {
            below = block([below], layers.encoder[level], maps.encoder[level], parameters)
            if level < depth {
                engine.profile?.enter("encoder.\(level).pool", "forward")
                MaxPool.forward(below, output: maps.pooled[level].view, team: engine.team)
                below = maps.pooled[level].view
            }
        }
        engine.profile?.enter("dropout", "forward")
        if let dropout { Dropout.apply(below, rate: architecture.dropout, stream: dropout) }
        for level in (0..<depth).reversed() {
            let up = maps.up[level].view
            engine.profile?.enter(layers.up[level].name, "forward")
            engine.upConvolution(below, layers.up[level].parameters(parameters), output: up, workspace: workspace)
            let skip = maps.encoder[level].conv2.view.centreCrop(height: up.height, width: up.width)
            below = block([skip, up], layers.decoder[level], maps.decoder[level], parameters)
        }
        engine.profile?.enter(layers.head.name, "forward")
        engine.pointwiseConvolution(
            below, layers.head.parameters(parameters), output: maps.logits.view, workspace: workspace)
        engine.profile?.leave()
        return maps.logits.view
    }

    /// Where the loss writes its derivative by the last forward pass's logits, for `backward` to start from.
    public var logitsGradient: TensorView {
        guard let activations else { preconditionFailure("no forward pass") }
        return activations.gradients.logits.view
    }

    /// Writes the derivatives by all parameters, from those by the logits in `logitsGradient`, into a flat buffer.
    ///
    /// - Parameters:
    ///   - image: the one that the last `forward` saw, with the same `parameters`.
    public func backward(
        _ image: TensorView, parameters: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>
    ) {
        guard let maps = activations else { preconditionFailure("no forward pass") }
        let turns = maps.gradients
        let depth = architecture.depth

        let last = depth > 0 ? maps.decoder[0].conv2 : maps.encoder[0].conv2
        var slope = turns.take(last.shape)
        engine.profile?.enter(layers.head.name, "backward")
        engine.pointwiseConvolutionBackward(
            last.view, layers.head.parameters(parameters), outputGradient: turns.logits.view, inputGradient: slope,
            gradients: layers.head.gradients(gradient), workspace: workspace)
        for level in 0..<depth {
            let up = maps.up[level].view
            let skip = maps.encoder[level].conv2.view.centreCrop(height: up.height, width: up.width)
            // Outside the crop nothing reached the decoder.
            engine.profile?.enter("encoder.\(level).skip", "backward")
            turns.skips[level].view.fill(0)
            let skipSlope = turns.skips[level].view.centreCrop(height: up.height, width: up.width)
            slope = blockBackward(
                [skip, up], layers.decoder[level], maps.decoder[level], slope, parameters, gradient
            ) { [skipSlope, turns.take(up.shape)] }
            let below = level + 1 == depth ? maps.encoder[depth].conv2 : maps.decoder[level + 1].conv2
            let belowSlope = turns.take(below.shape)
            engine.profile?.enter(layers.up[level].name, "backward")
            engine.upConvolutionBackward(
                below.view, layers.up[level].parameters(parameters), outputGradient: slope, inputGradient: belowSlope,
                gradients: layers.up[level].gradients(gradient), workspace: workspace)
            slope = belowSlope
        }
        engine.profile?.enter("dropout", "backward")
        if let dropout { Dropout.apply(slope, rate: architecture.dropout, stream: dropout) }
        for level in (0...depth).reversed() {
            guard level > 0 else {
                blockBackward([image], layers.encoder[0], maps.encoder[0], slope, parameters, gradient) { nil }
                engine.profile?.leave()
                return
            }
            let pooled = maps.pooled[level - 1].view
            slope = blockBackward([pooled], layers.encoder[level], maps.encoder[level], slope, parameters, gradient) {
                [turns.take(pooled.shape)]
            }
            let skipSlope = turns.skips[level - 1].view
            engine.profile?.enter("encoder.\(level - 1).pool", "backward")
            MaxPool.backward(
                maps.encoder[level - 1].conv2.view, output: pooled, outputGradient: slope, addingTo: skipSlope,
                team: engine.team)
            slope = skipSlope
        }
    }

    /// Two 3×3 convolutions with ReLU.
    private func block(
        _ inputs: [TensorView], _ layer: UNetLayers.Block, _ maps: Activations.Block,
        _ parameters: UnsafePointer<Float>
    ) -> TensorView {
        engine.profile?.enter(layer.conv1.name, "forward")
        engine.convolution3x3(
            inputs, layer.conv1.parameters(parameters), padding: padding, output: maps.conv1.view, workspace: workspace)
        engine.profile?.enter(layer.conv2.name, "forward")
        engine.convolution3x3(
            [maps.conv1.view], layer.conv2.parameters(parameters), padding: padding, output: maps.conv2.view,
            workspace: workspace)
        return maps.conv2.view
    }

    /// The backward of `block`; `inputSlopes` says where the inputs' gradients go, once the second convolution's is
    /// no longer needed, or nil. Returns the last of them.
    @discardableResult
    private func blockBackward(
        _ inputs: [TensorView], _ layer: UNetLayers.Block, _ maps: Activations.Block, _ slope: TensorView,
        _ parameters: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>,
        inputSlopes: () -> [TensorView]?
    ) -> TensorView {
        guard let turns = activations?.gradients else { preconditionFailure("no forward pass") }
        let middle = turns.take(maps.conv1.shape)
        engine.profile?.enter(layer.conv2.name, "backward")
        engine.convolution3x3Backward(
            [maps.conv1.view], layer.conv2.parameters(parameters), padding: padding, output: maps.conv2.view,
            outputGradient: slope, inputGradients: [middle], gradients: layer.conv2.gradients(gradient),
            workspace: workspace)
        let slopes = inputSlopes()
        engine.profile?.enter(layer.conv1.name, "backward")
        engine.convolution3x3Backward(
            inputs, layer.conv1.parameters(parameters), padding: padding, output: maps.conv1.view,
            outputGradient: middle, inputGradients: slopes, gradients: layer.conv1.gradients(gradient),
            workspace: workspace)
        return slopes?.last ?? middle
    }
}
