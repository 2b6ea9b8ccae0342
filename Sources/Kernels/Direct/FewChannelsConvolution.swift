/// 3×3 convolutions of one activation of few channels, such as an image: memory is what they wait for, so that input, sums
/// and weights' gradient stay in registers and the output is passed once.
///
/// An output is one chain of fused multiply-adds that begins with the bias, over the rows of its patch and then along
/// each. Threads share out rows of pixels forward, and bands of them backward.
struct FewChannelsConvolution {
    /// Channels up to which a layer is computed this way: with more Winograd's transforms pay.
    static let mostChannels = 7

    private static let lanes = Lanes.scalarCount
    /// Bands of rows, each with sums of its own for the gradients.
    private static let mostBands = 128
    /// Pixels that are computed together: sums enough to hide a multiply-add's latency.
    private static let abreast = 8

    let input: TensorView
    let padding: Int
    /// Channels of the output, and in whole registers.
    let outputs: Int
    private let row: Int
    /// Pixels of an output row.
    private let width: Int

    init(_ input: TensorView, padding: Int, output: TensorView) {
        self.input = input
        self.padding = padding
        outputs = output.channels
        width = output.width
        row = (outputs + Self.lanes - 1) / Self.lanes * Self.lanes
    }

    /// Floats of a patch's row.
    private var taps: Int { 3 * input.channels }
    /// Floats of a padded input row.
    private var paddedRow: Int { (input.width + 2 * padding) * input.channels }
    /// Scratch memory of a thread: three padded rows, and a group of pixels on its way to a last register's channels.
    private var laneCount: Int { 3 * paddedRow + Self.abreast * Self.lanes }

    /// Rows of pixels that are taken together.
    private static let rowsOfPart = 4

    /// Convolution, bias and activation function; `moments` are those of the output.
    func forward(
        _ parameters: LayerParameters, activation: Activation, output: TensorView, moments: ChannelSums?,
        workspace: Workspace, team: ThreadTeam
    ) {
        let patch = 3 * taps
        let parts = (output.height + Self.rowsOfPart - 1) / Self.rowsOfPart
        moments?.begin(channels: outputs, parts: parts)
        workspace.lend((patch + 1) * row + team.threads * laneCount) { base in
            // Whole registers of weights and biases; what is beyond the channels is never stored.
            base.update(repeating: 0, count: (patch + 1) * row)
            for k in 0..<patch { (base + k * row).update(from: parameters.weights + k * outputs, count: outputs) }
            (base + patch * row).update(from: parameters.bias, count: outputs)
            let packed = UnsafePointer(base)
            team.forEach(parts, moving: 4 * (input.shape.count + output.shape.count)) { lane, part in
                let scratch = base + ((patch + 1) * row + lane * laneCount)
                for y in part * Self.rowsOfPart..<min((part + 1) * Self.rowsOfPart, output.height) {
                    writeRow(y, packed, activation: activation, output: output, scratch)
                    moments?.addMoments(
                        PixelRows(base: output.row(y), rowStride: output.rowStride, rows: 1, count: width * outputs),
                        to: part)
                }
            }
        }
    }

    /// One row of the output.
    private func writeRow(
        _ y: Int, _ packed: UnsafePointer<Float>, activation: Activation, output: TensorView,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        let rows = rows(y, scratch)
        for first in stride(from: 0, to: row, by: Self.lanes) {
            let panel = Panel(
                rows: rows, weights: packed + first, weightRow: row, bias: packed + (3 * taps * row + first),
                output: output.row(y) + first, pixel: outputs, width: width,
                channels: min(Self.lanes, outputs - first), scratch: scratch + 3 * paddedRow)
            // Known to the compiler the commonest distances cost no register each.
            switch (input.channels, activation) {
            case (1, .relu): panel.run(step: 1, activation: .relu)
            case (1, .identity): panel.run(step: 1, activation: .identity)
            case (3, .relu): panel.run(step: 3, activation: .relu)
            case (3, .identity): panel.run(step: 3, activation: .identity)
            default: panel.runAny(step: input.channels, activation: activation)
            }
        }
    }

