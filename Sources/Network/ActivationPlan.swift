import Kernels

/// Where each map and gradient of one step on one image lies in a block of memory.
///
/// What is defined and used when follows `UNet.forward` and `UNet.backward`, operation by operation. What is made in a
/// moment is not kept for the backward pass but made again there: the first convolution's map, the largest of all, and
/// what pooling makes. That saves a fifth of the memory of the paper's network for a hundredth of its time. Where the
/// network normalises, the convolutions' own outputs are kept, and what the first normalisation of each block makes of
/// them is made again.
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
        /// Empty where nothing is passed across; what is added has the gradient of what it is added to.
        var skips: [MemoryPlan.Buffer] = []
        /// The blocks' maps as the pass reads them: conv1's is made again in level 0, and where it is normalised.
        var encoder: [Layers<MemoryPlan.Buffer>.Block] = []
        var decoder: [Layers<MemoryPlan.Buffer>.Block] = []
        /// What pooling makes, made again.
        var pooled: [MemoryPlan.Buffer] = []
    }

    init(_ architecture: UNetArchitecture, input: ImageShape, training: Bool) {
        shapes = architecture.mapShapes(input: input)
        maps = Self.forward(shapes, architecture.skip, &places, training: training)
        backward = training ? Self.backward(shapes, architecture.skip, maps, &places) : nil
        count = places.place()
    }

    private static func forward(
        _ shapes: Layers<ImageShape>, _ skip: UNetArchitecture.Skip, _ plan: inout MemoryPlan, training: Bool
    ) -> Layers<MemoryPlan.Buffer> {
        let depth = shapes.up.count
        func block(_ inputs: [MemoryPlan.Buffer], _ shapes: Layers<ImageShape>.Block) -> Layers<MemoryPlan.Buffer>.Block
        {
            let statistics = shapes.normalization.map { plan.define($0.statistics.count) }
            func convolve(
                _ inputs: [MemoryPlan.Buffer], _ shape: ImageShape
            ) -> (convolved: MemoryPlan.Buffer, output: MemoryPlan.Buffer) {
                let convolved = plan.define(shape.count)
                plan.use(inputs)
                plan.advance()
                guard let statistics else { return (convolved, convolved) }
                // Where nothing is trained a map is normalised in its place.
                let output = training ? plan.define(shape.count) : convolved
                plan.use([convolved, statistics])
                plan.advance()
                return (convolved, output)
            }
            let first = convolve(inputs, shapes.conv1)
            let second = convolve([first.output], shapes.conv2)
            return .init(
                conv1: first.output, conv2: second.output,
                normalization: statistics.map {
                    .init(conv1: first.convolved, conv2: second.convolved, statistics: $0)
                })
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
            if skip == .add {
                plan.use([maps.encoder[level].conv2, up])
                plan.advance()
            }
            let inputs = skip == .concatenate ? [maps.encoder[level].conv2, up] : [up]
            maps.decoder.insert(block(inputs, shapes.decoder[level]), at: 0)
        }
        maps.logits = plan.define(shapes.logits.count)
        plan.use(depth > 0 ? maps.decoder[0].conv2 : maps.encoder[0].conv2)
        plan.advance()
        plan.use(maps.logits)
        return maps
    }

    private static func backward(
        _ shapes: Layers<ImageShape>, _ skip: UNetArchitecture.Skip, _ maps: Layers<MemoryPlan.Buffer>,
        _ plan: inout MemoryPlan
    ) -> Backward {
        let depth = shapes.up.count
        // The loss reads the logits and writes their gradient.
        var gradients = Layers(logits: plan.define(shapes.logits.count))
        var backward = Backward(layers: gradients)
        plan.advance()

        /// A convolution: reads its inputs, its output for ReLU unless it is normalised, and that one's gradient, and
        /// writes what is defined at this time.
        func convolution(
            _ inputs: [MemoryPlan.Buffer], output: MemoryPlan.Buffer?, gradient: MemoryPlan.Buffer
        ) {
            plan.use(inputs + [output, gradient].compactMap { $0 })
            plan.advance()
        }

        /// A normalisation: reads its input, and turns the gradient of its output into that of its input, in place.
        func normalization(_ input: MemoryPlan.Buffer, _ statistics: MemoryPlan.Buffer, gradient: MemoryPlan.Buffer) {
            plan.use([input, statistics, gradient])
            plan.advance()
        }

        /// A block's second half: conv1's map again where it is normalised, and conv2. Gives the maps as they were read,
        /// and the gradient of conv1's map.
        func secondHalf(
            _ own: Layers<MemoryPlan.Buffer>.Block, _ shapes: Layers<ImageShape>.Block, gradient: MemoryPlan.Buffer
        ) -> (maps: Layers<MemoryPlan.Buffer>.Block, middle: MemoryPlan.Buffer) {
            guard let kept = own.normalization else {
                let middle = plan.define(shapes.conv1.count)
                convolution([own.conv1], output: own.conv2, gradient: gradient)
                return (own, middle)
            }
            let again = plan.define(shapes.conv1.count)
            plan.use([kept.conv1, kept.statistics])
            plan.advance()
            normalization(kept.conv2, kept.statistics, gradient: gradient)
            let middle = plan.define(shapes.conv1.count)
            convolution([again], output: nil, gradient: gradient)
            normalization(kept.conv1, kept.statistics, gradient: middle)
            return (.init(conv1: again, conv2: own.conv2, normalization: kept), middle)
        }

        let last = depth > 0 ? maps.decoder[0] : maps.encoder[0]
        var slope = plan.define((depth > 0 ? shapes.decoder[0] : shapes.encoder[0]).conv2.count)
        plan.use([last.conv2, gradients.logits])
        plan.advance()
        for level in 0..<depth {
            let (own, middle) = secondHalf(maps.decoder[level], shapes.decoder[level], gradient: slope)
            backward.decoder.append(own)
            gradients.decoder.append(.init(conv1: middle, conv2: slope))
            if skip == .concatenate { backward.skips.append(plan.define(shapes.up[level].count)) }
            gradients.up.append(plan.define(shapes.up[level].count))
            if skip == .add { backward.skips.append(gradients.up[level]) }
            convolution(
                skip == .concatenate ? [maps.encoder[level].conv2, maps.up[level]] : [maps.up[level]],
                output: own.normalization == nil ? own.conv1 : nil,
                gradient: middle)
            let isBottom = level + 1 == depth
            slope = plan.define((isBottom ? shapes.encoder[depth] : shapes.decoder[level + 1]).conv2.count)
            plan.use(isBottom ? maps.encoder[depth].conv2 : maps.decoder[level + 1].conv2)
            plan.use(gradients.up[level])
            plan.advance()
        }
        for level in (0...depth).reversed() {
            var own = maps.encoder[level]
            if level > 0 {
                backward.pooled.insert(plan.define(shapes.pooled[level - 1].count), at: 0)
                plan.use(maps.encoder[level - 1].conv2)
            } else {
                let conv1 = plan.define(shapes.encoder[0].conv1.count)
                own = .init(
                    conv1: conv1, conv2: own.conv2,
                    normalization: own.normalization.map {
                        .init(conv1: conv1, conv2: $0.conv2, statistics: $0.statistics)
                    })
            }
            plan.advance()
            let middle: MemoryPlan.Buffer
            (own, middle) = secondHalf(own, shapes.encoder[level], gradient: slope)
            backward.encoder.insert(own, at: 0)
            let output = own.normalization == nil ? own.conv1 : nil
            gradients.encoder.insert(.init(conv1: middle, conv2: slope), at: 0)
            guard level > 0 else {
                convolution([], output: output, gradient: middle)
                break
            }
            let pooledGradient = plan.define(shapes.pooled[level - 1].count)
            gradients.pooled.insert(pooledGradient, at: 0)
            convolution([backward.pooled[0]], output: output, gradient: middle)
            slope = plan.define(shapes.encoder[level - 1].conv2.count)
            plan.use([maps.encoder[level - 1].conv2, backward.pooled[0], pooledGradient])
            if skip != .none { plan.use(backward.skips[level - 1]) }
            plan.advance()
        }
        backward.layers = gradients
        return backward
    }
}

/// Something for each of a network's maps.
struct Layers<Element> {
    /// Something for each convolution of a block, with all that follows it.
    struct Block {
        let conv1: Element
        let conv2: Element
        var normalization: Normalization?
    }

    /// Something for what normalisation reads and leaves: the convolutions' own outputs, and the statistics of both.
    struct Normalization {
        let conv1: Element
        let conv2: Element
        let statistics: Element
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
            let conv1 = ImageShape(height - shrink, width - shrink, channels)
            let conv2 = ImageShape(height - 2 * shrink, width - 2 * shrink, channels)
            let statistics = ImageShape(1, 2, GroupNormalization.statisticsCount)
            return Layers<ImageShape>.Block(
                conv1: conv1, conv2: conv2,
                normalization: normalization == .none
                    ? nil : .init(conv1: conv1, conv2: conv2, statistics: statistics))
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
