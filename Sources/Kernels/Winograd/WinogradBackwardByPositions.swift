/// The backward pass of a narrow layer by many threads: they work on a block together, and share out first the transforms, then
/// the products by position, then the transforms back by rows.
extension WinogradBackward {
    func byPositions(_ workspace: Workspace) {
        let blocks = blocking.sharedBlocks
        let bands = blocking.bands
        let most = blocks.map(\.count).max() ?? 0
        let memory = NarrowMemory(self, bands: bands.count)
        let vCount = WinogradMatrices.count(tiles.size, rows: most, row: tiles.inputRow)
        let mCount = WinogradMatrices.count(tiles.size, rows: most, row: tiles.outputRow)
        let sumCount = most * tiles.outputRow
        let kept = 1 + most / tiles.across
        workspace.lend(memory.count + WinogradBorders.count(inputGradients, kept: kept)) { base in
            let (filters, u, rowSums) = memory.places(base)
            let borders = WinogradBorders(inputGradients, kept: kept, base: base + memory.count)
            prepare(filters, rowSums)
            workspace.lend(vCount + mCount + sumCount + team.threads * memory.scratchCount) { base in
                let v = WinogradMatrices(base, tiles.size, rows: most, row: tiles.inputRow)
                let m = WinogradMatrices(base + vCount, tiles.size, rows: most, row: tiles.outputRow)
                let sums = m.base + mCount
                let lanes = TeamScratch(base: sums + sumCount, count: memory.scratchCount)
                for block in blocks {
                    engine.profile?.enter(.transforms)
                    let pieces = tiles.pieces(of: block)
                    team.forEach(pieces.count, moving: bytesRead(block)) { lane, index in
                        transformNormalized(pieces[index], of: block, to: v, m, sums: sums, scratch: lanes[lane])
                    }
                    engine.profile?.enter(.products)
                    addWeightProducts(v, m, of: block, bands: bands, to: u, sums: sums, rowSums: rowSums)
                    if inputGradients.isEmpty { continue }
                    multiply(m, of: block, by: filters, into: v)
                    addInputGradients(of: block, from: v, borders: borders, lanes: lanes)
                }
            }
            takeGradients(u, rowSums)
        }
    }

    /// Adds a block's products to the bands' sums for the weights' gradient, and its sums to the rows' for the bias's.
    private func addWeightProducts(
        _ v: WinogradMatrices, _ m: WinogradMatrices, of block: Range<Int>, bands: [Range<Int>],
        to u: [WinogradMatrices], sums: UnsafePointer<Float>, rowSums: UnsafeMutablePointer<Float>
    ) {
        let across = tiles.across
        let parts = bands.enumerated().compactMap { band, rows -> (band: Int, rows: Range<Int>, isFirst: Bool)? in
            let all = rows.lowerBound * across..<rows.upperBound * across
            let own = block.clamped(to: all)
            let rows = own.lowerBound - block.lowerBound..<own.upperBound - block.lowerBound
            return own.isEmpty ? nil : (band: band, rows: rows, isFirst: own.lowerBound == all.lowerBound)
        }
        let positions = tiles.size.positions
        let columns = blocking.pieces(of: 0..<tiles.outputPanels, beside: parts.count * positions)
        let products = parts.count * columns.count * positions
        team.forEach(products + 1) { _, index in
            guard index < products else { return addBias(sums, of: block, to: rowSums) }
            let (place, p) = index.quotientAndRemainder(dividingBy: positions)
            let part = parts[place / columns.count]
            let panels = columns[place % columns.count]
            weightProduct(
                v, m, position: p, rows: part.rows, channels: 0..<inputs, panels: panels, into: u[part.band],
                column: 16 * panels.lowerBound, accumulate: !part.isFirst, ahead: nil)
        }
    }

    /// A block's gradients by the input, in the Winograd domain.
    private func multiply(
        _ m: WinogradMatrices, of block: Range<Int>, by filters: Filters, into v: WinogradMatrices
    ) {
        let positions = tiles.size.positions
        let pieces = blocking.pairs(block.count, beside: positions)
        team.forEach(pieces.count * positions) { _, index in
            let (piece, p) = index.quotientAndRemainder(dividingBy: positions)
            filters.multiply(m, position: p, rows: pieces[piece], into: v, ahead: nil)
        }
    }

    /// Transforms a block's gradients back, by rows of tiles and by channels.
    func addInputGradients(
        of block: Range<Int>, from v: WinogradMatrices, borders: WinogradBorders, lanes: TeamScratch
    ) {
        engine.profile?.enter(.transforms)
        let rows = rows(of: block)
        let panels = blocking.pieces(of: 0..<tiles.inputPanels, beside: rows.count)
        team.forEach(rows.count * panels.count, moving: bytesWritten(block)) { lane, index in
            let (row, part) = index.quotientAndRemainder(dividingBy: panels.count)
            let channels = 16 * panels[part].lowerBound..<min(16 * panels[part].upperBound, inputs)
            var own = v
            own.base += channels.lowerBound
            addInputGradients(
                row: rows.lowerBound + row, of: block, channels: channels, from: own, borders: borders,
                scratch: lanes[lane])
        }
        team.forEach(rows.count) { _, index in
            addBorder(above: rows.lowerBound + index, channels: 0..<inputs, borders: borders)
        }
    }
}

/// Scratch memory of each thread of a team.
struct TeamScratch {
    let base: UnsafeMutablePointer<Float>
    /// Floats of a thread.
    let count: Int

    subscript(lane: Int) -> UnsafeMutablePointer<Float> { base + lane * count }
}
