/// How a layer's output is cut into 4×4 tiles, and tiles into blocks whose transforms stay in the caches.
struct WinogradBlocks {
    let inputs: [TensorView]
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

    var tilesAcross: Int { (width + 3) / 4 }
    var tiles: Int { tilesAcross * ((height + 3) / 4) }

    /// Panels of 16 channels.
    var inputPanels: Int { (inputChannels + MicroKernel.columns - 1) / MicroKernel.columns }
    var outputPanels: Int { (outputChannels + MicroKernel.columns - 1) / MicroKernel.columns }

    /// Floats of a tile's vector: whole panels, and room for the last register of the last input.
    var inputRow: Int {
        let lanes = Lanes.scalarCount
        let last = inputs[inputs.count - 1].channels
        let end = inputChannels - last + (last + lanes - 1) / lanes * lanes
        return Self.spread(max(inputPanels * MicroKernel.columns, (end + 15) / 16 * 16))
    }
    var outputRow: Int { Self.spread(outputPanels * MicroKernel.columns) }

    /// A cache line more where rows would lie a multiple of 1 KiB apart, and so fall into few sets of the caches.
    static func spread(_ row: Int) -> Int { row % 256 == 0 ? row + 16 : row }

    /// Tiles of a block, a multiple of the micro-kernel's rows.
    var blockTiles: Int {
        let cached = 420_000 / (WinogradTransforms.positions * (inputRow + outputRow))
        // Wide layers read much of the filters for a block: more tiles pay for it.
        let wanted = max(cached, inputRow * outputRow >= 512 * 512 ? 256 : inputRow * outputRow >= 256 * 256 ? 192 : 48)
        let rounded = (wanted + 11) / 12 * 12
        return min(rounded, (tiles + 11) / 12 * 12)
    }

    /// Panels of the output that are worked on at once. Where one block holds all tiles, wide layers go in chunks: their
    /// transformed filters would take 36/9 of the memory of the weights.
    var chunkPanels: Int { tiles <= blockTiles ? min(outputPanels, 16) : outputPanels }

    /// The panels of each chunk.
    var outputChunks: [Range<Int>] {
        stride(from: 0, to: outputPanels, by: chunkPanels).map { $0..<min($0 + chunkPanels, outputPanels) }
    }

    /// The tiles of each block.
    var blocks: [Range<Int>] {
        stride(from: 0, to: tiles, by: blockTiles).map { $0..<min($0 + blockTiles, tiles) }
    }

    /// Floats from one of the 36 matrices of a block to the next. A cache line more than it needs: at a multiple of
    /// 4 KiB all 36 would fall into one set of the first-level cache.
    func position(row: Int) -> Int { blockTiles * row + 16 }

    /// Floats of scratch memory that a thread needs.
    var laneScratch: Int {
        WinogradTransforms.scratch + 2 * WinogradTransforms.positions * max(inputRow, outputRow)
    }

    /// Row and column of a tile's first output pixel.
    func corner(_ tile: Int) -> (y: Int, x: Int) { (tile / tilesAcross * 4, tile % tilesAcross * 4) }

    /// Transforms the input of one tile into row `index` of the block's 36 matrices.
    func transformInput(
        tile: Int, index: Int, into v: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
    ) {
        let corner = corner(tile)
        let y = corner.y - padding
        let x = corner.x - padding
        var target = v + index * inputRow
        for input in inputs {
            let n = input.channels
            if y >= 0 && x >= 0 && y + 6 <= input.height && x + 6 <= input.width {
                WinogradTransforms.input(
                    input.row(y) + x * n, pixel: n, row: input.rowStride, channels: n, to: target,
                    position: position(row: inputRow), scratch: scratch)
            } else {
                // At the edge: a copy with zeros for what the input does not have.
                let patch = scratch + WinogradTransforms.scratch
                patch.update(repeating: 0, count: 36 * n + MicroKernel.columns)
                let left = max(x, 0)
                let right = min(x + 6, input.width)
                for row in max(y, 0)..<min(y + 6, input.height) where left < right {
                    (patch + ((row - y) * 6 + left - x) * n).update(
                        from: input.row(row) + left * n, count: (right - left) * n)
                }
                WinogradTransforms.input(
                    patch, pixel: n, row: 6 * n, channels: n, to: target, position: position(row: inputRow),
                    scratch: scratch)
            }
            target += n
        }
    }

    /// Transforms a tile's gradient, where ReLU let the output through, into row `index` of the block's matrices.
    func transformGradient(
        tile: Int, index: Int, gradient: TensorView, output: TensorView, into m: UnsafeMutablePointer<Float>,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let (y, x) = corner(tile)
        let n = outputChannels
        let patch = scratch + WinogradTransforms.scratch
        let rows = min(4, height - y)
        let count = min(4, width - x) * n
        if rows < 4 || count < 4 * n { patch.update(repeating: 0, count: 16 * n) }
        for row in 0..<rows {
            let slopes = gradient.row(y + row) + x * n
            let values = output.row(y + row) + x * n
            let target = patch + row * 4 * n
            for i in 0..<count { target[i] = values[i] > 0 ? slopes[i] : 0 }
        }
        WinogradTransforms.outputGradient(
            patch, pixel: n, row: 4 * n, channels: n, to: m + index * outputRow, position: position(row: outputRow),
            scratch: scratch)
    }

    /// Transforms row `index` of the block's matrices back into a tile of the output, with bias and ReLU.
    func writeOutput(
        tile: Int, index: Int, _ m: UnsafePointer<Float>, bias: UnsafePointer<Float>, output: TensorView,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let (y, x) = corner(tile)
        let n = outputChannels
        let dense = scratch + WinogradTransforms.scratch
        WinogradTransforms.output(
            m + index * outputRow, position: position(row: outputRow), channels: n, to: dense, pixel: outputRow,
            scratch: scratch)
        for row in 0..<min(4, height - y) {
            for column in 0..<min(4, width - x) {
                let source = dense + (4 * row + column) * outputRow
                let target = output.row(y + row) + (x + column) * n
                for c in 0..<n {
                    let value = source[c] + bias[c]
                    target[c] = value < 0 ? 0 : value
                }
            }
        }
    }

    /// Adds the input gradient of a tile, for some of the channels, to where the tile read its input.
    func addInputGradient(
        tile: Int, index: Int, channels: Range<Int>, _ v: UnsafePointer<Float>, to gradients: [TensorView],
        scratch: UnsafeMutablePointer<Float>
    ) {
        let corner = corner(tile)
        let y = corner.y - padding
        let x = corner.x - padding
        let dense = scratch + WinogradTransforms.scratch
        WinogradTransforms.inputGradient(
            v + (index * inputRow + channels.lowerBound), position: position(row: inputRow), channels: channels.count,
            to: dense, pixel: inputRow, scratch: scratch)
        var offset = 0
        for gradient in gradients {
            let n = gradient.channels
            let own =
                max(
                    channels.lowerBound, offset)..<max(
                    max(channels.lowerBound, offset), min(channels.upperBound, offset + n))
            for row in max(y, 0)..<max(max(y, 0), min(y + 6, gradient.height)) where !own.isEmpty {
                for column in max(x, 0)..<max(max(x, 0), min(x + 6, gradient.width)) {
                    let source =
                        dense + (((row - y) * 6 + column - x) * inputRow + own.lowerBound - channels.lowerBound)
                    let target = gradient.row(row) + (column * n + own.lowerBound - offset)
                    for c in 0..<own.count { target[c] += source[c] }
                }
            }
            offset += n
        }
    }
}
