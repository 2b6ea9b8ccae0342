/// The sizes of Winograd's F(m×m, 3×3): a tile of m×m outputs is computed from (m + 2)×(m + 2) inputs.
enum WinogradSize: Sendable {
    /// F(4×4, 3×3): 2.25 multiplications an output and pair of channels, in place of 9.
    case four
    /// F(6×6, 3×3): 1.78 multiplications; more rounding, and filters 64/36 as large.
    case six

    /// Outputs of a tile, down and across.
    var outputs: Int {
        switch self {
        case .four: 4
        case .six: 6
        }
    }

    /// Inputs of a tile, down and across.
    var side: Int { outputs + 2 }

    /// Values of a tile in the Winograd domain.
    var positions: Int { side * side }

    /// Tiles that cover an output.
    func tiles(_ output: ImageShape) -> Int {
        ((output.height + outputs - 1) / outputs) * ((output.width + outputs - 1) / outputs)
    }

    /// The size that computes a layer in the least time, or nil where the direct sum does: a function of the layer and the
    /// image size alone, found by measurement.
    ///
    /// Winograd's convolution wins by 1.5 to 4 times from 16×16 pixels on. Below about 12×12 its filters, 36/9 of the
    /// weights, cost more than they save; with fewer than 8 channels reading and writing the activations takes most of the
    /// time. Beyond 2,048 channels the rounding of F(4×4) would pass 1e-5 of a result, and beyond 512 that of F(6×6).
    static func fastest(inputs: Int, output: ImageShape, _ pass: WinogradPass) -> WinogradSize? {
        guard inputs >= 8, max(inputs, output.channels) <= 2048, output.pixels >= 256 else { return nil }
        // The channels over which the products run.
        let summed = pass == .forward ? inputs : output.channels
        guard summed <= mostSummed else { return .four }
        return six.cost(output) < four.cost(output) ? .six : .four
    }

    private static let mostSummed = 512

    /// Multiplications for each pair of channels.
    private func cost(_ output: ImageShape) -> Int { positions * tiles(output) }
}
