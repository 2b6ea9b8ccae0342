/// 3×3 convolutions by Winograd's F(4×4, 3×3) (Lavin and Gray 2016): a quarter of the multiplications of the direct
/// sum.
extension Engine {
    func winogradConvolution3x3(
        _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, activation: Activation,
        normalization: NormalizedInput?, output: TensorView, moments: ChannelSums?, workspace: Workspace
    ) {
        let tiles = WinogradTiles(inputs, padding: padding, output: output)
        let blocking = WinogradBlocking(tiles, .forward)
        if blocking.sharesTiles {
            forwardByTiles(
                blocking, parameters, activation: activation, normalization: normalization, output: output,
                moments: moments, workspace: workspace)
        } else {
            withNormalized(inputs, normalization, workspace: workspace) { inputs in
                let tiles = WinogradTiles(inputs, padding: padding, output: output)
                forwardByChannels(
                    WinogradBlocking(tiles, .forward), parameters, activation: activation, output: output,
                    workspace: workspace)
            }
            moments?.takeMoments(output, team: team)
        }
    }

    private func forwardByTiles(
        _ blocking: WinogradBlocking, _ parameters: LayerParameters, activation: Activation,
        normalization: NormalizedInput?, output: TensorView, moments: ChannelSums?, workspace: Workspace
    ) {
        let tiles = blocking.tiles
        let (inputs, outputs, panels) = (tiles.inputChannels, tiles.outputChannels, tiles.outputPanels)
        let blocks = blocking.blocks(0..<tiles.down)
        let rows = blocks.map(\.count).max() ?? 0
        let vCount = WinogradMatrices.count(rows: rows, row: tiles.inputRow)
        let mCount = WinogradMatrices.count(rows: rows, row: tiles.outputRow)
        let normalizedCount = normalization == nil ? 0 : tiles.normalizedInputCount
        let laneCount = vCount + mCount + tiles.scratch + normalizedCount
        moments?.begin(channels: outputs, parts: blocks.count)
        workspace.lend(WinogradFilters.count(panels: panels, inner: inputs)) { base in
            profile?.enter(.filters)
            let filters = WinogradFilters(base: base, panels: panels, inner: inputs)
            filters.pack(parameters.weights, inputs: inputs, outputs: outputs, first: 0, team: team)
            workspace.lend(team.threads * laneCount) { lanes in
                team.forEach(blocks.count) { lane, index in
                    let profile = lane == 0 ? profile : nil
                    let block = blocks[index]
                    let next = index + 1 < blocks.count ? blocks[index + 1] : block.upperBound..<block.upperBound
                    let ahead = PrefetchSchedule(
                        tiles.outputRows(of: block, in: [output]) + tiles.inputRows(of: next, in: tiles.inputs))
                    let v = WinogradMatrices(lanes + lane * laneCount, rows: rows, row: tiles.inputRow)
                    let m = WinogradMatrices(v.base + vCount, rows: rows, row: tiles.outputRow)
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

    private func forwardByChannels(
        _ blocking: WinogradBlocking, _ parameters: LayerParameters, activation: Activation, output: TensorView,
        workspace: Workspace
    ) {
        let tiles = blocking.tiles
        let (inputs, outputs) = (tiles.inputChannels, tiles.outputChannels)
        let blocks = blocking.blocks(0..<tiles.down)
        let chunks = WinogradBlocking.chunks(tiles.outputPanels, inner: inputs)
        let rows = blocks.map(\.count).max() ?? 0
        let chunkRow = 16 * chunks[0].count
        let filterCount = WinogradFilters.count(panels: chunks[0].count, inner: inputs)
        let mCount = WinogradMatrices.count(rows: rows, row: chunkRow)
        let laneCount = filterCount + mCount + tiles.scratch
        workspace.lend(WinogradMatrices.count(rows: rows, row: tiles.inputRow)) { base in
            workspace.lend(team.threads * laneCount) { lanes in
                let v = WinogradMatrices(base, rows: rows, row: tiles.inputRow)
                for block in blocks {
                    profile?.enter(.transforms)
                    transform(block) { lane, tile in
                        tiles.transformInput(
                            tile, to: v, index: tile - block.lowerBound, scratch: lanes + lane * laneCount)
                    }
                    team.forEach(chunks.count) { lane, index in
                        let profile = lane == 0 ? profile : nil
                        let chunk = chunks[index]
                        let filters = WinogradFilters(
                            base: lanes + lane * laneCount, panels: chunk.count, inner: inputs)
                        let m = WinogradMatrices(filters.base + filterCount, rows: rows, row: chunkRow)
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
