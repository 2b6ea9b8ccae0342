/// The backward pass of a wide layer: all tiles of a block are transformed together; the team shares out the outputs'
/// channels for the weights' gradient, the inputs' for the input's.
extension WinogradBackward {
    func byChannels(_ workspace: Workspace) {
        let blocks = blocking.sharedBlocks
        let most = blocks.map(\.count).max() ?? 0
        let vCount = WinogradMatrices.count(tiles.size, rows: most, row: tiles.inputRow)
        let mCount = WinogradMatrices.count(tiles.size, rows: most, row: tiles.outputRow)
        let sumCount = most * tiles.outputRow
        let rowSumCount = tiles.down * tiles.outputRow
        let weightParts = WeightParts(blocking, isInOneBlock: blocks.count == 1)
        let inputParts = InputParts(blocking, rows: most)
        // Chunk by chunk each row is added to the one above as soon as it is there.
        let kept = inputParts.isByPositions ? 1 + most / tiles.across : 2
        let laneCount = max(weightParts.laneCount, inputParts.laneCount) + tiles.scratch
        workspace.lend(
            vCount + mCount + weightParts.keptCount + sumCount + rowSumCount
                + WinogradBorders.count(inputGradients, kept: kept)
        ) { base in
            let v = WinogradMatrices(base, tiles.size, rows: most, row: tiles.inputRow)
            let m = WinogradMatrices(base + vCount, tiles.size, rows: most, row: tiles.outputRow)
            let keptSums = m.base + mCount
            let sums = keptSums + weightParts.keptCount
            let rowSums = sums + sumCount
            let borders = WinogradBorders(inputGradients, kept: kept, base: rowSums + rowSumCount)
            rowSums.update(repeating: 0, count: rowSumCount)
            workspace.lend(team.threads * laneCount) { base in
                let lanes = TeamScratch(base: base, count: laneCount)
                for block in blocks {
                    engine.profile?.enter(.transforms)
                    engine.transform(block, moving: bytesRead(block)) { lane, piece in
                        transform(
                            piece, of: block, gradient: outputGradient, to: v, m, sums: sums, scratch: lanes[lane])
                    }
                    engine.profile?.enter(.products)
                    addWeightProducts(
                        weightParts, v, m, of: block, kept: keptSums, sums: sums, rowSums: rowSums, lanes: lanes)
                    if inputGradients.isEmpty { continue }
                    if inputParts.isByPositions {
                        multiplyByPositions(inputParts, m, of: block, into: v, lanes: lanes)
                        addInputGradients(of: block, from: v, borders: borders, lanes: lanes)
                    } else {
                        addInputGradients(inputParts, m, of: block, rows: most, borders: borders, lanes: lanes)
                    }
                }
            }
            takeBias(rowSums)
        }
    }

    // MARK: By the weights

    /// How the weights' gradient is shared out: chunks of the outputs' panels, and pieces of the inputs.
    private struct WeightParts {
        let chunks: [Range<Int>]
        let inputs: [Range<Int>]
        /// Floats of a part's sums, those of them that a lane needs, and those that wait for the last block.
        let sumCount: Int
        let laneCount: Int
        let keptCount: Int
        let row: Int

        init(_ blocking: WinogradBlocking<Points>, isInOneBlock: Bool) {
            let tiles = blocking.tiles
            chunks = blocking.chunks(tiles.outputPanels, inner: tiles.inputChannels)
            inputs =
                blocking.suffices(chunks.count)
                ? [0..<tiles.inputChannels]
                : blocking.pieces(of: 0..<tiles.inputChannels, beside: chunks.count, atLeast: 2 * MicroKernel.rows)
            row = 16 * chunks[0].count
            sumCount = WinogradMatrices.count(tiles.size, rows: inputs.map(\.count).max() ?? 0, row: row)
            laneCount = isInOneBlock ? sumCount : 0
            keptCount = isInOneBlock ? 0 : chunks.count * inputs.count * sumCount
        }
    }

