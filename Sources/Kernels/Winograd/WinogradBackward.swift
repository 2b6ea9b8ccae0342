/// The backward pass as the adjoint of the forward pass: the gradient by the output is transformed once, for the gradients
/// by the weights and by the input.
extension Engine {
    func winogradConvolution3x3Backward(
        _ size: WinogradSize, _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int,
        activation: Activation,
        output: TensorView?, outputGradient: TensorView, inputGradients: [TensorView]?, gradients: LayerGradients,
        normalization: NormalizedInput?, gradientNormalization: NormalizedGradient?, workspace: Workspace
    ) {
        switch size {
        case .four:
            WinogradBackward<FourPoints>(
                self, inputs, parameters, padding: padding, activation: activation, output: output,
                outputGradient: outputGradient, inputGradients: inputGradients, gradients: gradients,
                normalization: normalization, gradientNormalization: gradientNormalization
            ).run(workspace)
        case .six:
            WinogradBackward<SixPoints>(
                self, inputs, parameters, padding: padding, activation: activation, output: output,
                outputGradient: outputGradient, inputGradients: inputGradients, gradients: gradients,
                normalization: normalization, gradientNormalization: gradientNormalization
            ).run(workspace)
        }
    }
}

/// One layer's backward pass.
private struct WinogradBackward<Points: WinogradPoints> {
    typealias Filters = WinogradFilters<Points>

    let engine: Engine
    var tiles: WinogradTiles<Points>
    let blocking: WinogradBlocking<Points>
    let parameters: LayerParameters
    let activation: Activation
    /// Nil where the activation function's gradient does not need it.
    let output: TensorView?
    let outputGradient: TensorView
    /// Empty where nothing lies below the layer.
    let inputGradients: [TensorView]
    let gradients: LayerGradients
    /// Used by tiles alone: channel by channel input and gradient come as they are to be read.
    let normalization: NormalizedInput?
    let gradientNormalization: NormalizedGradient?

    init(
        _ engine: Engine, _ inputs: [TensorView], _ parameters: LayerParameters, padding: Int, activation: Activation,
        output: TensorView?, outputGradient: TensorView, inputGradients: [TensorView]?, gradients: LayerGradients,
        normalization: NormalizedInput?, gradientNormalization: NormalizedGradient?
    ) {
        self.engine = engine
        tiles = WinogradTiles(inputs, padding: padding, output: outputGradient)
        blocking = WinogradBlocking(tiles, .backward)
        self.parameters = parameters
        self.activation = activation
        self.output = output
        self.outputGradient = outputGradient
        self.inputGradients = inputGradients ?? []
        self.gradients = gradients
        self.normalization = normalization
        self.gradientNormalization = gradientNormalization
    }

    func run(_ workspace: Workspace) {
        guard !blocking.sharesTiles else { return byTiles(workspace) }
        gradientNormalization?.apply(outputGradient, team: team)
        engine.withNormalized(tiles.inputs, normalization, workspace: workspace) { inputs in
            var pass = self
            pass.tiles.inputs = inputs
            pass.byChannels(workspace)
        }
    }

    private var team: ThreadTeam { engine.team }
    private var inputs: Int { tiles.inputChannels }
    private var outputs: Int { tiles.outputChannels }

