/// Which image sides a U-Net can take, and what comes out; heights and widths are independent.
public struct UNetGeometry: Hashable, Sendable {
    public let depth: Int
    public let padding: UNetArchitecture.Padding

    public init(depth: Int, padding: UNetArchitecture.Padding) {
        self.depth = depth
        self.padding = padding
    }

    /// 2^depth: sides of legal inputs, and shifts that leave the poolings where they are, differ by multiples of it.
    public var stride: Int { 1 << depth }

    /// Pixels on each side by which the input is larger than the output: 6·2^d − 4 for `valid` (8, 20, 44, 92, 188 at
    /// depths 1 to 5), 0 for `same`.
    public var margin: Int { padding == .same ? 0 : 6 * stride - 4 }

    /// The smallest legal input side.
    package var smallestInput: Int {
        // A bottom of b pixels leaves b·2^d − 4·(2^d − 1), and that must not be empty at this level or one below.
        padding == .same ? stride : inputSide(bottom: depth == 0 ? 1 : depth == 1 ? 3 : 4)
    }

    /// The legal input side whose lowest activations end `bottom` pixels wide.
    private func inputSide(bottom: Int) -> Int { (bottom + 8) * stride - 4 }

    /// Whether an input of this side goes through every pooling without a remainder and leaves an output.
    public func isLegal(input side: Int) -> Bool {
        side >= smallestInput && (side - smallestInput) % stride == 0
    }

    /// The output's side for a legal input's.
    public func output(input side: Int) -> Int {
        precondition(isLegal(input: side), "\(side) is not a legal input side at depth \(depth), padding \(padding)")
        return side - 2 * margin
    }

    /// The smallest legal input side that is at least `side`.
    public func legalInput(atLeast side: Int) -> Int {
        guard side > smallestInput else { return smallestInput }
        return smallestInput + (side - smallestInput + stride - 1) / stride * stride
    }

    /// The smallest legal input side whose output is at least `side`.
    public func legalInput(outputAtLeast side: Int) -> Int { legalInput(atLeast: side + 2 * margin) }

    /// The legal input sides next to an impossible one, below and above, in words: "572 or 588".
    public func nearestLegal(to side: Int) -> String {
        let above = legalInput(atLeast: side)
        return above - stride >= smallestInput ? "\(above - stride) or \(above)" : "\(above)"
    }
}
