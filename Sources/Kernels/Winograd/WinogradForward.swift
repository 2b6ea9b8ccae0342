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
        let pass = WinogradForward(
            engine: self, tiles: tiles, blocking: WinogradBlocking(tiles, .forward, threads: team.threads),
            parameters: parameters, activation: activation, normalization: normalization, output: output,
            moments: moments)
        pass.run(workspace)
    }

    /// Calls `body` for all tiles of a block, a dozen at a time, or fewer where threads are many.
    func transform(_ block: Range<Int>, moving bytes: Int, _ body: (_ lane: Int, _ tiles: Range<Int>) -> Void) {
        let count = max(1, min(12, block.count / (2 * team.threads)))
        team.forEach((block.count + count - 1) / count, moving: bytes) { lane, part in
            let first = block.lowerBound + count * part
            body(lane, first..<min(first + count, block.upperBound))
        }
    }
}

/// One layer's forward pass.
private struct WinogradForward<Points: WinogradPoints> {
    typealias Filters = WinogradFilters<Points>

    let engine: Engine
    var tiles: WinogradTiles<Points>
    let blocking: WinogradBlocking<Points>
    let parameters: LayerParameters
    let activation: Activation
    /// Used by tiles alone: channel by channel the input comes as it is to be read.
    let normalization: NormalizedInput?
    let output: TensorView
    let moments: ChannelSums?

    func run(_ workspace: Workspace) {
        guard !blocking.sharesTiles else {
            return blocking.suffices(blocks.count) ? byTiles(workspace) : byPositions(workspace)
        }
        engine.withNormalized(tiles.inputs, normalization, workspace: workspace) { inputs in
            var pass = self
            pass.tiles.inputs = inputs
            if blocking.suffices(chunks.count) { pass.byChannels(workspace) } else { pass.byPositions(workspace) }
        }
        moments?.takeMoments(output, team: team)
    }

    private var team: ThreadTeam { engine.team }
    private var inputs: Int { tiles.inputChannels }
    private var outputs: Int { tiles.outputChannels }
    private var blocks: [Range<Int>] { blocking.blocks(0..<tiles.down) }
    private var chunks: [Range<Int>] { blocking.chunks(tiles.outputPanels, inner: inputs) }

    private func bytesRead(_ block: Range<Int>) -> Int { bytes(tiles.inputRows(of: block, in: tiles.inputs)) }
    private func bytesWritten(_ block: Range<Int>) -> Int { bytes(tiles.outputRows(of: block, in: [output])) }
    private func bytes(_ rows: [PixelRows]) -> Int { 4 * rows.reduce(0) { $0 + $1.rows * $1.count } }

    /// A narrow layer: each thread has blocks of tiles.
    private func byTiles(_ workspace: Workspace) {
        let blocks = blocks
        let panels = tiles.outputPanels
        let rows = blocks.map(\.count).max() ?? 0
        let vCount = WinogradMatrices.count(tiles.size, rows: rows, row: tiles.inputRow)
        let mCount = WinogradMatrices.count(tiles.size, rows: rows, row: tiles.outputRow)
        let normalizedCount = normalization == nil ? 0 : tiles.normalizedInputCount
        let laneCount = vCount + mCount + tiles.scratch + normalizedCount
        moments?.begin(channels: outputs, parts: blocks.count)
        workspace.lend(Filters.count(panels: panels, inner: inputs)) { base in
            engine.profile?.enter(.filters)
            let filters = Filters(base: base, panels: panels, inner: inputs)
            filters.pack(parameters.weights, inputs: inputs, outputs: outputs, first: 0, team: team)
            workspace.lend(team.threads * laneCount) { lanes in
                let all = 0..<tiles.count
                team.forEach(blocks.count, moving: bytesRead(all) + bytesWritten(all)) { lane, index in
                    let profile = lane == 0 ? engine.profile : nil
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
                    for piece in pieces { transformNormalized(piece, of: block, to: v, scratch: scratch) }
                    profile?.enter(.products)
                    filters.multiply(v, rows: 0..<block.count, into: m, ahead: ahead)
                    profile?.enter(.transforms)
                    for piece in pieces {
                        write(piece, of: block, channels: 0..<outputs, from: m, scratch: scratch)
                        addMoments(piece, to: index)
                    }
                }
            }
        }
    }

