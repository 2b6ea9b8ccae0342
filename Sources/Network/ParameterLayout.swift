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

        /// The place in our order of the value at place `index` in PyTorch's.
        @inline(__always)
        func memoryIndex(ofFileIndex index: Int) -> Int {
            switch kind {
            case .bias, .scale: return index
            case .convolution:
                let inputs = shape[1]
                let taps = shape[2] * shape[3]
                let tap = index % taps
                let input = index / taps % inputs
                let output = index / taps / inputs
                return (tap * inputs + input) * shape[0] + output
            case .upConvolution:
                let outputs = shape[1]
                let tap = index % 4
                let output = index / 4 % outputs
                let input = index / 4 / outputs
                return (input * 4 + tap) * outputs + output
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
        for index in 0..<entry.count { file[index] = source[entry.memoryIndex(ofFileIndex: index)] }
    }

    /// Copies one tensor from PyTorch's order into a flat buffer.
    public func importTensor(_ entry: Entry, from file: UnsafePointer<Float>, to flat: UnsafeMutablePointer<Float>) {
        let target = flat + entry.offset
        for index in 0..<entry.count { target[entry.memoryIndex(ofFileIndex: index)] = file[index] }
    }
}