    private func addWeightProducts(
        _ parts: WeightParts, _ v: WinogradMatrices, _ m: WinogradMatrices, of block: Range<Int>,
        kept: UnsafeMutablePointer<Float>, sums: UnsafePointer<Float>, rowSums: UnsafeMutablePointer<Float>,
        lanes: TeamScratch
    ) {
        let rows = parts.inputs.map(\.count).max() ?? 0
        let products = parts.chunks.count * parts.inputs.count
        let isLast = block.upperBound == tiles.count
        team.forEach(products + 1, moving: isLast ? 4 * 9 * inputs * outputs : 0) { lane, index in
            guard index < products else { return addBias(sums, of: block, to: rowSums) }
            let profile = lane == 0 ? engine.profile : nil
            let chunk = parts.chunks[index / parts.inputs.count]
            let channels = parts.inputs[index % parts.inputs.count]
            let u = WinogradMatrices(
                parts.keptCount > 0 ? kept + index * parts.sumCount : lanes[lane], tiles.size, rows: rows,
                row: parts.row)
            profile?.enter(.products)
            for p in 0..<tiles.size.positions {
                weightProduct(
                    v, m, position: p, rows: 0..<block.count, channels: channels, panels: chunk, into: u,
                    accumulate: block.lowerBound > 0, ahead: v.ahead(of: p, rows: block.count))
            }
            guard isLast else { return }
            profile?.enter(.filters)
            Filters.gradient(
                u, inputs: channels, of: inputs, outputs: outputs, first: chunk.lowerBound, panels: chunk.count,
                into: gradients.weights, team: .solo)
        }
    }

    // MARK: By the input

    /// How the gradient by the input is shared out: chunks of the inputs' panels, or, where these are too few for the team, rows
    /// of positions too.
    private struct InputParts {
        let chunks: [Range<Int>]
        /// Rows of positions; one part for all unless it is by positions.
        let positions: [Range<Int>]
        let isByPositions: Bool
        let filterCount: Int
        let laneCount: Int

        init(_ blocking: WinogradBlocking<Points>, rows: Int) {
            let tiles = blocking.tiles
            let chunks = blocking.chunks(tiles.inputPanels, inner: tiles.outputChannels)
            isByPositions = !blocking.suffices(chunks.count)
            (self.chunks, positions) =
                isByPositions
                ? blocking.positionParts(tiles.inputPanels) : (chunks, [0..<tiles.size.side])
            let (panels, side) = (self.chunks[0].count, positions.map(\.count).max() ?? 0)
            filterCount = Filters.count(panels: panels, inner: tiles.outputChannels, positionRows: side)
            laneCount =
                filterCount
                + (isByPositions ? 0 : WinogradMatrices.count(tiles.size, rows: rows, row: 16 * panels))
        }
    }

    /// The gradients of some channels after another, from the weights to where they are added.
    private func addInputGradients(
        _ parts: InputParts, _ m: WinogradMatrices, of block: Range<Int>, rows: Int, borders: WinogradBorders,
        lanes: TeamScratch
    ) {
        let bytes = 4 * 9 * inputs * outputs + bytesWritten(block)
        team.forEach(parts.chunks.count, moving: bytes) { lane, index in
            let profile = lane == 0 ? engine.profile : nil
            let chunk = parts.chunks[index]
            let channels = 16 * chunk.lowerBound..<min(16 * chunk.upperBound, inputs)
            let filters = Filters(base: lanes[lane], panels: chunk.count, inner: outputs)
            let part = WinogradMatrices(
                filters.base + parts.filterCount, tiles.size, rows: rows, row: 16 * parts.chunks[0].count)
            profile?.enter(.filters)
            filters.packTransposed(
                parameters.weights, inputs: inputs, outputs: outputs, first: chunk.lowerBound, team: .solo)
            profile?.enter(.products)
            filters.multiply(m, rows: 0..<block.count, into: part)
            profile?.enter(.transforms)
            for row in self.rows(of: block) {
                addInputGradients(
                    row: row, of: block, channels: channels, from: part, borders: borders,
                    scratch: lanes[lane] + parts.laneCount)
                addBorder(above: row, channels: channels, borders: borders)
            }
        }
    }

    /// A block's gradients in the Winograd domain, each part with filters of some channels at some positions.
    private func multiplyByPositions(
        _ parts: InputParts, _ m: WinogradMatrices, of block: Range<Int>, into v: WinogradMatrices, lanes: TeamScratch
    ) {
        team.forEach(parts.chunks.count * parts.positions.count, moving: 4 * 9 * inputs * outputs) { lane, index in
            let profile = lane == 0 ? engine.profile : nil
            let chunk = parts.chunks[index / parts.positions.count]
            let rows = parts.positions[index % parts.positions.count]
            let filters = Filters(
                base: lanes[lane], panels: chunk.count, inner: outputs, firstPosition: rows.lowerBound * tiles.size.side
            )
            profile?.enter(.filters)
            filters.packTransposed(
                parameters.weights, inputs: inputs, outputs: outputs, first: chunk.lowerBound,
                only: .init(rows), team: .solo)
            profile?.enter(.products)
            var target = v
            target.base += 16 * chunk.lowerBound
            for p in rows.lowerBound * tiles.size.side..<rows.upperBound * tiles.size.side {
                filters.multiply(
                    m, position: p, rows: 0..<block.count, into: target, ahead: m.ahead(of: p, rows: block.count))
            }
        }
    }
}
