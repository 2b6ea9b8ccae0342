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

    /// Whether a network learns; one that only predicts keeps no maps for a backward pass.
    public enum Purpose: Sendable {
        case training, inference
    }

    private let purpose: Purpose

    public init(_ architecture: UNetArchitecture, engine: Engine, purpose: Purpose = .training) {
        precondition(
            architecture.inputChannels > 0 && architecture.classes >= 2 && architecture.baseChannels > 0
                && architecture.depth >= 0, "\(architecture)")
        self.architecture = architecture
        self.engine = engine
        self.purpose = purpose
        layout = ParameterLayout(architecture)
        layers = UNetLayers(layout, architecture)
    }

    private var padding: Int { architecture.padding == .same ? 1 : 0 }

    /// The logits of an image, H×W×classes, valid until the next forward or backward pass.
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
        if activations?.input != image.shape {
            activations = nil
            activations = Activations(architecture, input: image.shape, training: purpose == .training)
        }
        guard let maps = activations?.maps else { preconditionFailure("no maps") }
        self.dropout = dropout
        let depth = architecture.depth

        var below = image
        for level in 0...depth {
            below = block([below], layers.encoder[level], maps.encoder[level], parameters)
            if level < depth {
                engine.profile?.enter("encoder.\(level).pool", "forward")
                MaxPool.forward(below, output: maps.pooled[level], team: engine.team)
                below = maps.pooled[level]
            }
        }
        engine.profile?.enter("dropout", "forward")
        if let dropout { Dropout.apply(below, rate: architecture.dropout, stream: dropout) }
        for level in (0..<depth).reversed() {
            let up = maps.up[level]
            engine.profile?.enter(layers.up[level].name, "forward")
            engine.upConvolution(below, layers.up[level].parameters(parameters), output: up, workspace: workspace)
            let inputs = joined(maps.encoder[level].conv2, up)
            if architecture.skip == .add {
                engine.profile?.enter("decoder.\(level).skip", "forward")
                MapSum.add(
                    maps.encoder[level].conv2.centreCrop(height: up.height, width: up.width), to: up,
                    team: engine.team)
            }
            below = block(inputs, layers.decoder[level], maps.decoder[level], parameters)
        }
        engine.profile?.enter(layers.head.name, "forward")
        engine.pointwiseConvolution(
            below, layers.head.parameters(parameters), output: maps.logits, workspace: workspace)
        engine.profile?.leave()
        return maps.logits
    }

    /// Where the loss writes its derivative by the last forward pass's logits, for `backward` to start from.
    public var logitsGradient: TensorView {
        guard let gradients = activations?.gradients else { preconditionFailure("no forward pass in training") }
        return gradients.logits
    }

    /// Writes the derivatives by all parameters, from those by the logits in `logitsGradient`, into a flat buffer.
    ///
    /// - Parameters:
    ///   - image: the one that the last `forward` saw, with the same `parameters`.
    ///   - trained: what is trained, nil for all. The derivatives by the rest are written as 0, and the pass ends at the
    ///     first layer that is trained.
    ///   - settled: called after each layer with the place in `gradient` from which on nothing will change any more. It
    ///     moves from the end to the beginning, since the buffer lies in the order of the forward pass.
    public func backward(
        _ image: TensorView, parameters: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>,
        trained: TrainedParameters? = nil, settled: (_ offset: Int) -> Void = { _ in }
    ) {
        let first = trained?.first ?? 0
        var end = layout.count
        passBackward(image, parameters: parameters, gradient: gradient, first: first) { offset in
            let offset = offset <= first ? 0 : offset
            trained?.clearFrozen(gradient, in: offset..<end)
            end = offset
            settled(offset)
        }
        engine.profile?.leave()
    }

    /// The backward pass, from the last layer to the one that lies at `first`.
    private func passBackward(
        _ image: TensorView, parameters: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>, first: Int,
        settled: (_ offset: Int) -> Void
    ) {
        guard let activations, let slopes = activations.gradients else {
            preconditionFailure("no forward pass in training")
        }
        let maps = activations.maps
        let depth = architecture.depth

        engine.profile?.enter(layers.head.name, "backward")
        engine.pointwiseConvolutionBackward(
            depth > 0 ? maps.decoder[0].conv2 : maps.encoder[0].conv2, layers.head.parameters(parameters),
            outputGradient: slopes.logits, inputGradient: depth > 0 ? slopes.decoder[0].conv2 : slopes.encoder[0].conv2,
            gradients: layers.head.gradients(gradient), workspace: workspace)
        settled(layers.head.weights)
        guard layers.head.weights > first else { return }
        for level in 0..<depth {
            let up = maps.up[level]
            let isBeside = architecture.skip == .concatenate
            blockBackward(
                joined(maps.encoder[level].conv2, up), layers.decoder[level], activations.decoderAgain[level],
                slopes.decoder[level],
                inputGradients: isBeside ? [activations.skipGradients[level], slopes.up[level]] : [slopes.up[level]],
                parameters, gradient,
                first: first, settled)
            guard layers.decoder[level].conv1.weights > first else { return }
            let isBottom = level + 1 == depth
            engine.profile?.enter(layers.up[level].name, "backward")
            engine.upConvolutionBackward(
                isBottom ? maps.encoder[depth].conv2 : maps.decoder[level + 1].conv2,
                layers.up[level].parameters(parameters), outputGradient: slopes.up[level],
                inputGradient: isBottom ? slopes.encoder[depth].conv2 : slopes.decoder[level + 1].conv2,
                gradients: layers.up[level].gradients(gradient), workspace: workspace)
            settled(layers.up[level].weights)
            guard layers.up[level].weights > first else { return }
        }
        engine.profile?.enter("dropout", "backward")
        if let dropout { Dropout.apply(slopes.encoder[depth].conv2, rate: architecture.dropout, stream: dropout) }
        for level in (1..<depth + 1).reversed() {
            let (above, pooled) = (maps.encoder[level - 1].conv2, activations.pooledAgain[level - 1])
            engine.profile?.enter("encoder.\(level - 1).pool", "again")
            MaxPool.forward(above, output: pooled, team: engine.team)
            blockBackward(
                [pooled], layers.encoder[level], activations.encoderAgain[level], slopes.encoder[level],
                inputGradients: [slopes.pooled[level - 1]], parameters, gradient, first: first, settled)
            guard layers.encoder[level].conv1.weights > first else { return }
            engine.profile?.enter("encoder.\(level - 1).pool", "backward")
            MaxPool.backward(
                above, output: pooled, outputGradient: slopes.pooled[level - 1],
                skipGradient: architecture.skip == .none ? nil : activations.skipGradients[level - 1],
                inputGradient: slopes.encoder[level - 1].conv2,
                team: engine.team)
        }
        let start = activations.encoderAgain[0]
        engine.profile?.enter(layers.encoder[0].conv1.name, "again")
        engine.convolution3x3(
            [image], layers.encoder[0].conv1.parameters(parameters), padding: padding,
            output: start.normalization?.conv1 ?? start.conv1, isRectified: start.normalization == nil,
            workspace: workspace)
        blockBackward(
            [image], layers.encoder[0], start, slopes.encoder[0], inputGradients: nil, parameters, gradient,
            first: first, settled)
    }

    /// What the first convolution of a decoder's level reads: the centre of the encoder's map beside the
    /// up-convolution's, or the latter alone.
    private func joined(_ encoder: TensorView, _ up: TensorView) -> [TensorView] {
        guard architecture.skip == .concatenate else { return [up] }
        return [encoder.centreCrop(height: up.height, width: up.width), up]
    }

    /// Two 3×3 convolutions with ReLU, normalised before it where the network does so.
    private func block(
        _ inputs: [TensorView], _ layer: UNetLayers.Block, _ maps: Activations.Block,
        _ parameters: UnsafePointer<Float>
    ) -> TensorView {
        let (first, second) = normalizations(layer, maps)
        convolve(inputs, layer.conv1, first, output: maps.conv1, parameters)
        convolve([maps.conv1], layer.conv2, second, output: maps.conv2, parameters)
        return maps.conv2
    }

    private func convolve(
        _ inputs: [TensorView], _ layer: UNetLayers.Layer, _ normalization: Normalization?, output: TensorView,
        _ parameters: UnsafePointer<Float>
    ) {
        engine.profile?.enter(layer.name, "forward")
        engine.convolution3x3(
            inputs, layer.parameters(parameters), padding: padding, output: normalization?.input ?? output,
            isRectified: normalization == nil, workspace: workspace)
        guard let normalization else { return }
        engine.profile?.enter(normalization.layer.name, "forward")
        normalization.kernel.forward(
            normalization.input, normalization.layer.parameters(parameters), statistics: normalization.statistics,
            output: output, workspace: workspace, team: engine.team)
    }

    /// The backward of `block`, from the gradient of its second convolution's output in `slopes`; what lies before
    /// `first` is left out.
    private func blockBackward(
        _ inputs: [TensorView], _ layer: UNetLayers.Block, _ maps: Activations.Block, _ slopes: Activations.Block,
        inputGradients: [TensorView]?, _ parameters: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>,
        first: Int, _ settled: (_ offset: Int) -> Void
    ) {
        let (norm1, norm2) = normalizations(layer, maps)
        if let norm1 {
            engine.profile?.enter(norm1.layer.name, "again")
            norm1.kernel.apply(
                norm1.input, norm1.layer.parameters(parameters), statistics: norm1.statistics, output: maps.conv1,
                workspace: workspace, team: engine.team)
        }
        convolveBackward(
            [maps.conv1], layer.conv2, norm2, output: maps.conv2, slope: slopes.conv2, inputGradients: [slopes.conv1],
            parameters, gradient, first: first, settled)
        guard layer.conv2.weights > first else { return }
        convolveBackward(
            inputs, layer.conv1, norm1, output: maps.conv1, slope: slopes.conv1, inputGradients: inputGradients,
            parameters, gradient, first: first, settled)
    }

    private func convolveBackward(
        _ inputs: [TensorView], _ layer: UNetLayers.Layer, _ normalization: Normalization?, output: TensorView,
        slope: TensorView, inputGradients: [TensorView]?, _ parameters: UnsafePointer<Float>,
        _ gradient: UnsafeMutablePointer<Float>, first: Int, _ settled: (_ offset: Int) -> Void
    ) {
        if let normalization {
            engine.profile?.enter(normalization.layer.name, "backward")
            normalization.kernel.backward(
                normalization.input, normalization.layer.parameters(parameters), statistics: normalization.statistics,
                slope: slope, gradients: normalization.layer.gradients(gradient), workspace: workspace,
                team: engine.team)
            settled(normalization.layer.weights)
            guard normalization.layer.weights > first else { return }
        }
        engine.profile?.enter(layer.name, "backward")
        engine.convolution3x3Backward(
            inputs, layer.parameters(parameters), padding: padding, output: normalization == nil ? output : nil,
            outputGradient: slope, inputGradients: layer.weights > first ? inputGradients : nil,
            gradients: layer.gradients(gradient), workspace: workspace)
        settled(layer.weights)
    }

    /// The normalisation that follows a convolution.
    private struct Normalization {
        let layer: UNetLayers.Layer
        let kernel: GroupNormalization
        /// The convolution's own output.
        let input: TensorView
        let statistics: UnsafeMutablePointer<Float>
    }

    /// Those of a block's two convolutions, if the network has such.
    private func normalizations(
        _ layer: UNetLayers.Block, _ maps: Activations.Block
    ) -> (first: Normalization?, second: Normalization?) {
        guard let norm1 = layer.norm1, let norm2 = layer.norm2, let own = maps.normalization else { return (nil, nil) }
        let kernel = GroupNormalization(channels: own.conv1.channels)
        let statistics = own.statistics.base
        return (
            Normalization(layer: norm1, kernel: kernel, input: own.conv1, statistics: statistics),
            Normalization(
                layer: norm2, kernel: kernel, input: own.conv2,
                statistics: statistics + GroupNormalization.statisticsCount)
        )
    }
}