    /// A wide layer: each thread has chunks of the output's channels.
    private func byChannels(_ workspace: Workspace) {
        let blocks = blocks
        let chunks = chunks
        let rows = blocks.map(\.count).max() ?? 0
        let chunkRow = 16 * chunks[0].count
        let filterCount = Filters.count(panels: chunks[0].count, inner: inputs)
        let mCount = WinogradMatrices.count(tiles.size, rows: rows, row: chunkRow)
        let laneCount = filterCount + mCount + tiles.scratch
        workspace.lend(WinogradMatrices.count(tiles.size, rows: rows, row: tiles.inputRow)) { base in
            workspace.lend(team.threads * laneCount) { lanes in
                let v = WinogradMatrices(base, tiles.size, rows: rows, row: tiles.inputRow)
                for block in blocks {
                    transformInputs(block, to: v, lanes: TeamScratch(base: lanes, count: laneCount))
                    let bytes = bytesWritten(block) + 4 * 9 * inputs * outputs
                    team.forEach(chunks.count, moving: bytes) { lane, index in
                        let profile = lane == 0 ? engine.profile : nil
                        let chunk = chunks[index]
                        let filters = Filters(base: lanes + lane * laneCount, panels: chunk.count, inner: inputs)
                        let m = WinogradMatrices(
                            lanes + (lane * laneCount + filterCount), tiles.size, rows: rows, row: chunkRow)
                        profile?.enter(.filters)
                        filters.pack(
                            parameters.weights, inputs: inputs, outputs: outputs, first: chunk.lowerBound, team: .solo)
                        profile?.enter(.products)
                        filters.multiply(v, rows: 0..<block.count, into: m)
                        profile?.enter(.transforms)
                        write(block, of: block, channels: channels(chunk), from: m, scratch: m.base + mCount)
                    }
                }
            }
        }
    }

    /// More threads than blocks or chunks: they work on a block together, and share out first the transforms, then the products by
    /// position, then the transforms back.
    private func byPositions(_ workspace: Workspace) {
        let blocks = blocking.sharedBlocks
        let rows = blocks.map(\.count).max() ?? 0
        let vCount = WinogradMatrices.count(tiles.size, rows: rows, row: tiles.inputRow)
        let mCount = WinogradMatrices.count(tiles.size, rows: rows, row: tiles.outputRow)
        let (partPanels, partPositions) = blocking.positionParts(tiles.outputPanels)
        let partCount = Filters.count(
            panels: partPanels[0].count, inner: inputs, positionRows: partPositions.map(\.count).max() ?? 0)
        let isPacked = blocking.sharesTiles
        let normalizedCount = isPacked && normalization != nil ? tiles.normalizedInputCount : 0
        let laneCount = max(tiles.scratch + normalizedCount, isPacked ? 0 : partCount)
        workspace.lend(isPacked ? Filters.count(panels: tiles.outputPanels, inner: inputs) : 0) { base in
            let filters = Filters(base: base, panels: tiles.outputPanels, inner: inputs)
            if isPacked {
                engine.profile?.enter(.filters)
                filters.pack(parameters.weights, inputs: inputs, outputs: outputs, first: 0, team: team)
            }
            workspace.lend(vCount + mCount + team.threads * laneCount) { base in
                let v = WinogradMatrices(base, tiles.size, rows: rows, row: tiles.inputRow)
                let m = WinogradMatrices(base + vCount, tiles.size, rows: rows, row: tiles.outputRow)
                let lanes = TeamScratch(base: m.base + mCount, count: laneCount)
                for block in blocks {
                    transformInputs(block, to: v, lanes: lanes)
                    engine.profile?.enter(.products)
                    if isPacked {
                        multiply(v, of: block, by: filters, into: m)
                    } else {
                        multiply(v, of: block, panels: partPanels, positions: partPositions, into: m, lanes: lanes)
                    }
                    engine.profile?.enter(.transforms)
                    writeOutputs(block, from: m, lanes: lanes)
                }
            }
        }
        guard isPacked, let moments else { return }
        // In the parts that `byTiles` takes them in.
        let parts = self.blocks
        moments.begin(channels: outputs, parts: parts.count)
        team.forEach(parts.count, moving: 4 * output.shape.count) { _, index in
            for piece in tiles.pieces(of: parts[index]) { addMoments(piece, to: index) }
        }
    }

