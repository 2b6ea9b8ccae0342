/// A layer's output cut into tiles, and how a tile's pixels go into the Winograd domain and come back.
struct WinogradTiles<Points: WinogradPoints> {
    var inputs: [TensorView]
    let padding: Int
    /// Channels of all inputs, and of the output.
    let inputChannels: Int
    let outputChannels: Int
    let height: Int
    let width: Int

    init(_ inputs: [TensorView], padding: Int, output: TensorView) {
        self.inputs = inputs
        self.padding = padding
        inputChannels = inputs.reduce(0) { $0 + $1.channels }
        outputChannels = output.channels
        height = output.height
        width = output.width
    }

    var size: WinogradSize { Points.size }
    var across: Int { (width + size.outputs - 1) / size.outputs }
    var down: Int { (height + size.outputs - 1) / size.outputs }
    var count: Int { across * down }

    /// Panels of 16 channels.
    var inputPanels: Int { (inputChannels + MicroKernel.columns - 1) / MicroKernel.columns }
    var outputPanels: Int { (outputChannels + MicroKernel.columns - 1) / MicroKernel.columns }

    /// Floats of a tile's row of input channels: whole panels, and room for the last register of the last input.
    var inputRow: Int {
        let last = inputs[inputs.count - 1].channels
        return Self.row(max(inputChannels, inputChannels - last + (last + 15) / 16 * 16))
    }
    /// Floats of a tile's row of output channels.
    var outputRow: Int { Self.row(outputChannels) }

    /// Whole panels, and a cache line more where rows would lie a multiple of 1 KiB apart, and so fall into few sets of
    /// the caches.
    static func row(_ channels: Int) -> Int {
        let row = (channels + 15) / 16 * 16
        return row % 256 == 0 ? row + 16 : row
    }

    /// Floats of scratch memory that a thread needs.
    var scratch: Int {
        // At the edge: a whole tile, or gradients and outputs, and a row of biases.
        let pixels = max(size.positions, 2 * size.outputs * size.outputs) + 1
        return transformScratch + pixels * max(inputRow, outputRow)
    }
    /// Those of them that a transform needs.
    private var transformScratch: Int { size.positions * Lanes.scalarCount }

    /// The rows of pixels that some tiles' input is read from, or their input gradient goes to. Tiles of one row, or of whole
    /// rows.
    func inputRows(of block: Range<Int>, in views: [TensorView]) -> [PixelRows] {
        views.compactMap { pixelRows(of: block, in: $0, offset: -padding, overlap: 2) }
    }

    /// The rows of pixels of some tiles' output, or of its gradient.
    func outputRows(of block: Range<Int>, in views: [TensorView]) -> [PixelRows] {
        views.compactMap { pixelRows(of: block, in: $0, offset: 0, overlap: 0) }
    }

    private func pixelRows(of block: Range<Int>, in view: TensorView, offset: Int, overlap: Int) -> PixelRows? {
        guard let rectangle = rectangle(of: block, in: view.shape, offset: offset, overlap: overlap) else { return nil }
        return PixelRows(
            base: view.row(rectangle.rows.lowerBound) + rectangle.columns.lowerBound * view.channels,
            rowStride: view.rowStride, rows: rectangle.rows.count, count: rectangle.columns.count * view.channels)
    }

    func rectangle(of block: Range<Int>, in shape: ImageShape, offset: Int, overlap: Int) -> PixelRectangle? {
        guard let last = block.last else { return nil }
        let (first, end) = (corner(block.lowerBound), corner(last))
        let top = max(first.y + offset, 0)
        let bottom = min(end.y + size.outputs + overlap + offset, shape.height)
        let left = end.y > first.y ? 0 : max(first.x + offset, 0)
        let right = end.y > first.y ? shape.width : min(end.x + size.outputs + overlap + offset, shape.width)
        guard top < bottom, left < right else { return nil }
        return PixelRectangle(rows: top..<bottom, columns: left..<right)
    }

    /// Row and column of a tile's first output pixel.
    private func corner(_ tile: Int) -> (y: Int, x: Int) {
        (tile / across &* size.outputs, tile % across &* size.outputs)
    }

    /// Transforms the input of one tile into row `index` of `v`.
    func transformInput(_ tile: Int, to v: WinogradMatrices, index: Int, scratch: UnsafeMutablePointer<Float>) {
        let corner = corner(tile)
        let y = corner.y - padding
        let x = corner.x - padding
        var target = v.base + index * v.row
        for input in inputs {
            let n = input.channels
            if y >= 0 && x >= 0 && y + size.side <= input.height && x + size.side <= input.width {
                WinogradTransforms<Points>.input(
                    input.row(y) + x * n, pixel: n, row: input.rowStride, channels: n, to: target,
                    position: v.position, scratch: scratch)
            } else {
                // At the edge: a copy with zeros for what the input does not have.
                let patch = scratch + transformScratch
                Self.copy(input, y: y, x: x, side: size.side, to: patch)
                WinogradTransforms<Points>.input(
                    patch, pixel: n, row: size.side * n, channels: n, to: target, position: v.position, scratch: scratch
                )
            }
            target += n
        }
    }

