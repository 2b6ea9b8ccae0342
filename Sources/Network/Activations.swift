import Kernels

/// The maps of one step on one image, and their gradients, for one input size: all in one block of memory, in which a
/// map that is no longer needed makes room for a gradient.
///
/// What is defined and used when follows `UNet.forward` and `UNet.backward`, operation by operation. What is made in a
/// moment is not kept for the backward pass but made again there: the first convolution's map, the largest of all, and
/// what pooling makes. That saves a fifth of the memory of the paper's network for a hundredth of its time.
final class Activations {
    /// Two convolutions' outputs; the second of an encoder level is also the skip.
    struct Block {
        let conv1: TensorView
        let conv2: TensorView
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
    /// The gradients of what levels 0 to depth − 1 pass across: of the centre of the encoder's map.
    let skipGradients: [TensorView]
    /// What the backward pass makes again: the map of the first convolution of level 0, and the pooled maps.
    let firstConvolution: TensorView?
    let pooledAgain: [TensorView]
    private let memory: UnsafeMutablePointer<Float>

    deinit { memory.deallocate() }

    /// - Parameters:
    ///   - training: whether a backward pass follows; without one a map lives only until the next has been made.
    init(_ architecture: UNetArchitecture, input: ImageShape, training: Bool) {
        let shapes = Shapes(architecture, input: input)
        var plan = MemoryPlan()
        let maps = Schedule.forward(shapes, &plan)
        let backward = training ? Schedule.backward(shapes, maps, &plan) : nil
        let memory = allocateFloats(plan.place())
        func view(_ shape: ImageShape, _ buffer: MemoryPlan.Buffer) -> TensorView {
            TensorView(base: memory + plan.offset(buffer), shape: shape, rowStride: shape.width * shape.channels)
        }
        func views(_ buffers: Layers<MemoryPlan.Buffer>) -> Maps {
            func block(_ shapes: Pair<ImageShape>, _ buffers: Pair<MemoryPlan.Buffer>) -> Block {
                Block(conv1: view(shapes.conv1, buffers.conv1), conv2: view(shapes.conv2, buffers.conv2))
            }
            return Maps(
                encoder: zip(shapes.layers.encoder, buffers.encoder).map(block),
                pooled: zip(shapes.layers.pooled, buffers.pooled).map(view),
                up: zip(shapes.layers.up, buffers.up).map(view),
                decoder: zip(shapes.layers.decoder, buffers.decoder).map(block),
                logits: view(shapes.layers.logits, buffers.logits))
        }
        self.input = input
        self.memory = memory
        self.maps = views(maps)
        gradients = backward.map { views($0.layers) }
        skipGradients = backward.map { zip(shapes.layers.up, $0.skips).map(view) } ?? []
        firstConvolution = backward.map { view(shapes.layers.encoder[0].conv1, $0.firstConvolution) }
        pooledAgain = backward.map { zip(shapes.layers.pooled, $0.pooled).map(view) } ?? []
    }
}

/// Something for each of a network's maps.
private struct Layers<Element> {
    var encoder: [Pair<Element>] = []
    var pooled: [Element] = []
    var up: [Element] = []
    var decoder: [Pair<Element>] = []
    var logits: Element
}

/// Something for each convolution of a block.
private struct Pair<Element> {
    let conv1: Element
    let conv2: Element
}

/// The shapes of a network's maps.
private struct Shapes {
    let layers: Layers<ImageShape>

    init(_ architecture: UNetArchitecture, input: ImageShape) {
        let shrink = architecture.padding == .same ? 0 : 2
        func block(_ height: Int, _ width: Int, _ channels: Int) -> Pair<ImageShape> {
            Pair(
                conv1: ImageShape(height - shrink, width - shrink, channels),
                conv2: ImageShape(height - 2 * shrink, width - 2 * shrink, channels))
        }
        let depth = architecture.depth
        var layers = Layers(logits: input)
        var (height, width) = (input.height, input.width)
        for level in 0...depth {
            let channels = architecture.channels(atLevel: level)
            layers.encoder.append(block(height, width, channels))
            (height, width) = (layers.encoder[level].conv2.height, layers.encoder[level].conv2.width)
            if level < depth {
                (height, width) = (height / 2, width / 2)
                layers.pooled.append(ImageShape(height, width, channels))
            }
        }
        for level in (0..<depth).reversed() {
            let channels = architecture.channels(atLevel: level)
            (height, width) = (2 * height, 2 * width)
            layers.up.insert(ImageShape(height, width, channels), at: 0)
            layers.decoder.insert(block(height, width, channels), at: 0)
            (height, width) = (layers.decoder[0].conv2.height, layers.decoder[0].conv2.width)
        }
        layers.logits = ImageShape(height, width, architecture.classes)
        self.layers = layers
    }
}

/// Which operation defines and uses which map.
private enum Schedule {
    static func forward(_ shapes: Shapes, _ plan: inout MemoryPlan) -> Layers<MemoryPlan.Buffer> {
        let shapes = shapes.layers
        let depth = shapes.up.count
        func block(_ inputs: [MemoryPlan.Buffer], _ shapes: Pair<ImageShape>) -> Pair<MemoryPlan.Buffer> {
            let conv1 = plan.define(shapes.conv1.count)
            inputs.forEach { plan.use($0) }
            plan.advance()
            let conv2 = plan.define(shapes.conv2.count)
            plan.use(conv1)
            plan.advance()
            return Pair(conv1: conv1, conv2: conv2)
        }
        var maps = Layers<MemoryPlan.Buffer>(logits: 0)
        for level in 0...depth {
            maps.encoder.append(block(level == 0 ? [] : [maps.pooled[level - 1]], shapes.encoder[level]))
            if level < depth {
                maps.pooled.append(plan.define(shapes.pooled[level].count))
                plan.use(maps.encoder[level].conv2)
                plan.advance()
            }
        }
        for level in (0..<depth).reversed() {
            let below = level + 1 == depth ? maps.encoder[depth].conv2 : maps.decoder[0].conv2
            let up = plan.define(shapes.up[level].count)
            plan.use(below)
            plan.advance()
            maps.up.insert(up, at: 0)
            maps.decoder.insert(block([maps.encoder[level].conv2, up], shapes.decoder[level]), at: 0)
        }
        maps.logits = plan.define(shapes.logits.count)
        plan.use(depth > 0 ? maps.decoder[0].conv2 : maps.encoder[0].conv2)
        plan.advance()
        plan.use(maps.logits)
        return maps
    }

