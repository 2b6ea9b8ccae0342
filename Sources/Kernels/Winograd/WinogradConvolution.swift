/// 3×3 convolutions by Winograd's F(4×4, 3×3) (Lavin and Gray 2016): a quarter of the multiplications of the direct
/// sum. The backward pass is the forward's adjoint, so that the gradient is transformed once for both of its uses.
extension Engine {
    func winogradConvolution3x3(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, output: TensorView, workspace: Workspace
    ) {
        let blocks = WinogradBlocks(inputs, padding: padding, output: output)
        let (ic, oc) = (blocks.inputChannels, blocks.outputChannels)
        let (vPosition, mPosition) = (blocks.position(row: blocks.inputRow), blocks.position(row: blocks.outputRow))
        workspace.lend(WinogradFilters.packedCount(inputs: ic, outputs: 16 * blocks.chunkPanels)) { filters in
            workspace.lend(36 * (vPosition + mPosition) + team.threads * blocks.laneScratch) { v in
                let m = v + 36 * vPosition
                let scratch = m + 36 * mPosition
                for block in blocks.blocks {
                    inTiles(of: block) { lane, index in
                        blocks.transformInput(
                            tile: block.lowerBound + index, index: index, into: v,
                            scratch: scratch + lane * blocks.laneScratch)
                    }
                    for panels in blocks.outputChunks {
                        // Where there are several blocks there is one chunk, and its filters stay for all of them.
                        if block.lowerBound == 0 {
                            WinogradFilters.pack(
                                parameters.weights, inputs: ic, outputs: oc, panels: panels, into: filters, team: team)
                        }
                        team.forEach(36) { _, p in
                            rowsProduct(
                                v + p * vPosition, row: blocks.inputRow, rows: block.count,
                                filters + p * panels.count * 16 * ic, inner: ic, panels: panels.count,
                                into: m + (p * mPosition + panels.lowerBound * 16), cRow: blocks.outputRow,
                                accumulate: false)
                        }
                    }
                    inTiles(of: block) { lane, index in
                        blocks.writeOutput(
                            tile: block.lowerBound + index, index: index, m, bias: parameters.bias, output: output,
                            scratch: scratch + lane * blocks.laneScratch)
                    }
                }
            }
        }
    }

    func winogradConvolution3x3Backward(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, output: TensorView,
        outputGradient: TensorView, inputGradients: [TensorView]?, gradients: LayerGradients, workspace: Workspace
    ) {
        let blocks = WinogradBlocks(inputs, padding: padding, output: output)
        let (ic, oc) = (blocks.inputChannels, blocks.outputChannels)
        let (vPosition, mPosition) = (blocks.position(row: blocks.inputRow), blocks.position(row: blocks.outputRow))
        // The gradient of the transformed filters has whole tiles of rows.
        let filterRows = (ic + MicroKernel.rows - 1) / MicroKernel.rows * MicroKernel.rows
        let uRow = WinogradBlocks.spread(blocks.chunkPanels * 16)
        let uPosition = filterRows * uRow + 16
        gradients.bias.update(repeating: 0, count: oc)
        for gradient in inputGradients ?? [] { gradient.fill(0) }
        let filterCount = WinogradFilters.packedCount(inputs: 16 * blocks.chunkPanels, outputs: ic)
        workspace.lend(inputGradients == nil ? 0 : filterCount) { filters in
            workspace.lend(36 * (uPosition + vPosition + mPosition) + team.threads * blocks.laneScratch) { u in
                let v = u + 36 * uPosition
                let m = v + 36 * vPosition
                let scratch = m + 36 * mPosition
                for block in blocks.blocks {
                    inTiles(of: block) { lane, index in
                        let scratch = scratch + lane * blocks.laneScratch
                        let tile = block.lowerBound + index
                        blocks.transformInput(tile: tile, index: index, into: v, scratch: scratch)
                        blocks.transformGradient(
                            tile: tile, index: index, gradient: outputGradient, output: output, into: m,
                            scratch: scratch)
                    }
                    // A tile's element (1, 1) is the sum of its 16 gradients.
                    addRows(m + 7 * mPosition, rows: block.count, row: blocks.outputRow, count: oc, to: gradients.bias)
                    for panels in blocks.outputChunks {
                        team.forEach(36) { _, p in
                            columnsProduct(
                                v + p * vPosition, row: blocks.inputRow, columns: ic,
                                m + (p * mPosition + panels.lowerBound * 16), bRow: blocks.outputRow,
                                panels: panels.count, inner: block.count, into: u + p * uPosition, cRow: uRow,
                                accumulate: block.lowerBound > 0)
                        }
                        if block.upperBound == blocks.tiles {
                            WinogradFilters.gradient(
                                u, position: uPosition, row: uRow, inputs: ic, outputs: oc, panels: panels,
                                into: gradients.weights, team: team)
                        }
                    }
                    guard let inputGradients else { continue }
                    for panels in blocks.outputChunks {
                        let channels = 16 * panels.lowerBound..<min(16 * panels.upperBound, oc)
                        if block.lowerBound == 0 {
                            WinogradFilters.packTransposed(
                                parameters.weights, inputs: ic, outputs: oc, channels: channels, into: filters,
                                team: team)
                        }
                        team.forEach(36) { _, p in
                            rowsProduct(
                                m + (p * mPosition + channels.lowerBound), row: blocks.outputRow, rows: block.count,
                                filters + p * blocks.inputPanels * 16 * channels.count, inner: channels.count,
                                panels: blocks.inputPanels, into: v + p * vPosition, cRow: blocks.inputRow,
                                accumulate: channels.lowerBound > 0)
                        }
                    }
                    // Neighbouring tiles add to the same pixels: threads share out the channels, and each adds in order.
                    let parts = min(team.threads, blocks.inputPanels)
                    team.forEach(parts) { lane, part in
                        let panels = blocks.inputPanels * part / parts..<blocks.inputPanels * (part + 1) / parts
                        for index in 0..<block.count {
                            blocks.addInputGradient(
                                tile: block.lowerBound + index, index: index,
                                channels: 16 * panels.lowerBound..<min(16 * panels.upperBound, ic), v,
                                to: inputGradients, scratch: scratch + lane * blocks.laneScratch)
                        }
                    }
                }
            }
        }
    }