    /// Transforms a tile's gradient before the activation function into row `index` of `m`, and their sum into that of
    /// `sums`; `output` is nil where the activation function does not need it.
    func transformGradient(
        _ tile: Int, gradient: TensorView, activation: Activation, output: TensorView?, to m: WinogradMatrices,
        sums: UnsafeMutablePointer<Float>, index: Int, scratch: UnsafeMutablePointer<Float>
    ) {
        let (y, x) = corner(tile)
        let n = outputChannels
        let side = size.outputs
        let target = m.base + index * m.row
        let sums = sums + index * m.row
        if y + side <= height && x + side <= width {
            WinogradTransforms<Points>.outputGradient(
                gradient.row(y) + x * n, row: gradient.rowStride, activation: activation,
                values: output.map { $0.row(y) + x * n }, row: output?.rowStride ?? 0, pixel: n, channels: n,
                to: target, position: m.position, sums: sums, scratch: scratch)
        } else {
            let gradients = scratch + transformScratch
            let values = gradients + side * side * n
            Self.copy(gradient, y: y, x: x, side: side, to: gradients)
            if let output { Self.copy(output, y: y, x: x, side: side, to: values) }
            WinogradTransforms<Points>.outputGradient(
                gradients, row: side * n, activation: activation, values: output.map { _ in UnsafePointer(values) },
                row: side * n, pixel: n, channels: n, to: target, position: m.position, sums: sums, scratch: scratch)
        }
    }

    /// Copies side×side pixels, zeros where they lie beyond the view.
    private static func copy(_ view: TensorView, y: Int, x: Int, side: Int, to patch: UnsafeMutablePointer<Float>) {
        let n = view.channels
        patch.update(repeating: 0, count: side * side * n + 16)
        let left = max(x, 0)
        let right = min(x + side, view.width)
        guard left < right else { return }
        for row in max(y, 0)..<max(max(y, 0), min(y + side, view.height)) {
            (patch + ((row - y) * side + left - x) * n).update(
                from: view.row(row) + left * n, count: (right - left) * n)
        }
    }

    /// Transforms row `index` of `m`, which holds some of the output's channels, back into a tile of the output, with
    /// bias and activation function.
    func writeOutput(
        _ tile: Int, channels: Range<Int>, from m: WinogradMatrices, index: Int, bias: UnsafePointer<Float>,
        activation: Activation, output: TensorView, scratch: UnsafeMutablePointer<Float>
    ) {
        let (y, x) = corner(tile)
        let n = outputChannels
        let source = m.base + index * m.row
        let side = size.outputs
        let target = output.row(y) + (x * n + channels.lowerBound)
        if y + side <= height && x + side <= width && channels.count % Lanes.scalarCount == 0 {
            WinogradTransforms<Points>.output(
                source, position: m.position, channels: channels.count, bias: bias + channels.lowerBound,
                activation: activation, to: target, pixel: n, row: output.rowStride, scratch: scratch)
        } else {
            let dense = scratch + transformScratch
            let pixel = m.row
            // A register of biases may reach beyond the last: a copy can be read that far.
            let biases = dense + side * side * pixel
            biases.update(from: bias + channels.lowerBound, count: channels.count)
            WinogradTransforms<Points>.output(
                source, position: m.position, channels: channels.count, bias: biases,
                activation: activation, to: dense, pixel: pixel, row: side * pixel, scratch: scratch)
            for row in 0..<min(side, height - y) {
                for column in 0..<min(side, width - x) {
                    (target + (row * output.rowStride + column * n)).update(
                        from: dense + (side * row + column) * pixel, count: channels.count)
                }
            }
        }
    }

    /// Adds the input gradient of a tile, row `index` of `v`, which holds some of the input's channels, to where the
    /// tile read its input: to the tile on its left; pixels that this one did not reach are set.
    ///
    /// - Parameters:
    ///   - below: where the last two rows of pixels go instead, one view for each of `gradients`.
    func addInputGradient(
        _ tile: Int, channels: Range<Int>, from v: WinogradMatrices, index: Int, to gradients: [TensorView],
        below: [TensorView]?, scratch: UnsafeMutablePointer<Float>
    ) {
        let corner = corner(tile)
        let y = corner.y - padding
        let x = corner.x - padding
        let (side, outputs) = (size.side, size.outputs)
        let addsLeft = tile % across > 0
        var offset = 0
        for (part, gradient) in gradients.enumerated() {
            let n = gradient.channels
            let own = channels.clamped(to: offset..<offset + n)
            offset += n
            if own.isEmpty { continue }
            let source = v.base + (index * v.row + own.lowerBound - channels.lowerBound)
            let start = own.lowerBound - (offset - n)
            let lower = below?[part]
            if y >= 0 && x >= 0 && y + side <= gradient.height && x + side <= gradient.width
                && own.count % Lanes.scalarCount == 0
            {
                let upper = gradient.row(y) + (x * n + start)
                let target = WinogradGradientTarget(
                    pixel: n, upper: upper, upperRow: gradient.rowStride,
                    lower: lower.map { $0.base + (x * n + start) } ?? upper + outputs * gradient.rowStride,
                    lowerRow: lower?.rowStride ?? gradient.rowStride, addsLeft: addsLeft)
                WinogradTransforms<Points>.inputGradient(
                    source, position: v.position, channels: own.count, to: target, scratch: scratch)
            } else {
                let dense = scratch + transformScratch
                let pixel = v.row
                let target = WinogradGradientTarget(
                    pixel: pixel, upper: dense, upperRow: side * pixel, lower: dense + outputs * side * pixel,
                    lowerRow: side * pixel, addsLeft: false)
                WinogradTransforms<Points>.inputGradient(
                    source, position: v.position, channels: own.count, to: target, scratch: scratch)
                for row in 0..<side where y + row >= 0 && y + row < gradient.height {
                    let line = (row < outputs ? nil : lower?.row(row - outputs)) ?? gradient.row(y + row)
                    for column in 0..<side where x + column >= 0 && x + column < gradient.width {
                        let from = dense + (side * row + column) * pixel
                        let to = line + ((x + column) * n + start)
                        if column < 2 && addsLeft {
                            for c in 0..<own.count { to[c] += from[c] }
                        } else {
                            to.update(from: from, count: own.count)
                        }
                    }
                }
            }
        }
    }
}
