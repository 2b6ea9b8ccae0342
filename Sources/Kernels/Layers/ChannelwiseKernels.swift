/// Loops over an activation whose arithmetic differs from channel to channel, sixteen values at a time whatever the
/// number of channels: an activation is one run of values in which the channels come again and again, and after a
/// `period` of them the sixteen lanes of a vector stand for the same channels as before.
struct ChannelwiseKernels {
    let channels: Int
    /// A multiple of the channels and of sixteen.
    let period: Int
    /// Pixels of a block, and of the activation.
    private let blockPixels: Int
    private let pixels: Int
    private let base: UnsafeMutablePointer<Float>

    /// Loops over a contiguous activation.
    init(_ input: TensorView) {
        channels = input.channels
        pixels = input.shape.pixels
        base = input.base
        var length = channels
        while length % 16 != 0 { length *= 2 }
        // Loops over less than some vectors are mostly loop.
        period = length * max(1, 64 / length)
        // What a pass reads of a block stays in the second-level cache; whole vectors, but for the last block.
        blockPixels = max(64, 8192 / channels / 16 * 16)
    }

    /// Blocks of the activation: a function of its size alone.
    var blocks: Int { (pixels + blockPixels - 1) / blockPixels }

    /// The values of a block.
    func range(_ block: Int) -> Range<Int> {
        block * blockPixels * channels..<min((block + 1) * blockPixels, pixels) * channels
    }

    /// Continues a value for each channel over the period.
    func repeatChannels(_ values: UnsafeMutablePointer<Float>) {
        for i in channels..<max(channels, period) { values[i] = values[i &- channels] }
    }

    /// Two sums for each channel over all pixels, those of the blocks added in order.
    ///
    /// - Parameter body: adds a block's values to sums that begin at 0.
    func sums(
        team: ThreadTeam,
        _ body: (
            _ values: UnsafePointer<Float>, _ count: Int, _ kernels: ChannelwiseKernels,
            _ sums: UnsafeMutablePointer<Double>
        ) -> Void
    ) -> AlignedBuffer<Double> {
        let count = 2 * channels
        let sums = AlignedBuffer<Double>(blocks * count)
        let first = sums.base
        team.forEach(blocks) { _, block in
            let range = range(block)
            body(base + range.lowerBound, range.count, self, first + block * count)
        }
        for block in 1..<max(blocks, 1) {
            let own = first + block * count
            for i in 0..<count { first[i] += own[i] }
        }
        return sums
    }

    /// Normalises a value, x̂ = factor·x + term, then scales and shifts it, y = weight·x̂ + bias: a period of each.
    struct Coefficients {
        let factor: UnsafePointer<Float>
        let term: UnsafePointer<Float>
        let weight: UnsafePointer<Float>
        let bias: UnsafePointer<Float>
    }

    /// The gradient by x is gradient·g + value·x̂ + term: a period of each.
    struct GradientCoefficients {
        let gradient: UnsafePointer<Float>
        let term: UnsafePointer<Float>
        let value: UnsafePointer<Float>
    }

    /// Adds Σ x and Σ x² of each channel.
    func addMoments(_ values: UnsafePointer<Float>, count: Int, to sums: UnsafeMutablePointer<Double>) {
        var first = 0
        while first < period && first &+ 16 <= count {
            var (low, high) = (SIMD8<Double>.zero, SIMD8<Double>.zero)
            var (lowSquare, highSquare) = (SIMD8<Double>.zero, SIMD8<Double>.zero)
            var i = first
            while i &+ 16 <= count {
                let a = SIMD8<Double>(Self.eight(values + i))
                let b = SIMD8<Double>(Self.eight(values + (i &+ 8)))
                low += a
                high += b
                lowSquare.addProduct(a, a)
                highSquare.addProduct(b, b)
                i &+= period
            }
            add(SIMD16(lowHalf: low, highHalf: high), lane: first, to: sums)
            add(SIMD16(lowHalf: lowSquare, highHalf: highSquare), lane: first, to: sums + channels)
            first &+= 16
        }
        for i in count / 16 * 16..<count {
            let x = Double(values[i])
            sums[i % channels] += x
            sums[channels + i % channels] += x * x
        }
    }