    /// A block's products with filters that are packed.
    private func multiply(_ v: WinogradMatrices, of block: Range<Int>, by filters: Filters, into m: WinogradMatrices) {
        let positions = tiles.size.positions
        let pieces = blocking.pairs(block.count, beside: positions)
        team.forEach(pieces.count * positions) { _, index in
            let (piece, p) = index.quotientAndRemainder(dividingBy: positions)
            filters.multiply(v, position: p, rows: pieces[piece], into: m, ahead: nil)
        }
    }

    /// A block's products, each part with filters of some channels at some positions.
    private func multiply(
        _ v: WinogradMatrices, of block: Range<Int>, panels: [Range<Int>], positions: [Range<Int>],
        into m: WinogradMatrices, lanes: TeamScratch
    ) {
        team.forEach(panels.count * positions.count, moving: 4 * 9 * inputs * outputs) { lane, index in
            let profile = lane == 0 ? engine.profile : nil
            let chunk = panels[index / positions.count]
            let rows = positions[index % positions.count]
            let first = rows.lowerBound * tiles.size.side
            let filters = Filters(base: lanes[lane], panels: chunk.count, inner: inputs, firstPosition: first)
            profile?.enter(.filters)
            filters.pack(
                parameters.weights, inputs: inputs, outputs: outputs, first: chunk.lowerBound, only: .init(rows),
                team: .solo)
            profile?.enter(.products)
            var target = m
            target.base += 16 * chunk.lowerBound
            for p in first..<rows.upperBound * tiles.size.side {
                filters.multiply(
                    v, position: p, rows: 0..<block.count, into: target, ahead: v.ahead(of: p, rows: block.count))
            }
        }
    }

    // MARK: Transforms

    private func channels(_ panels: Range<Int>) -> Range<Int> {
        16 * panels.lowerBound..<min(16 * panels.upperBound, outputs)
    }

    private func transformNormalized(
        _ piece: Range<Int>, of block: Range<Int>, to v: WinogradMatrices, scratch: UnsafeMutablePointer<Float>
    ) {
        let own = tiles.normalizing(
            piece, blocking.sharesTiles ? normalization : nil, scratch: scratch + tiles.scratch)
        for tile in piece { own.transformInput(tile, to: v, index: tile - block.lowerBound, scratch: scratch) }
    }

    /// A block's input, of which each thread takes some tiles.
    private func transformInputs(_ block: Range<Int>, to v: WinogradMatrices, lanes: TeamScratch) {
        engine.profile?.enter(.transforms)
        guard blocking.sharesTiles else {
            return engine.transform(block, moving: bytesRead(block)) { lane, piece in
                transformNormalized(piece, of: block, to: v, scratch: lanes[lane])
            }
        }
        let pieces = tiles.pieces(of: block)
        team.forEach(pieces.count, moving: bytesRead(block)) { lane, index in
            transformNormalized(pieces[index], of: block, to: v, scratch: lanes[lane])
        }
    }

    private func write(
        _ piece: Range<Int>, of block: Range<Int>, channels: Range<Int>, from m: WinogradMatrices,
        scratch: UnsafeMutablePointer<Float>
    ) {
        for tile in piece {
            tiles.writeOutput(
                tile, channels: channels, from: m, index: tile - block.lowerBound, bias: parameters.bias,
                activation: activation, output: output, scratch: scratch)
        }
    }

    /// A block's output, of which each thread takes some tiles and channels.
    private func writeOutputs(_ block: Range<Int>, from m: WinogradMatrices, lanes: TeamScratch) {
        let pieces = tiles.pieces(of: block)
        let panels = blocking.pieces(of: 0..<tiles.outputPanels, beside: pieces.count)
        team.forEach(pieces.count * panels.count, moving: bytesWritten(block)) { lane, index in
            let own = channels(panels[index % panels.count])
            var source = m
            source.base += own.lowerBound
            write(pieces[index / panels.count], of: block, channels: own, from: source, scratch: lanes[lane])
        }
    }

    private func addMoments(_ piece: Range<Int>, to part: Int) {
        guard let moments else { return }
        for pixels in tiles.outputRows(of: piece, in: [output]) { moments.addMoments(pixels, to: part) }
    }
}
