import Kernels

/// Where each map and gradient of one step on one image lies in a block of memory.
///
/// What is defined and used when follows `UNet.forward` and `UNet.backward`, operation by operation. What is made in a
/// moment is not kept for the backward pass but made again there: the first convolution's map, the largest of all, and
/// what pooling makes. That saves a fifth of the memory of the paper's network for a hundredth of its time.
struct ActivationPlan {
    let shapes: Layers<ImageShape>
    let maps: Layers<MemoryPlan.Buffer>
    /// Nil where nothing is trained.
    let backward: Backward?
    private(set) var places = MemoryPlan()
    /// Floats of the block.
    let count: Int

    /// The buffers of a backward pass.
    struct Backward {
        var layers: Layers<MemoryPlan.Buffer>
        var skips: [MemoryPlan.Buffer] = []
        /// What is made again.
        var firstConvolution: MemoryPlan.Buffer = 0
        var pooled: [MemoryPlan.Buffer] = []
    }

    init(_ architecture: UNetArchitecture, input: ImageShape, training: Bool) {
        shapes = architecture.mapShapes(input: input)
        maps = Self.forward(shapes, &places)
        backward = training ? Self.backward(shapes, maps, &places) : nil
        count = places.place()
    }

    private static func forward(_ shapes: Layers<ImageShape>, _ plan: inout MemoryPlan) -> Layers<MemoryPlan.Buffer> {
        let depth = shapes.up.count
        func block(_ inputs: [MemoryPlan.Buffer], _ shapes: Layers<ImageShape>.Block) -> Layers<MemoryPlan.Buffer>.Block
        {
            let conv1 = plan.define(shapes.conv1.count)
            plan.use(inputs)
            plan.advance()
            let conv2 = plan.define(shapes.conv2.count)
            plan.use(conv1)
            plan.advance()
            return .init(conv1: conv1, conv2: conv2)
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

    private static func backward(
        _ shapes: Layers<ImageShape>, _ maps: Layers<MemoryPlan.Buffer>, _ plan: inout MemoryPlan
    ) -> Backward {
        let depth = shapes.up.count
        // The loss reads the logits and writes their gradient.
        var gradients = Layers(logits: plan.define(shapes.logits.count))
        var backward = Backward(layers: gradients)
        plan.advance()

        /// A convolution: reads its inputs, its output and that one's gradient, and writes what is defined at this time.
        func convolution(
            _ inputs: [MemoryPlan.Buffer], output: MemoryPlan.Buffer, gradient: MemoryPlan.Buffer
        ) {
            plan.use(inputs + [output, gradient])
            plan.advance()
        }

        let last = depth > 0 ? maps.decoder[0] : maps.encoder[0]
        var slope = plan.define((depth > 0 ? shapes.decoder[0] : shapes.encoder[0]).conv2.count)
        plan.use([last.conv2, gradients.logits])
        plan.advance()
        for level in 0..<depth {
            let own = maps.decoder[level]
            let middle = plan.define(shapes.decoder[level].conv1.count)
            convolution([own.conv1], output: own.conv2, gradient: slope)
            gradients.decoder.append(.init(conv1: middle, conv2: slope))
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
            gradients.encoder.insert(.init(conv1: middle, conv2: slope), at: 0)
            guard level > 0 else {
                convolution([], output: conv1, gradient: middle)
                break
            }
            let pooledGradient = plan.define(shapes.pooled[level - 1].count)
            gradients.pooled.insert(pooledGradient, at: 0)
            convolution([backward.pooled[0]], output: conv1, gradient: middle)
            slope = plan.define(shapes.encoder[level - 1].conv2.count)
            plan.use([maps.encoder[level - 1].conv2, backward.pooled[0], pooledGradient, backward.skips[level - 1]])
            plan.advance()
        }
        backward.layers = gradients
        return backward
    }
}

/// Something for each of a network's maps.
struct Layers<Element> {
    /// Something for each convolution of a block.
    struct Block {
        let conv1: Element
        let conv2: Element
    }

    var encoder: [Block] = []
    var pooled: [Element] = []
    var up: [Element] = []
    var decoder: [Block] = []
    var logits: Element
}

extension UNetArchitecture {
    /// The shapes of all maps, from that of an image.
    fileprivate func mapShapes(input: ImageShape) -> Layers<ImageShape> {
        let shrink = padding == .same ? 0 : 2
        func block(_ height: Int, _ width: Int, _ channels: Int) -> Layers<ImageShape>.Block {
            Layers<ImageShape>.Block(
                conv1: ImageShape(height - shrink, width - shrink, channels),
                conv2: ImageShape(height - 2 * shrink, width - 2 * shrink, channels))
        }
        var layers = Layers<ImageShape>(logits: input)
        var (height, width) = (input.height, input.width)
        for level in 0...depth {
            let channels = channels(atLevel: level)
            layers.encoder.append(block(height, width, channels))
            (height, width) = (layers.encoder[level].conv2.height, layers.encoder[level].conv2.width)
            if level < depth {
                (height, width) = (height / 2, width / 2)
                layers.pooled.append(ImageShape(height, width, channels))
            }
        }
        for level in (0..<depth).reversed() {
            let channels = channels(atLevel: level)
            (height, width) = (2 * height, 2 * width)
            layers.up.insert(ImageShape(height, width, channels), at: 0)
            layers.decoder.insert(block(height, width, channels), at: 0)
            (height, width) = (layers.decoder[0].conv2.height, layers.decoder[0].conv2.width)
        }
        layers.logits = ImageShape(height, width, classes)
        return layers
    }
}
