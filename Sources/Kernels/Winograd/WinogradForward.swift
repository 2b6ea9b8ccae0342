/// 3×3 convolutions by Winograd's F(4×4, 3×3) and F(6×6, 3×3) (Lavin and Gray 2016): a quarter or a fifth of the
/// multiplications of the direct sum.
extension Engine {
    func winogradConvolution3x3(
        _ size: WinogradSize, _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int,
        activation: Activation, normalization: NormalizedInput?, output: TensorView, moments: ChannelSums?,
        workspace: Workspace
    ) {
        switch size {
        case .four:
            forward(
                WinogradTiles<FourPoints>(inputs, padding: padding, output: output), parameters, activation: activation,
                normalization: normalization, output: output, moments: moments, workspace: workspace)
        case .six:
            forward(
                WinogradTiles<SixPoints>(inputs, padding: padding, output: output), parameters, activation: activation,
                normalization: normalization, output: output, moments: moments, workspace: workspace)
        }
    }

    private func forward<Points>(
        _ tiles: WinogradTiles<Points>, _ parameters: LayerParameters, activation: Activation,
        normalization: NormalizedInput?, output: TensorView, moments: ChannelSums?, workspace: Workspace
    ) {
        let blocking = WinogradBlocking(tiles, .forward)
        if blocking.sharesTiles {
            forwardByTiles(
                blocking, parameters, activation: activation, normalization: normalization, output: output,
                moments: moments, workspace: workspace)
        } else {
            withNormalized(tiles.inputs, normalization, workspace: workspace) { inputs in
                var tiles = tiles
                tiles.inputs = inputs
                forwardByChannels(
                    WinogradBlocking(tiles, .forward), parameters, activation: activation, output: output,
                    workspace: workspace)
            }
            moments?.takeMoments(output, team: team)
        }
    }

    private func forwardByTiles<Points>(
        _ blocking: WinogradBlocking<Points>, _ parameters: LayerParameters, activation: Activation,
        normalization: NormalizedInput?, output: TensorView, moments: ChannelSums?, workspace: Workspace
    ) {
        let tiles = blocking.tiles
        let (inputs, outputs, panels) = (tiles.inputChannels, tiles.outputChannels, tiles.outputPanels)
        let blocks = blocking.blocks(0..<tiles.down)
        let rows = blocks.map(\.count).max() ?? 0
        let vCount = WinogradMatrices.count(tiles.size, rows: rows, row: tiles.inputRow)
        let mCount = WinogradMatrices.count(tiles.size, rows: rows, row: tiles.outputRow)
        let normalizedCount = normalization == nil ? 0 : tiles.normalizedInputCount
        let laneCount = vCount + mCount + tiles.scratch + normalizedCount
        moments?.begin(channels: outputs, parts: blocks.count)
        workspace.lend(WinogradFilters<Points>.count(panels: panels, inner: inputs)) { base in
            profile?.enter(.filters)
            let filters = WinogradFilters<Points>(base: base, panels: panels, inner: inputs)
            filters.pack(parameters.weights, inputs: inputs, outputs: outputs, first: 0, team: team)
            workspace.lend(team.threads * laneCount) { lanes in
                team.forEach(blocks.count) { lane, index in
                    let profile = lane == 0 ? profile : nil
                    let block = blocks[index]
                    let next = index + 1 < blocks.count ? blocks[index + 1] : block.upperBound..<block.upperBound
                    let ahead = PrefetchSchedule(
                        tiles.outputRows(of: block, in: [output]) + tiles.inputRows(of: next, in: tiles.inputs),
                        products: tiles.size.positions)
                    let v = WinogradMatrices(lanes + lane * laneCount, tiles.size, rows: rows, row: tiles.inputRow)
                    let m = WinogradMatrices(v.base + vCount, tiles.size, rows: rows, row: tiles.outputRow)
                    let scratch = m.base + mCount
                    profile?.enter(.transforms)
                    let pieces = tiles.pieces(of: block)
                    for piece in pieces {
                        let tiles = tiles.normalizing(piece, normalization, scratch: scratch + tiles.scratch)
                        for tile in piece {
                            tiles.transformInput(tile, to: v, index: tile - block.lowerBound, scratch: scratch)
                        }
                    }
                    profile?.enter(.products)
                    filters.multiply(v, rows: block.count, into: m, ahead: ahead)
                    profile?.enter(.transforms)
                    for piece in pieces {
                        for tile in piece {
                            tiles.writeOutput(
                                tile, channels: 0..<outputs, from: m, index: tile - block.lowerBound,
                                bias: parameters.bias, activation: activation, output: output, scratch: scratch)
                        }
                        guard let moments else { continue }
                        for pixels in tiles.outputRows(of: piece, in: [output]) {
                            moments.addMoments(pixels, to: index)
                        }
                    }
                }
            }
        }
    }

    private func forwardByChannels<Points>(
        _ blocking: WinogradBlocking<Points>, _ parameters: LayerParameters, activation: Activation, output: TensorView,
        workspace: Workspace
    ) {
        let tiles = blocking.tiles
        let (inputs, outputs) = (tiles.inputChannels, tiles.outputChannels)
        let blocks = blocking.blocks(0..<tiles.down)
        let chunks = WinogradBlocking<Points>.chunks(tiles.outputPanels, inner: inputs)
        let rows = blocks.map(\.count).max() ?? 0
        let chunkRow = 16 * chunks[0].count
        let filterCount = WinogradFilters<Points>.count(panels: chunks[0].count, inner: inputs)
        let mCount = WinogradMatrices.count(tiles.size, rows: rows, row: chunkRow)
        let laneCount = filterCount + mCount + tiles.scratch
        workspace.lend(WinogradMatrices.count(tiles.size, rows: rows, row: tiles.inputRow)) { base in
            workspace.lend(team.threads * laneCount) { lanes in
                let v = WinogradMatrices(base, tiles.size, rows: rows, row: tiles.inputRow)
                for block in blocks {
                    profile?.enter(.transforms)
                    transform(block) { lane, tile in
                        tiles.transformInput(
                            tile, to: v, index: tile - block.lowerBound, scratch: lanes + lane * laneCount)
                    }
                    team.forEach(chunks.count) { lane, index in
                        let profile = lane == 0 ? profile : nil
                        let chunk = chunks[index]
                        let filters = WinogradFilters<Points>(
                            base: lanes + lane * laneCount, panels: chunk.count, inner: inputs)
                        let m = WinogradMatrices(filters.base + filterCount, tiles.size, rows: rows, row: chunkRow)
                        profile?.enter(.filters)
                        filters.pack(
                            parameters.weights, inputs: inputs, outputs: outputs, first: chunk.lowerBound, team: .solo)
                        profile?.enter(.products)
                        filters.multiply(v, rows: block.count, into: m)
                        profile?.enter(.transforms)
                        for tile in block {
                            tiles.writeOutput(
                                tile, channels: 16 * chunk.lowerBound..<min(16 * chunk.upperBound, outputs), from: m,
                                index: tile - block.lowerBound, bias: parameters.bias, activation: activation,
                                output: output, scratch: m.base + mCount)
                        }
                    }
                }
            }
        }
    }

    /// Calls `body` for each tile of a block, a dozen at a time.
    func transform(_ block: Range<Int>, _ body: (_ lane: Int, _ tile: Int) -> Void) {
        team.forEach((block.count + 11) / 12) { lane, part in
            let first = block.lowerBound + 12 * part
            for tile in first..<min(first + 12, block.upperBound) { body(lane, tile) }
        }
    }
}
