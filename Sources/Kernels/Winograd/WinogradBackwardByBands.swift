/// The backward pass of a narrow layer by few threads: each band of rows of tiles is one thread's, in blocks that stay in its
/// caches.
extension WinogradBackward {
    func byBands(_ workspace: Workspace) {
        let bands = blocking.bands
        let bandBlocks = bands.map { blocking.blocks($0) }
        let most = bandBlocks.joined().map(\.count).max() ?? 0
        let memory = NarrowMemory(self, bands: bands.count)
        let vCount = WinogradMatrices.count(tiles.size, rows: most, row: tiles.inputRow)
        let mCount = WinogradMatrices.count(tiles.size, rows: most, row: tiles.outputRow)
        let sumCount = most * tiles.outputRow
        let laneCount = vCount + mCount + sumCount + memory.scratchCount
        // A band keeps that of its last row, until all are done where it is not alone, and that of the row before the one under way.
        let kept = min(2, bands.map(\.count).max() ?? 0)
        let isAlone = team.threads == 1
        let borderCount = WinogradBorders.count(inputGradients, kept: isAlone ? 2 : kept)
        workspace.lend(memory.count + (isAlone ? 1 : bands.count) * borderCount) { base in
            let (filters, u, rowSums) = memory.places(base)
            let borders = bands.indices.map {
                WinogradBorders(
                    inputGradients, kept: isAlone ? 2 : kept,
                    base: base + (memory.count + (isAlone ? 0 : $0) * borderCount))
            }
            prepare(filters, rowSums)
            workspace.lend(team.threads * laneCount) { lanes in
                let all = 0..<tiles.count
                team.forEach(bands.count, moving: bytesRead(all) + bytesWritten(all)) { lane, band in
                    let profile = lane == 0 ? engine.profile : nil
                    let v = WinogradMatrices(lanes + lane * laneCount, tiles.size, rows: most, row: tiles.inputRow)
                    let m = WinogradMatrices(v.base + vCount, tiles.size, rows: most, row: tiles.outputRow)
                    let sums = m.base + mCount
                    let scratch = sums + sumCount
                    let blocks = bandBlocks[band]
                    for (number, block) in blocks.enumerated() {
                        let next = number + 1 < blocks.count ? blocks[number + 1] : block.upperBound..<block.upperBound
                        profile?.enter(.transforms)
                        for piece in tiles.pieces(of: block) {
                            transformNormalized(piece, of: block, to: v, m, sums: sums, scratch: scratch)
                        }
                        profile?.enter(.products)
                        addBias(sums, of: block, to: rowSums)
                        // What the next block's transforms will read.
                        let inputs = PrefetchSchedule(
                            tiles.inputRows(of: next, in: tiles.inputs)
                                + tiles.inputRows(of: block, in: inputGradients), products: tiles.size.positions)
                        for p in 0..<tiles.size.positions {
                            weightProduct(
                                v, m, position: p, rows: 0..<block.count, channels: 0..<self.inputs,
                                panels: 0..<tiles.outputPanels, into: u[band], accumulate: number > 0,
                                ahead: inputs[position: p])
                        }
                        if inputGradients.isEmpty { continue }
                        filters.multiply(
                            m, rows: 0..<block.count, into: v,
                            ahead: PrefetchSchedule(
                                tiles.outputRows(of: next, in: gradientViews), products: tiles.size.positions))
                        profile?.enter(.transforms)
                        for row in rows(of: block) {
                            addInputGradients(
                                row: row, of: block, channels: 0..<self.inputs, from: v, borders: borders[band],
                                scratch: scratch)
                            if isAlone || row > bands[band].lowerBound, block.upperBound >= (row + 1) * tiles.across {
                                addBorder(above: row, channels: 0..<self.inputs, borders: borders[band])
                            }
                        }
                    }
                }
            }
            if !isAlone && !inputGradients.isEmpty {
                team.forEach(bands.count - 1) { _, index in
                    addBorder(above: bands[index + 1].lowerBound, channels: 0..<inputs, borders: borders[index])
                }
            }
            takeGradients(u, rowSums)
        }
    }
}

/// The memory of a narrow layer's pass beside its blocks: filters, a sum for each band, and for the bias one for each row.
struct NarrowMemory<Points: WinogradPoints> {
    private let tiles: WinogradTiles<Points>
    private let bands: Int
    private let filterCount: Int
    private let sumCount: Int
    let count: Int
    /// Floats that a thread needs for a piece's normalised pixels, and its transforms.
    let scratchCount: Int

    init(_ pass: WinogradBackward<Points>, bands: Int) {
        tiles = pass.tiles
        self.bands = bands
        filterCount = WinogradFilters<Points>.count(panels: tiles.inputPanels, inner: tiles.outputChannels)
        sumCount = WinogradMatrices.count(tiles.size, rows: tiles.inputChannels, row: tiles.outputRow)
        count = filterCount + bands * sumCount + tiles.down * tiles.outputRow
        scratchCount =
            tiles.scratch + (pass.normalization == nil ? 0 : tiles.normalizedInputCount)
            + (pass.gradientNormalization == nil ? 0 : tiles.normalizedGradientCount)
    }

    func places(
        _ base: UnsafeMutablePointer<Float>
    ) -> (filters: WinogradFilters<Points>, u: [WinogradMatrices], rowSums: UnsafeMutablePointer<Float>) {
        (
            WinogradFilters(base: base, panels: tiles.inputPanels, inner: tiles.outputChannels),
            (0..<bands).map {
                WinogradMatrices(
                    base + (filterCount + $0 * sumCount), tiles.size, rows: tiles.inputChannels, row: tiles.outputRow)
            }, base + (filterCount + bands * sumCount)
        )
    }
}

extension WinogradBackward {
    /// The activations beside the input that the transforms read.
    var gradientViews: [TensorView] { [outputGradient, output, gradientNormalization?.values].compactMap { $0 } }

    /// Packs the filters, and sets the sums for the bias to 0.
    func prepare(_ filters: Filters, _ rowSums: UnsafeMutablePointer<Float>) {
        rowSums.update(repeating: 0, count: tiles.down * tiles.outputRow)
        if inputGradients.isEmpty { return }
        engine.profile?.enter(.filters)
        filters.packTransposed(parameters.weights, inputs: inputs, outputs: outputs, first: 0, team: team)
    }

    /// Transforms a piece of a block by way of the normalisations.
    func transformNormalized(
        _ piece: Range<Int>, of block: Range<Int>, to v: WinogradMatrices, _ m: WinogradMatrices,
        sums: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
    ) {
        let normalized = scratch + tiles.scratch
        var pass = self
        pass.tiles = tiles.normalizing(piece, normalization, scratch: normalized)
        let gradient = tiles.gradient(
            piece, outputGradient, gradientNormalization,
            scratch: normalized + (normalization == nil ? 0 : tiles.normalizedInputCount))
        pass.transform(piece, of: block, gradient: gradient, to: v, m, sums: sums, scratch: scratch)
    }

    /// The gradients by the parameters from the sums of all bands and rows.
    func takeGradients(_ u: [WinogradMatrices], _ rowSums: UnsafePointer<Float>) {
        takeBias(rowSums)
        engine.profile?.enter(.filters)
        let distance = u.count > 1 ? u[1].base - u[0].base : 0
        Filters.gradient(
            u[0], terms: u.count, distance: distance, inputs: 0..<inputs, of: inputs, outputs: outputs, first: 0,
            panels: tiles.outputPanels, into: gradients.weights, team: team)
    }
}