    /// Each band of rows of tiles has sums of its own, and is one thread's.
    private func byTiles(_ workspace: Workspace) {
        let bands = blocking.bands
        let bandBlocks = bands.map { blocking.blocks($0) }
        let rows = bandBlocks.flatMap { $0.map(\.count) }.max() ?? 0
        let vCount = WinogradMatrices.count(tiles.size, rows: rows, row: tiles.inputRow)
        let mCount = WinogradMatrices.count(tiles.size, rows: rows, row: tiles.outputRow)
        let sumCount = rows * tiles.outputRow
        let normalizedCount = normalization == nil ? 0 : tiles.normalizedInputCount
        let gradientCount = gradientNormalization == nil ? 0 : tiles.normalizedGradientCount
        let laneCount = vCount + mCount + sumCount + tiles.scratch + normalizedCount + gradientCount
        let uCount = WinogradMatrices.count(tiles.size, rows: inputs, row: tiles.outputRow)
        let borders = WinogradBorders(inputGradients, bands: bands.count)
        let filterCount = Filters.count(panels: tiles.inputPanels, inner: outputs)
        workspace.lend(filterCount + bands.count * (uCount + tiles.outputRow) + borders.count) { base in
            let filters = Filters(base: base, panels: tiles.inputPanels, inner: outputs)
            let u = (0..<bands.count).map {
                WinogradMatrices(base + (filterCount + $0 * uCount), tiles.size, rows: inputs, row: tiles.outputRow)
            }
            let biases = base + (filterCount + bands.count * uCount)
            let border = biases + bands.count * tiles.outputRow
            biases.update(repeating: 0, count: bands.count * tiles.outputRow)
            if !inputGradients.isEmpty {
                engine.profile?.enter(.filters)
                filters.packTransposed(parameters.weights, inputs: inputs, outputs: outputs, first: 0, team: team)
            }
            workspace.lend(team.threads * laneCount) { lanes in
                team.forEach(bands.count) { lane, band in
                    let profile = lane == 0 ? engine.profile : nil
                    let v = WinogradMatrices(lanes + lane * laneCount, tiles.size, rows: rows, row: tiles.inputRow)
                    let m = WinogradMatrices(v.base + vCount, tiles.size, rows: rows, row: tiles.outputRow)
                    let sums = m.base + mCount
                    let scratch = sums + sumCount
                    let lastRow = bands[band].upperBound - 1
                    let below = band + 1 < bands.count ? borders.views(band, border) : nil
                    let blocks = bandBlocks[band]
                    for (number, block) in blocks.enumerated() {
                        let next = number + 1 < blocks.count ? blocks[number + 1] : block.upperBound..<block.upperBound
                        profile?.enter(.transforms)
                        for piece in tiles.pieces(of: block) {
                            let normalized = scratch + tiles.scratch
                            let tiles = tiles.normalizing(piece, normalization, scratch: normalized)
                            let gradient = tiles.gradient(
                                piece, outputGradient, gradientNormalization, scratch: normalized + normalizedCount)
                            for tile in piece {
                                let index = tile - block.lowerBound
                                tiles.transformInput(tile, to: v, index: index, scratch: scratch)
                                tiles.transformGradient(
                                    tile, gradient: gradient, activation: activation, output: output, to: m,
                                    sums: sums, index: index, scratch: scratch)
                            }
                        }
                        profile?.enter(.products)
                        addBias(sums, rows: block.count, to: biases + band * tiles.outputRow)
                        weightProduct(
                            v, m, rows: block.count, first: 0, panels: tiles.outputPanels,
                            into: u[band], accumulate: number > 0,
                            ahead: PrefetchSchedule(
                                tiles.inputRows(of: next, in: tiles.inputs)
                                    + tiles.inputRows(of: block, in: inputGradients),
                                products: tiles.size.positions))
                        if inputGradients.isEmpty { continue }
                        filters.multiply(
                            m, rows: block.count, into: v,
                            ahead: PrefetchSchedule(
                                tiles.outputRows(
                                    of: next,
                                    in: [outputGradient, output, gradientNormalization?.values].compactMap { $0 }),
                                products: tiles.size.positions))
                        profile?.enter(.transforms)
                        for tile in block {
                            tiles.addInputGradient(
                                tile, channels: 0..<inputs, from: v, index: tile - block.lowerBound,
                                to: inputGradients, firstRow: bands[band].lowerBound,
                                below: tile / tiles.across == lastRow ? below : nil, scratch: scratch)
                        }
                    }
                }
            }
            for band in 0..<bands.count - 1 {
                borders.add(band, border, fromRow: tiles.size.outputs * bands[band].upperBound - tiles.padding)
            }
            gradients.bias.update(from: biases, count: outputs)
            for band in 1..<max(bands.count, 1) {
                for c in 0..<outputs { gradients.bias[c] += biases[band * tiles.outputRow + c] }
            }
            engine.profile?.enter(.filters)
            Filters.gradient(
                u[0], terms: bands.count, distance: uCount, inputs: inputs, outputs: outputs, first: 0,
                panels: tiles.outputPanels, into: gradients.weights, team: team)
        }
    }

