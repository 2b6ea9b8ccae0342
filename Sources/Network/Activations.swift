import Kernels

/// The maps of one step on one image, and their gradients, for one input size: all in one block of memory, in which a
/// map that is no longer needed makes room for a gradient.
///
final class Activations {
    /// Two convolutions' outputs; the second of an encoder level is also the skip.
    struct Block {
        let conv1: TensorView
        let conv2: TensorView
        /// Nil where the convolutions are not normalised.
        let normalization: Normalization?
    }

    /// The convolutions' outputs before normalisation, and the statistics of both.
    struct Normalization {
        let conv1: TensorView
        let conv2: TensorView
        let statistics: TensorView
    }

    /// The maps of a network, or their gradients.
    struct Maps {
        /// Levels 0 to depth.
        let encoder: [Block]
        /// What pooling makes of levels 0 to depth − 1.
        let pooled: [TensorView]
        /// What up-convolution gives levels 0 to depth − 1.
        let up: [TensorView]
        /// Levels 0 to depth − 1.
        let decoder: [Block]
        let logits: TensorView
    }

    let input: ImageShape
    let maps: Maps
    /// Nil where nothing is trained.
    let gradients: Maps?
    /// The gradients of what levels 0 to depth − 1 pass across: of the centre of the encoder's map. Those of the
    /// up-convolution's map where it is added, empty where nothing is passed.
    let skipGradients: [TensorView]
    /// The blocks' maps as the backward pass reads them: `UNet.backward` makes conv1's again in level 0, and where it is
    /// normalised. Empty where nothing is trained, as is what is made again by pooling.
    let encoderAgain: [Block]
    let decoderAgain: [Block]
    let pooledAgain: [TensorView]
    private let memory: UnsafeMutablePointer<Float>

    deinit { memory.deallocate() }

    /// - Parameters:
    ///   - training: whether a backward pass follows; without one a map lives only until the next has been made.
    init(_ architecture: UNetArchitecture, input: ImageShape, training: Bool) {
        let plan = ActivationPlan(architecture, input: input, training: training)
        let (shapes, backward) = (plan.shapes, plan.backward)
        let memory = allocateFloats(plan.count)
        func view(_ shape: ImageShape, _ buffer: MemoryPlan.Buffer) -> TensorView {
            TensorView(base: memory + plan.places.offset(buffer), shape: shape, rowStride: shape.width * shape.channels)
        }
        func block(_ shapes: Layers<ImageShape>.Block, _ buffers: Layers<MemoryPlan.Buffer>.Block) -> Block {
            Block(
                conv1: view(shapes.conv1, buffers.conv1), conv2: view(shapes.conv2, buffers.conv2),
                normalization: buffers.normalization.flatMap { own in
                    shapes.normalization.map {
                        Normalization(
                            conv1: view($0.conv1, own.conv1), conv2: view($0.conv2, own.conv2),
                            statistics: view($0.statistics, own.statistics))
                    }
                })
        }
        func views(_ buffers: Layers<MemoryPlan.Buffer>) -> Maps {
            Maps(
                encoder: zip(shapes.encoder, buffers.encoder).map(block),
                pooled: zip(shapes.pooled, buffers.pooled).map(view),
                up: zip(shapes.up, buffers.up).map(view),
                decoder: zip(shapes.decoder, buffers.decoder).map(block),
                logits: view(shapes.logits, buffers.logits))
        }
        self.input = input
        self.memory = memory
        maps = views(plan.maps)
        gradients = backward.map { views($0.layers) }
        skipGradients = backward.map { zip(shapes.up, $0.skips).map(view) } ?? []
        encoderAgain = backward.map { zip(shapes.encoder, $0.encoder).map(block) } ?? []
        decoderAgain = backward.map { zip(shapes.decoder, $0.decoder).map(block) } ?? []
        pooledAgain = backward.map { zip(shapes.pooled, $0.pooled).map(view) } ?? []
    }
}