    /// The three input rows that an output row reads, with their padding.
    private func rows(_ y: Int, _ scratch: UnsafeMutablePointer<Float>) -> Rows {
        guard padding > 0 else {
            return (UnsafePointer(input.row(y)), UnsafePointer(input.row(y + 1)), UnsafePointer(input.row(y + 2)))
        }
        let margin = padding * input.channels
        for ky in 0..<3 {
            let target = scratch + ky * paddedRow
            let source = y + ky - padding
            if source >= 0 && source < input.height {
                target.update(repeating: 0, count: margin)
                (target + margin).update(from: input.row(source), count: paddedRow - 2 * margin)
                (target + (paddedRow - margin)).update(repeating: 0, count: margin)
            } else {
                target.update(repeating: 0, count: paddedRow)
            }
        }
        return (
            UnsafePointer(scratch), UnsafePointer(scratch + paddedRow), UnsafePointer(scratch + 2 * paddedRow)
        )
    }

    fileprivate typealias Rows = (UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>)

    /// One register of an output row's channels.
    private struct Panel {
        let rows: Rows
        /// `[3][3][in]` registers, `weightRow` floats apart.
        let weights: UnsafePointer<Float>
        let weightRow: Int
        let bias: UnsafePointer<Float>
        let output: UnsafeMutablePointer<Float>
        /// Floats from pixel to pixel of the output.
        let pixel: Int
        let width: Int
        /// Channels of the register that the output has.
        let channels: Int
        let scratch: UnsafeMutablePointer<Float>

        @inline(never)
        func runAny(step: Int, activation: Activation) { run(step: step, activation: activation) }

        /// - Parameter step: the input's channels.
        @inline(__always)
        func run(step: Int, activation: Activation) {
            let bias = get(bias)
            guard width >= abreast else {
                for x in 0..<width {
                    pixels(InlineArray<1, Lanes>(repeating: bias), x, step: step, activation: activation)
                }
                return
            }
            let eight = InlineArray<8, Lanes>(repeating: bias)
            var x = 0
            while x &+ abreast <= width {
                pixels(eight, x, step: step, activation: activation)
                x &+= abreast
            }
            // The last group begins where it ends with the row, and computes some pixels once more.
            if x < width { pixels(eight, width &- abreast, step: step, activation: activation) }
        }

        @inline(__always)
        private func pixels<let count: Int>(
            _ start: InlineArray<count, Lanes>, _ x: Int, step: Int, activation: Activation
        ) {
            var sums = start
            var w = weights
            let first = x &* step
            add(rows.0 + first, &w, step, to: &sums)
            add(rows.1 + first, &w, step, to: &sums)
            add(rows.2 + first, &w, step, to: &sums)
            let target = output + x &* pixel
            if channels == lanes {
                var r = 0
                while r < count {
                    put(activation.applied(to: sums[unchecked: r]), target + r &* pixel)
                    r &+= 1
                }
            } else {
                var r = 0
                while r < count {
                    put(activation.applied(to: sums[unchecked: r]), scratch + r &* lanes)
                    r &+= 1
                }
                for r in 0..<count { (target + r &* pixel).update(from: scratch + r &* lanes, count: channels) }
            }
        }

        /// Adds one row of each pixel's patch.
        @inline(__always)
        private func add<let count: Int>(
            _ row: UnsafePointer<Float>, _ weights: inout UnsafePointer<Float>, _ step: Int,
            to sums: inout InlineArray<count, Lanes>
        ) {
            var a = row
            var n = 3 &* step
            while n > 0 {
                let w = get(weights)
                var r = 0
                while r < count {
                    sums[unchecked: r].addProduct(Lanes(repeating: a[r &* step]), w)
                    r &+= 1
                }
                a += 1
                weights += weightRow
                n &-= 1
            }
        }
    }
}

// MARK: Backward

