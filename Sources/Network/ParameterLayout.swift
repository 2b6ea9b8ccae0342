/// The place of each of a network's tensors in one flat buffer; values, gradients and momentum each have such a buffer,
/// so that summing, updating, clipping and saving are one loop each.
public struct ParameterLayout: Sendable {
    /// The kind of a tensor, which decides its order in memory: PyTorch's index order is for files, ours for channels-last
    /// products.
    public enum Kind: Hashable, Sendable {
        /// File `[out, in, k, k]`, memory `[k][k][in][out]`; k is 3, or 1 for the head.
        case convolution
        /// File `[in, out, 2, 2]` (PyTorch's ConvTranspose2d), memory `[in][2][2][out]`.
        case upConvolution
        /// One value for each output channel.
        case bias
        /// One factor for each channel of a normalisation.
        case scale
    }

    public struct Entry: Hashable, Sendable {
        /// The checkpoint's name: `encoder.0.conv1.weight`.
        public let name: String
        /// PyTorch's shape.
        public let shape: [Int]
        public let kind: Kind
        /// First float in the flat buffer.
        public let offset: Int

        public var count: Int { shape.reduce(1, *) }

        /// Incoming connections of one output: 9·in for 3×3, in for up-convolution and head.
        package var incoming: Int {
            switch kind {
            case .convolution: shape[1] * shape[2] * shape[3]
            case .upConvolution: shape[0]
            case .bias, .scale: 0
            }
        }

        /// Calls `body` with each value's place in PyTorch's order and in ours: blocks of outputs, so that either side of a
        /// copy stays in the first-level cache.
        @inline(__always)
        func forEachPlace(_ body: (_ file: Int, _ memory: Int) -> Void) {
            switch kind {
            case .bias, .scale:
                for index in 0..<count { body(index, index) }
            case .convolution:
                let (outputs, inputs, taps) = (shape[0], shape[1], shape[2] * shape[3])
                for first in stride(from: 0, to: outputs, by: 16) {
                    for input in 0..<inputs {
                        for tap in 0..<taps {
                            for output in first..<min(first + 16, outputs) {
                                body((output * inputs + input) * taps + tap, (tap * inputs + input) * outputs + output)
                            }
                        }
                    }
                }
            case .upConvolution:
                let (inputs, outputs) = (shape[0], shape[1])
                for input in 0..<inputs {
                    for tap in 0..<4 {
                        for output in 0..<outputs {
                            body((input * outputs + output) * 4 + tap, (input * 4 + tap) * outputs + output)
                        }
                    }
                }
            }
        }
    }

    /// Weight, then bias, of each layer in the order of the forward pass.
    public let entries: [Entry]
    /// Floats of a flat buffer.
    public let count: Int

    public init(_ architecture: UNetArchitecture) { self.init(architecture.operations) }

    init(_ operations: [Operation]) {
        var entries: [Entry] = []
        for operation in operations {
            guard let weights = operation.weights else { continue }
            entries.append(
                Entry(
                    name: "\(operation.name).weight", shape: weights.shape, kind: weights.kind,
                    offset: operation.parameterOffset))
            entries.append(
                Entry(
                    name: "\(operation.name).bias", shape: [operation.outputChannels], kind: .bias,
                    offset: operation.parameterOffset + operation.weightCount))
        }
        self.entries = entries
        count = operations.reduce(0) { $0 + $1.parameterCount }
    }

    /// The entry of that name; a name that the network does not have is a programmer's mistake.
    public func entry(_ name: String) -> Entry {
        guard let entry = entries.first(where: { $0.name == name }) else {
            preconditionFailure("no tensor named \(name)")
        }
        return entry
    }

    /// Copies one tensor out of a flat buffer into PyTorch's order.
    public func exportTensor(_ entry: Entry, from flat: UnsafePointer<Float>, to file: UnsafeMutablePointer<Float>) {
        let source = flat + entry.offset
        entry.forEachPlace { file[$0] = source[$1] }
    }

    /// Copies one tensor from PyTorch's order into a flat buffer.
    public func importTensor(_ entry: Entry, from file: UnsafePointer<Float>, to flat: UnsafeMutablePointer<Float>) {
        let target = flat + entry.offset
        entry.forEachPlace { target[$1] = file[$0] }
    }
}