    /// Adds Σ g and Σ g·x̂ of each channel, g being the gradient by y before the activation function.
    func addGradients(
        _ values: UnsafePointer<Float>, _ gradients: UnsafePointer<Float>, _ by: Coefficients,
        _ activation: Activation, count: Int, to sums: UnsafeMutablePointer<Double>
    ) {
        var first = 0
        while first < period && first &+ 16 <= count {
            let (factor, term) = (load(by.factor + first), load(by.term + first))
            let (weight, bias) = (load(by.weight + first), load(by.bias + first))
            // At most 128 terms of a block each: what they lose is no more than what a term has lost before.
            var (sum, product) = (Vector.zero, Vector.zero)
            var i = first
            while i &+ 16 <= count {
                let normal = term.addingProduct(load(values + i), factor)
                let y = bias.addingProduct(normal, weight)
                let g = activation.gradient(load(gradients + i), output: activation.applied(to: y))
                sum += g
                product.addProduct(g, normal)
                i &+= period
            }
            add(sum, lane: first, to: sums)
            add(product, lane: first, to: sums + channels)
            first &+= 16
        }
        for i in count / 16 * 16..<count {
            let lane = i % period
            let normal = by.term[lane].addingProduct(values[i], by.factor[lane])
            let y = by.bias[lane].addingProduct(normal, by.weight[lane])
            let g = Double(activation.gradient(gradients[i], output: activation.applied(to: y)))
            sums[i % channels] += g
            sums[channels + i % channels] += g * Double(normal)
        }
    }

    /// Writes y with its activation function.
    func normalize(
        _ values: UnsafePointer<Float>, _ by: Coefficients, _ activation: Activation, count: Int,
        to output: UnsafeMutablePointer<Float>
    ) {
        var start = 0
        while start < count {
            let (input, target) = (values + start, output + start)
            let end = min(period, count &- start)
            var i = 0
            while i &+ 16 <= end {
                let normal = load(by.term + i).addingProduct(load(input + i), load(by.factor + i))
                let y = load(by.bias + i).addingProduct(normal, load(by.weight + i))
                store(target + i, activation.applied(to: y))
                i &+= 16
            }
            while i < end {
                let normal = by.term[i].addingProduct(input[i], by.factor[i])
                let y = by.bias[i].addingProduct(normal, by.weight[i])
                target[i] = activation.applied(to: y)
                i &+= 1
            }
            start &+= period
        }
    }

    /// Turns the gradients by y with its activation function into those by x, in place.
    func backward(
        _ values: UnsafePointer<Float>, _ by: Coefficients, _ back: GradientCoefficients, _ activation: Activation,
        count: Int, _ gradients: UnsafeMutablePointer<Float>
    ) {
        var start = 0
        while start < count {
            let (input, target) = (values + start, gradients + start)
            let end = min(period, count &- start)
            var i = 0
            while i &+ 16 <= end {
                let normal = load(by.term + i).addingProduct(load(input + i), load(by.factor + i))
                let y = load(by.bias + i).addingProduct(normal, load(by.weight + i))
                let g = activation.gradient(load(target + i), output: activation.applied(to: y))
                let shifted = load(back.term + i).addingProduct(normal, load(back.value + i))
                store(target + i, shifted.addingProduct(g, load(back.gradient + i)))
                i &+= 16
            }
            while i < end {
                let normal = by.term[i].addingProduct(input[i], by.factor[i])
                let y = by.bias[i].addingProduct(normal, by.weight[i])
                let g = activation.gradient(target[i], output: activation.applied(to: y))
                target[i] = back.term[i].addingProduct(normal, back.value[i]).addingProduct(g, back.gradient[i])
                i &+= 1
            }
            start &+= period
        }
    }

    @inline(__always)
    private static func eight(_ p: UnsafePointer<Float>) -> SIMD8<Float> {
        UnsafeRawPointer(p).loadUnaligned(as: SIMD8<Float>.self)
    }

    /// Adds sixteen lanes, the first of which is value `lane` of the period, to their channels.
    @inline(__always)
    private func add<Value: BinaryFloatingPoint & SIMDScalar>(
        _ lanes: SIMD16<Value>, lane: Int, to sums: UnsafeMutablePointer<Double>
    ) {
        withUnsafePointer(to: lanes) { lanes in
            lanes.withMemoryRebound(to: Value.self, capacity: 16) { addLanes($0, lane: lane, to: sums) }
        }
    }

    /// Through memory: a vector whose lanes are asked for one by one would be kept in sixteen registers in the loop before.
    @inline(never)
    private func addLanes<Value: BinaryFloatingPoint>(
        _ lanes: UnsafePointer<Value>, lane: Int, to sums: UnsafeMutablePointer<Double>
    ) {
        var c = lane % channels
        for i in 0..<16 {
            sums[c] += Double(lanes[i])
            c = c + 1 == channels ? 0 : c + 1
        }
    }
}
