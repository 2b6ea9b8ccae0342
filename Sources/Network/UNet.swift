import Kernels

/// The U-Net of Ronneberger, Fischer, Brox 2015 on one image at a time, forward and backward; `UNetArchitecture.operations`
/// says what it computes.
///
/// A network holds the activations of its last forward pass, and none of the parameters: these are passed in, so that a
/// snapshot and the weights in training go through the same code. One thread uses a network at a time.
public final class UNet {
    /// The use of a network; one for inference keeps no activations for a backward pass.
    public enum Purpose: Sendable {
        case training, inference
    }

    public let architecture: UNetArchitecture
    public let layout: ParameterLayout
    private let engine: Engine
    private let purpose: Purpose
    private let operations: [Operation]
    private let backwardSteps: [BackwardStep]
    private let workspace = Workspace()
    private let sums = ChannelSums()
    private var activations: Activations?
    private var dropout: RandomStream?

    public init(_ architecture: UNetArchitecture, engine: Engine, purpose: Purpose = .training) {
        precondition(
            architecture.inputChannels > 0 && architecture.classes >= 2 && architecture.baseChannels > 0
                && architecture.depth >= 0, "\(architecture)")
        self.architecture = architecture
        self.engine = engine
        self.purpose = purpose
        operations = architecture.operations
        backwardSteps = operations.backwardSteps
        layout = ParameterLayout(operations)
    }

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
        self.dropout = dropout
        let activations = activations(for: image.shape)
        let pass = ImagePass(
            engine: engine, workspace: workspace, activations: activations, operations: operations, sums: sums,
            image: image, parameters: parameters,
            dropout: dropout)
        for operation in operations { pass.forward(operation) }
        engine.profile?.leave()
        return activations.logits
    }

    /// The gradient by the last forward pass's logits: the loss writes it, and `backward` starts from it.
    public var logitsGradient: TensorView {
        guard let gradient = activations?.logitsGradient else { preconditionFailure("no forward pass in training") }
        return gradient
    }

    /// The backward pass as a sequence, for who wants to go on with a part of the gradient as soon as it is final: each
    /// element is the offset from which on `gradient` will not change any more. It has to be run to its end.
    ///
    /// - Parameters:
    ///   - image: the one that the last `forward` saw, with the same `parameters`; the gradient by its logits is in
    ///     `logitsGradient`.
    ///   - gradient: a flat buffer for the gradient by all parameters, overwritten.
    ///   - trained: what is trained, nil for all. The gradient by the rest is written as 0, and the pass ends at the
    ///     first layer that is trained.
    public func backwardPass(
        _ image: TensorView, parameters: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>,
        trained: TrainedParameters? = nil
    ) -> BackwardPass {
        guard purpose == .training, let activations, activations.imageShape == image.shape else {
            preconditionFailure("no forward pass in training on an image of \(image.shape)")
        }
        let pass = ImagePass(
            engine: engine, workspace: workspace, activations: activations, operations: operations, sums: sums,
            image: image, parameters: parameters,
            dropout: dropout)
        return BackwardPass(pass, backwardSteps, gradient: gradient, count: layout.count, trained: trained)
    }

    /// The whole of `backwardPass`.
    public func backward(
        _ image: TensorView, parameters: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>,
        trained: TrainedParameters? = nil
    ) {
        for _ in backwardPass(image, parameters: parameters, gradient: gradient, trained: trained) {}
    }

    /// Memory for images of that shape: what there is, if it fits.
    private func activations(for image: ImageShape) -> Activations {
        let old = activations.take()
        if let old, old.imageShape == image {
            activations = old
            return old
        }
        let new = Activations(operations, image: image, training: purpose == .training, inPlaceOf: consume old)
        activations = new
        return new
    }
}