    /// All tiles of a block together; the outputs' channels are shared out for the weights' gradient, the inputs' for
    /// the input's.
    private func byChannels(_ workspace: Workspace) {
        let blocks = blocking.blocks(0..<tiles.down)
        let rows = blocks.map(\.count).max() ?? 0
        let vCount = WinogradMatrices.count(tiles.size, rows: rows, row: tiles.inputRow)
        let mCount = WinogradMatrices.count(tiles.size, rows: rows, row: tiles.outputRow)
        let outputChunks = WinogradBlocking<Points>.chunks(tiles.outputPanels, inner: inputs)
        let inputChunks = WinogradBlocking<Points>.chunks(tiles.inputPanels, inner: outputs)
        let uRow = 16 * outputChunks[0].count
        let uCount = WinogradMatrices.count(tiles.size, rows: inputs, row: uRow)
        let filterCount = Filters.count(panels: inputChunks[0].count, inner: outputs)
        let chunkRow = 16 * inputChunks[0].count
        let chunkCount = WinogradMatrices.count(tiles.size, rows: rows, row: chunkRow)
        let laneCount = max(filterCount + chunkCount, blocks.count > 1 ? 0 : uCount) + tiles.scratch
        // Where there are several blocks, the sums of all chunks wait for the last.
        let waiting = blocks.count > 1 ? outputChunks.count * uCount : 0
        workspace.lend(vCount + mCount + waiting + rows * tiles.outputRow) { base in
            workspace.lend(team.threads * laneCount) { lanes in
                let v = WinogradMatrices(base, tiles.size, rows: rows, row: tiles.inputRow)
                let m = WinogradMatrices(base + vCount, tiles.size, rows: rows, row: tiles.outputRow)
                let sums = m.base + (mCount + waiting)
                gradients.bias.update(repeating: 0, count: outputs)
                for block in blocks {
                    engine.profile?.enter(.transforms)
                    engine.transform(block) { lane, tile in
                        let index = tile - block.lowerBound
                        let scratch = lanes + lane * laneCount
                        tiles.transformInput(tile, to: v, index: index, scratch: scratch)
                        tiles.transformGradient(
                            tile, gradient: outputGradient, activation: activation, output: output, to: m,
                            sums: sums, index: index, scratch: scratch)
                    }
                    engine.profile?.enter(.products)
                    addBias(sums, rows: block.count, to: gradients.bias)
                    team.forEach(outputChunks.count) { lane, index in
                        let profile = lane == 0 ? engine.profile : nil
                        let chunk = outputChunks[index]
                        let u = WinogradMatrices(
                            waiting > 0 ? m.base + (mCount + index * uCount) : lanes + lane * laneCount, tiles.size,
                            rows: inputs, row: uRow)
                        profile?.enter(.products)
                        weightProduct(
                            v, m, rows: block.count, first: chunk.lowerBound, panels: chunk.count,
                            into: u, accumulate: block.lowerBound > 0)
                        guard block.upperBound == tiles.count else { return }
                        profile?.enter(.filters)
                        Filters.gradient(
                            u, inputs: inputs, outputs: outputs, first: chunk.lowerBound, panels: chunk.count,
                            into: gradients.weights, team: .solo)
                    }
                    if inputGradients.isEmpty { continue }
                    team.forEach(inputChunks.count) { lane, index in
                        let profile = lane == 0 ? engine.profile : nil
                        let chunk = inputChunks[index]
                        let filters = Filters(
                            base: lanes + lane * laneCount, panels: chunk.count, inner: outputs)
                        let part = WinogradMatrices(filters.base + filterCount, tiles.size, rows: rows, row: chunkRow)
                        profile?.enter(.filters)
                        filters.packTransposed(
                            parameters.weights, inputs: inputs, outputs: outputs, first: chunk.lowerBound, team: .solo)
                        profile?.enter(.products)
                        filters.multiply(m, rows: block.count, into: part)
                        profile?.enter(.transforms)
                        for tile in block {
                            tiles.addInputGradient(
                                tile, channels: 16 * chunk.lowerBound..<min(16 * chunk.upperBound, inputs), from: part,
                                index: tile - block.lowerBound, to: inputGradients, firstRow: 0, below: nil,
                                scratch: part.base + chunkCount)
                        }
                    }
                }
            }
        }
    }

    /// Vᵀ·M over the tiles of a block, for some panels of the outputs: the gradient of the transformed filters.
    private func weightProduct(
        _ v: WinogradMatrices, _ m: WinogradMatrices, rows: Int, first: Int, panels: Int, into u: WinogradMatrices,
        accumulate: Bool, ahead schedule: PrefetchSchedule? = nil
    ) {
        for p in 0..<tiles.size.positions {
            let ahead = schedule.map { $0[position: p] } ?? v.ahead(of: p, rows: rows)
            let operands = MicroKernel.Operands(
                a: v[position: p], aRow: 1, aStep: v.row, b: m[position: p] + 16 * first, bStep: m.row, bPanel: 16,
                inner: rows, ahead: ahead?.base ?? UnsafePointer(v.base), aheadCount: ahead?.count ?? 0)
            MicroKernel.matrix(
                operands, rows: inputs, panels: panels, into: u[position: p], row: u.row, accumulate: accumulate)
        }
    }

    /// The bias's gradient is the sum of all tiles' sums.
    private func addBias(_ tileSums: UnsafePointer<Float>, rows: Int, to sums: UnsafeMutablePointer<Float>) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: outputs) { partial in
            guard let partial = partial.baseAddress else { return }
            partial.initialize(repeating: 0, count: outputs)
            for index in 0..<rows {
                let values = tileSums + index &* tiles.outputRow
                for c in 0..<outputs { partial[c] += values[c] }
            }
            for c in 0..<outputs { sums[c] += partial[c] }
        }
    }
}
