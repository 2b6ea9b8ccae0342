/// The backward pass as the adjoint of the forward pass: the gradient by the output is transformed once, for the gradients
/// by the weights and by the input.
///
/// Its bits: the weights' gradient is one chain over the tiles of a band, and then over the bands; the bias's over the tiles of
/// a row, and then over the rows; the input's over the tiles of a row, and where two rows of tiles overlap the upper one's
/// sum is added to the lower one's.
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
struct WinogradBackward<Points: WinogradPoints> {
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
        blocking = WinogradBlocking(tiles, .backward, threads: engine.team.threads)
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
        if blocking.sharesTiles {
            return blocking.suffices(blocking.bands.count) ? byBands(workspace) : byPositions(workspace)
        }
        gradientNormalization?.apply(outputGradient, team: team)
        engine.withNormalized(tiles.inputs, normalization, workspace: workspace) { inputs in
            var pass = self
            pass.tiles.inputs = inputs
            pass.byChannels(workspace)
        }
    }

    var team: ThreadTeam { engine.team }
    var inputs: Int { tiles.inputChannels }
    var outputs: Int { tiles.outputChannels }

    /// Rows of tiles that a block reaches.
    func rows(of block: Range<Int>) -> Range<Int> {
        block.lowerBound / tiles.across..<(block.upperBound + tiles.across - 1) / tiles.across
    }

    /// Vᵀ·M over some tiles, for the gradient of the transformed filters at one position.
    ///
    /// - Parameters:
    ///   - rows: the tiles, by their rows in `v` and `m`.
    ///   - channels: the inputs' that `u` has rows for.
    ///   - panels: the outputs' panels that `u` has columns for, from column `column` on.
    func weightProduct(
        _ v: WinogradMatrices, _ m: WinogradMatrices, position p: Int, rows: Range<Int>, channels: Range<Int>,
        panels: Range<Int>, into u: WinogradMatrices, column: Int = 0, accumulate: Bool,
        ahead: (base: UnsafePointer<Float>, count: Int)?
    ) {
        let operands = MicroKernel.Operands(
            a: v[position: p] + (rows.lowerBound * v.row + channels.lowerBound), aRow: 1, aStep: v.row,
            b: m[position: p] + (rows.lowerBound * m.row + 16 * panels.lowerBound), bStep: m.row, bPanel: 16,
            inner: rows.count, ahead: ahead?.base ?? UnsafePointer(v.base), aheadCount: ahead?.count ?? 0)
        MicroKernel.matrix(
            operands, rows: channels.count, panels: panels.count, into: u[position: p] + column, row: u.row,
            accumulate: accumulate)
    }

    /// Adds the sums of a block's tiles to those of their rows, tile by tile.
    func addBias(_ tileSums: UnsafePointer<Float>, of block: Range<Int>, to rowSums: UnsafeMutablePointer<Float>) {
        let row = tiles.outputRow
        for tile in block {
            let target = rowSums + tile / tiles.across * row
            let values = tileSums + (tile - block.lowerBound) * row
            for c in 0..<outputs { target[c] += values[c] }
        }
    }

    /// The bias's gradient is the sum of all rows' sums.
    func takeBias(_ rowSums: UnsafePointer<Float>) {
        gradients.bias.update(from: rowSums, count: outputs)
        for row in 1..<max(tiles.down, 1) {
            let values = rowSums + row * tiles.outputRow
            for c in 0..<outputs { gradients.bias[c] += values[c] }
        }
    }

    /// Adds some channels of the input gradients of a row's tiles, those of them that a block has, to where they were read.
    ///
    /// - Parameter v: the gradients in the Winograd domain, of these channels alone.
    func addInputGradients(
        row: Int, of block: Range<Int>, channels: Range<Int>, from v: WinogradMatrices, borders: WinogradBorders,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let below = row + 1 < tiles.down ? borders.below(row) : nil
        for tile in block.clamped(to: row * tiles.across..<(row + 1) * tiles.across) {
            tiles.addInputGradient(
                tile, channels: channels, from: v, index: tile - block.lowerBound, to: inputGradients, below: below,
                scratch: scratch)
        }
    }

    /// Adds some channels of what the row of tiles above left for a row whose own gradients are there.
    func addBorder(above row: Int, channels: Range<Int>, borders: WinogradBorders) {
        guard row > 0 else { return }
        borders.add(below: row - 1, channels: channels, fromRow: tiles.size.outputs * row - tiles.padding)
    }

    /// Transforms input and gradient of some tiles of a block.
    func transform(
        _ piece: Range<Int>, of block: Range<Int>, gradient: TensorView, to v: WinogradMatrices, _ m: WinogradMatrices,
        sums: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
    ) {
        for tile in piece {
            let index = tile - block.lowerBound
            tiles.transformInput(tile, to: v, index: index, scratch: scratch)
            tiles.transformGradient(
                tile, gradient: gradient, activation: activation, output: output, to: m, sums: sums, index: index,
                scratch: scratch)
        }
    }

    /// Bytes of activations that the transforms read for a block, and that its input gradients are written to.
    func bytesRead(_ block: Range<Int>) -> Int {
        let views = [outputGradient, output, gradientNormalization?.values].compactMap { $0 }
        return 4
            * (tiles.inputRows(of: block, in: tiles.inputs) + tiles.outputRows(of: block, in: views))
            .reduce(0) { $0 + $1.rows * $1.count }
    }
    func bytesWritten(_ block: Range<Int>) -> Int {
        4 * tiles.inputRows(of: block, in: inputGradients).reduce(0) { $0 + $1.rows * $1.count }
    }
}
