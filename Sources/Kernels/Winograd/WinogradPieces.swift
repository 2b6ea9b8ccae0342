/// Normalisations beside a convolution: a block's tiles are transformed a piece at a time, whose pixels are normalised into
/// scratch memory first, so that the first-level cache holds them.
extension WinogradTiles {
    /// A block cut into pieces of few tiles of one row.
    func pieces(of block: Range<Int>) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        var first = block.lowerBound
        while first < block.upperBound {
            let end = min(first + Self.pieceTiles, block.upperBound, (first / across + 1) * across)
            pieces.append(first..<end)
            first = end
        }
        return pieces
    }

    private static var pieceTiles: Int { 8 }

    /// Floats of scratch memory for the normalised input of a piece, and for its gradient.
    var normalizedInputCount: Int { size.side * (size.outputs * Self.pieceTiles + 2) * inputChannels + 16 }
    var normalizedGradientCount: Int { size.outputs * size.outputs * Self.pieceTiles * outputChannels + 16 }

    /// The tiles with an input for one piece, which is normalised into `scratch`.
    func normalizing(
        _ piece: Range<Int>, _ normalization: NormalizedInput?, scratch: UnsafeMutablePointer<Float>
    ) -> WinogradTiles {
        guard let normalization, let input = inputs.first,
            let rectangle = rectangle(of: piece, in: input.shape, offset: -padding, overlap: 2)
        else { return self }
        var tiles = self
        tiles.inputs = [normalization.read(input, rectangle, into: scratch)]
        return tiles
    }

    /// The gradient by the output, of one piece, by way of a normalisation behind it.
    func gradient(
        _ piece: Range<Int>, _ gradient: TensorView, _ normalization: NormalizedGradient?,
        scratch: UnsafeMutablePointer<Float>
    ) -> TensorView {
        guard let normalization, let rectangle = rectangle(of: piece, in: gradient.shape, offset: 0, overlap: 0) else {
            return gradient
        }
        return normalization.read(gradient, rectangle, into: scratch)
    }
}