extension FewChannelsConvolution {
    /// The gradients by the parameters. Sums are taken along a row of pixels, over the rows of a band, and over the bands, so
    /// that rounding grows with the sides and not with the area.
    ///
    /// - Parameter output: nil where the activation function's gradient does not need it.
    func gradients(
        activation: Activation, output: TensorView?, outputGradient: TensorView,
        normalization: NormalizedGradient?, into gradients: LayerGradients, workspace: Workspace, team: ThreadTeam
    ) {
        let rowCount = normalization == nil ? 0 : width * outputs + 16
        let laneCount = laneCount + rowCount
        // Nine taps and the bias for each channel of the input: its bias register counts of the first alone.
        let bandCount = 10 * input.channels * row
        let bands = min(outputGradient.height, Self.mostBands)
        workspace.lend(bands * bandCount + team.threads * laneCount) { base in
            let passes = 1 + (output == nil ? 0 : 1) + (normalization == nil ? 0 : 1)
            team.forEach(bands, moving: 4 * (input.shape.count + passes * outputGradient.shape.count)) { lane, band in
                let sums = base + band * bandCount
                sums.update(repeating: 0, count: bandCount)
                let scratch = base + (bands * bandCount + lane * laneCount)
                let height = outputGradient.height
                for y in height * band / bands..<height * (band + 1) / bands {
                    let rows = rows(y, scratch)
                    let rectangle = PixelRectangle(rows: y..<y + 1, columns: 0..<width)
                    let gradient =
                        normalization?.read(outputGradient, rectangle, into: scratch + (laneCount - rowCount))
                        ?? outputGradient
                    for channel in 0..<input.channels {
                        let at = 3 * channel
                        for first in stride(from: 0, to: row, by: Self.lanes) {
                            let panel = GradientPanel(
                                rows: (rows.0 + at, rows.1 + at, rows.2 + at), step: input.channels,
                                gradient: UnsafePointer(gradient.row(y) + first), pixel: outputs, width: width,
                                sums: sums + (10 * channel * row + first), row: row)
                            if activation == .relu, let output {
                                panel.run(output: UnsafePointer(output.row(y) + first))
                            } else {
                                panel.run()
                            }
                        }
                    }
                }
            }
            for band in 1..<max(bands, 1) {
                for i in 0..<bandCount { base[i] += base[band * bandCount + i] }
            }
            for ky in 0..<3 {
                for tap in 0..<taps {
                    (gradients.weights + (ky * taps + tap) * outputs).update(
                        from: base + (tap / 3 * 10 + 3 * ky + tap % 3) * row, count: outputs)
                }
            }
            gradients.bias.update(from: base + 9 * row, count: outputs)
        }
    }

    /// One register of channels along a row of gradients, and three neighbouring floats of each row of its patches.
    private struct GradientPanel {
        /// The first pixel's three floats of each row.
        let rows: Rows
        /// The input's channels.
        let step: Int
        let gradient: UnsafePointer<Float>
        /// Floats from pixel to pixel of the gradient.
        let pixel: Int
        let width: Int
        /// Registers that the sums are added to, `row` floats apart: nine by the weights, and the bias.
        let sums: UnsafeMutablePointer<Float>
        let row: Int

        @inline(never)
        func run(output: UnsafePointer<Float>) {
            var y = output
            run { g in
                let value = Activation.relu.gradient(g, output: get(y))
                y += pixel
                return value
            }
        }

        @inline(never)
        func run() { run { $0 } }

        @inline(__always)
        private func run(_ beforeActivation: (Lanes) -> Lanes) {
            var total = InlineArray<10, Lanes>(repeating: .zero)
            var (a, b, c) = rows
            var pointer = gradient
            var n = width
            while n > 0 {
                let g = beforeActivation(get(pointer))
                add(a, g, 0, &total)
                add(b, g, 3, &total)
                add(c, g, 6, &total)
                total[unchecked: 9] += g
                a += step
                b += step
                c += step
                pointer += pixel
                n &-= 1
            }
            for i in 0..<10 {
                let target = sums + i &* row
                put(get(target) + total[unchecked: i], target)
            }
        }

        @inline(__always)
        private func add(
            _ taps: UnsafePointer<Float>, _ g: Lanes, _ first: Int, _ total: inout InlineArray<10, Lanes>
        ) {
            total[unchecked: first].addProduct(Lanes(repeating: taps[0]), g)
            total[unchecked: first &+ 1].addProduct(Lanes(repeating: taps[1]), g)
            total[unchecked: first &+ 2].addProduct(Lanes(repeating: taps[2]), g)
        }
    }
}

@inline(__always)
private func get(_ p: UnsafePointer<Float>) -> Lanes { UnsafeRawPointer(p).loadUnaligned(as: Lanes.self) }

@inline(__always)
private func put(_ v: Lanes, _ p: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(p).storeBytes(of: v, as: Lanes.self)
}
