/// The backward pass of a 1×1 convolution with few outputs, such as a network's head: input and its gradient pass by once,
/// with the weights and the sums for their gradient in registers.
///
/// Sums are taken along a row of pixels, over the rows of a band, and over the bands; threads share out the bands.
struct PointwiseGradients {
    /// Outputs up to which a layer is computed this way.
    static let mostOutputs = 4

    private static let lanes = Lanes.scalarCount
    /// Bands of rows, each with sums of its own.
    private static let mostBands = 128

    let input: TensorView
    let outputGradient: TensorView
    let inputGradient: TensorView

    private var outputs: Int { outputGradient.channels }
    /// Channels of the input in whole registers.
    private var row: Int { (input.channels + Self.lanes - 1) / Self.lanes * Self.lanes }

    /// - Parameters:
    ///   - weights: `[in][out]`.
    ///   - gradient: the one by the weights, overwritten.
    func run(
        weights: UnsafePointer<Float>, into gradient: UnsafeMutablePointer<Float>, workspace: Workspace,
        team: ThreadTeam
    ) {
        let (row, channels, outputs) = (row, input.channels, outputs)
        let count = outputs * row
        let bands = min(input.height, Self.mostBands)
        workspace.lend((1 + bands) * count + team.threads * Self.lanes) { base in
            base.update(repeating: 0, count: (1 + bands) * count)
            for i in 0..<channels {
                for c in 0..<outputs { base[c * row + i] = weights[i * outputs + c] }
            }
            let sums = base + count
            team.forEach(bands, moving: 4 * (2 * input.shape.count + outputGradient.shape.count)) { lane, band in
                for y in input.height * band / bands..<input.height * (band + 1) / bands {
                    for first in stride(from: 0, to: row, by: Self.lanes) {
                        let panel = Panel(
                            input: UnsafePointer(input.row(y) + first), gradient: UnsafePointer(outputGradient.row(y)),
                            inputGradient: inputGradient.row(y) + first, weights: UnsafePointer(base + first),
                            sums: sums + (band * count + first), row: row, pixel: channels, outputs: outputs,
                            width: input.width, channels: min(Self.lanes, channels - first),
                            scratch: sums + (bands * count + lane * Self.lanes))
                        panel.run()
                    }
                }
            }
            for band in 1..<max(bands, 1) {
                for i in 0..<count { sums[i] += sums[band * count + i] }
            }
            for i in 0..<channels {
                for c in 0..<outputs { gradient[i * outputs + c] = sums[c * row + i] }
            }
        }
    }

    /// One register of channels along a row of pixels.
    private struct Panel {
        let input: UnsafePointer<Float>
        let gradient: UnsafePointer<Float>
        let inputGradient: UnsafeMutablePointer<Float>
        /// A register for each output, `row` floats apart, as `sums`, which are added to.
        let weights: UnsafePointer<Float>
        let sums: UnsafeMutablePointer<Float>
        let row: Int
        /// Floats from pixel to pixel of the input.
        let pixel: Int
        let outputs: Int
        let width: Int
        /// Channels of the register that the input has.
        let channels: Int
        let scratch: UnsafeMutablePointer<Float>

        @inline(never)
        func run() {
            switch outputs {
            case 1: run(InlineArray<1, Lanes>(repeating: .zero))
            case 2: run(InlineArray<2, Lanes>(repeating: .zero))
            case 3: run(InlineArray<3, Lanes>(repeating: .zero))
            default: run(InlineArray<4, Lanes>(repeating: .zero))
            }
        }

        @inline(__always)
        private func run<let count: Int>(_ zero: InlineArray<count, Lanes>) {
            var (factors, totals) = (zero, zero)
            for c in 0..<count { factors[unchecked: c] = get(weights + c &* row) }
            var (x, g, target) = (input, gradient, inputGradient)
            var left = width
            while left > 0 {
                let value = get(x)
                var result = Lanes.zero
                var c = 0
                while c < count {
                    let own = Lanes(repeating: g[c])
                    totals[unchecked: c] = totals[unchecked: c].addingProduct(own, value)
                    result = result.addingProduct(own, factors[unchecked: c])
                    c &+= 1
                }
                if channels == lanes {
                    put(result, target)
                } else {
                    put(result, scratch)
                    target.update(from: scratch, count: channels)
                }
                x += pixel
                g += count
                target += pixel
                left &-= 1
            }
            for c in 0..<count { put(get(sums + c &* row) + totals[unchecked: c], sums + c &* row) }
        }
    }
}

@inline(__always)
private func get(_ p: UnsafePointer<Float>) -> Lanes { UnsafeRawPointer(p).loadUnaligned(as: Lanes.self) }

@inline(__always)
private func put(_ v: Lanes, _ p: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(p).storeBytes(of: v, as: Lanes.self)
}