    /// Calls `body` for each tile of a block, a dozen at a time.
    private func inTiles(of block: Range<Int>, _ body: (_ lane: Int, _ index: Int) -> Void) {
        team.forEach((block.count + 11) / 12) { lane, part in
            for index in part * 12..<min(part * 12 + 12, block.count) { body(lane, index) }
        }
    }

    /// Rows of A (one a tile) times packed panels; rows are rounded up to whole tiles of the micro-kernel.
    private func rowsProduct(
        _ a: UnsafePointer<Float>, row: Int, rows: Int, _ packed: UnsafePointer<Float>, inner: Int, panels: Int,
        into c: UnsafeMutablePointer<Float>, cRow: Int, accumulate: Bool
    ) {
        for panel in 0..<panels {
            var i = 0
            while i < rows {
                let operands = MicroKernel.Operands(
                    a: a + i * row, aRow: row, aStep: 1, b: packed + panel * inner * 16, bStep: 16, inner: inner)
                MicroKernel.tile(operands, c: c + (i * cRow + panel * 16), cRow: cRow, accumulate: accumulate)
                i += MicroKernel.rows
            }
        }
    }

    /// Aᵀ·B over the tiles of a block: the gradient of the transformed filters.
    private func columnsProduct(
        _ a: UnsafePointer<Float>, row: Int, columns: Int, _ b: UnsafePointer<Float>, bRow: Int, panels: Int,
        inner: Int, into c: UnsafeMutablePointer<Float>, cRow: Int, accumulate: Bool
    ) {
        for panel in 0..<panels {
            var i = 0
            while i < columns {
                let operands = MicroKernel.Operands(
                    a: a + i, aRow: 1, aStep: row, b: b + panel * 16, bStep: bRow, inner: inner)
                MicroKernel.tile(operands, c: c + (i * cRow + panel * 16), cRow: cRow, accumulate: accumulate)
                i += MicroKernel.rows
            }
        }
    }

    private func addRows(
        _ rows: UnsafePointer<Float>, rows count: Int, row: Int, count channels: Int,
        to sums: UnsafeMutablePointer<Float>
    ) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: channels) { partial in
            guard let partial = partial.baseAddress else { return }
            partial.initialize(repeating: 0, count: channels)
            for index in 0..<count {
                let values = rows + index &* row
                for c in 0..<channels { partial[c] += values[c] }
            }
            for c in 0..<channels { sums[c] += partial[c] }
        }
    }
}