    /// The buffers of a backward pass.
    struct Backward {
        var layers: Layers<MemoryPlan.Buffer>
        var skips: [MemoryPlan.Buffer] = []
        /// What is made again.
        var firstConvolution: MemoryPlan.Buffer = 0
        var pooled: [MemoryPlan.Buffer] = []
    }

    static func backward(
        _ shapes: Shapes, _ maps: Layers<MemoryPlan.Buffer>, _ plan: inout MemoryPlan
    ) -> Backward {
        let shapes = shapes.layers
        let depth = shapes.up.count
        // The loss reads the logits and writes their gradient.
        var gradients = Layers(logits: plan.define(shapes.logits.count))
        var backward = Backward(layers: gradients)
        plan.advance()

        /// A convolution: reads its inputs, its output and that one's gradient, and writes what is defined at this time.
        func convolution(
            _ inputs: [MemoryPlan.Buffer], output: MemoryPlan.Buffer, gradient: MemoryPlan.Buffer
        ) {
            (inputs + [output, gradient]).forEach { plan.use($0) }
            plan.advance()
        }

        let last = depth > 0 ? maps.decoder[0] : maps.encoder[0]
        var slope = plan.define((depth > 0 ? shapes.decoder[0] : shapes.encoder[0]).conv2.count)
        [last.conv2, gradients.logits].forEach { plan.use($0) }
        plan.advance()
        for level in 0..<depth {
            let own = maps.decoder[level]
            let middle = plan.define(shapes.decoder[level].conv1.count)
            convolution([own.conv1], output: own.conv2, gradient: slope)
            gradients.decoder.append(Pair(conv1: middle, conv2: slope))
            backward.skips.append(plan.define(shapes.up[level].count))
            gradients.up.append(plan.define(shapes.up[level].count))
            convolution([maps.encoder[level].conv2, maps.up[level]], output: own.conv1, gradient: middle)
            let isBottom = level + 1 == depth
            slope = plan.define((isBottom ? shapes.encoder[depth] : shapes.decoder[level + 1]).conv2.count)
            plan.use(isBottom ? maps.encoder[depth].conv2 : maps.decoder[level + 1].conv2)
            plan.use(gradients.up[level])
            plan.advance()
        }
        for level in (0...depth).reversed() {
            let own = maps.encoder[level]
            let conv1: MemoryPlan.Buffer
            if level > 0 {
                conv1 = own.conv1
                backward.pooled.insert(plan.define(shapes.pooled[level - 1].count), at: 0)
                plan.use(maps.encoder[level - 1].conv2)
            } else {
                conv1 = plan.define(shapes.encoder[0].conv1.count)
                backward.firstConvolution = conv1
            }
            plan.advance()
            let middle = plan.define(shapes.encoder[level].conv1.count)
            convolution([conv1], output: own.conv2, gradient: slope)
            gradients.encoder.insert(Pair(conv1: middle, conv2: slope), at: 0)
            guard level > 0 else {
                convolution([], output: conv1, gradient: middle)
                break
            }
            let pooledGradient = plan.define(shapes.pooled[level - 1].count)
            gradients.pooled.insert(pooledGradient, at: 0)
            convolution([backward.pooled[0]], output: conv1, gradient: middle)
            slope = plan.define(shapes.encoder[level - 1].conv2.count)
            [maps.encoder[level - 1].conv2, backward.pooled[0], pooledGradient, backward.skips[level - 1]].forEach {
                plan.use($0)
            }
            plan.advance()
        }
        backward.layers = gradients
        return backward
    }
}
