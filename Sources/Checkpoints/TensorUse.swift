import Network
import Support

// A file whose tensors are used in part would give another network's results without a word: what a network of ours has
// no place for is refused by name.

extension SafetensorsFile {
    /// Throws `Failure.request` where the file has a tensor that is none of the network's, nor the momentum or the moving
    /// average of one, and where one of the network's is missing or has another shape: before a network is made that is
    /// larger than the file.
    ///
    /// - Parameters:
    ///   - entirely: whether the file must hold the whole network.
    ///   - advice: what to do about layers of a deeper network; nil where there is no configuration to change.
    package func checkUse(by layout: ParameterLayout, entirely: Bool = true, deeper advice: String? = nil) throws {
        try refuseBatchNormalization()
        try checkNames(by: layout, deeper: advice)
        guard entirely else { return }
        for entry in layout.entries { _ = try tensor(of: entry) }
    }

    /// The tensor of one of a network's entries. Throws `Failure.request` where it is missing, or has another shape.
    ///
    /// - Parameters:
    ///   - prefix: what stands before the entry's name.
    ///   - advice: what to do about a tensor of another shape.
    func tensor(
        of entry: ParameterLayout.Entry, prefix: String = "", advice: String = Self.otherNetwork
    ) throws -> Tensor {
        guard let tensor = tensor(prefix + entry.name) else {
            let lacksBias =
                entry.name.hasSuffix(".bias") && self.tensor(prefix + entry.name.dropLast(4) + "weight") != nil
            throw Failure.request(
                "\(path) has no tensor \(prefix + entry.name): "
                    + (lacksBias ? "give a convolution without a bias one of zeros" : "it is of another network"))
        }
        guard tensor.shape == entry.shape else {
            let isTransposed = tensor.shape.sorted() == entry.shape.sorted()
            throw Failure.request(
                "\(path): \(tensor.name) has shape \(tensor.shape), and the network's has \(entry.shape): "
                    + (isTransposed ? "its axes are in another order than PyTorch's, save it in that one" : advice))
        }
        return tensor
    }

    /// What to do about a tensor of another shape.
    public static var otherNetwork: String {
        "it is of a network of other base_channels, input_channels, classes or skip"
    }

    private func checkNames(by layout: ParameterLayout, deeper advice: String?) throws {
        let names = Set(layout.entries.map(\.name))
        let unused = tensors.map(\.name).filter { !names.contains(Self.bareName($0)) }
        guard !unused.isEmpty else { return }
        let depth = layout.entries.compactMap { Self.level(of: $0.name, in: "encoder") }.max() ?? 0
        let kinds = unused.map { UnusedTensor(Self.bareName($0), depth: depth) }
        // The layers that say most about what the network is.
        let kind = UnusedTensor.allCases.first(where: kinds.contains) ?? .other
        let named = unused[kinds.firstIndex(of: kind) ?? 0]
        let more = unused.count == 1 ? "" : " (and \(unused.count - 1) more such tensors)"
        let what = kind == .deeper ? advice : nil
        throw Failure.request(
            "\(path) has \(named)\(more), which is no part of this U-Net: "
                + (what ?? kind.explanation))
    }

    /// Throws `Failure.request` where there are the running statistics of a batch normalisation, whatever it is called.
    package func refuseBatchNormalization() throws {
        if let failure = Self.batchNormalization(in: tensors.map(\.name), path: path) { throw failure }
    }

    /// The refusal of a file with these tensors; nil where no batch normalisation is among them.
    static func batchNormalization(in names: [String], path: String) -> Failure? {
        let statistics: Set = ["running_mean", "running_var", "num_batches_tracked", "moving_mean", "moving_variance"]
        func split(_ name: String) -> (layer: Substring, parameter: Substring) {
            let dot = name.lastIndex { $0 == "." || $0 == "/" } ?? name.startIndex
            return (name[..<dot], name[dot...].drop { $0 == "." || $0 == "/" })
        }
        let layers = Set(names.filter { statistics.contains(String(split($0).parameter)) }.map { split($0).layer })
        let found = names.filter { name in
            let layer = split(name).layer
            let last = layer.split(separator: ".").last?.lowercased() ?? ""
            // Its statistics may be left out, and its factors still be there.
            let isNamedSo =
                last.contains("batchnorm") || last.contains("batch_norm")
                || last.hasPrefix("bn") && last.dropFirst(2).allSatisfy(\.isNumber)
            return layers.contains(layer) || isNamedSo
        }
        guard let first = found.first else { return nil }
        let more = found.count == 1 ? "" : " and \(found.count - 1) more tensors"
        return .request(
            "\(path) has batch normalisation (\(first)\(more)), which this U-Net has not: lockstep import makes a checkpoint of "
                + "it, with each folded into the convolution before it")
    }

    /// The name without what a checkpoint of ours puts before those of momentum and averages.
    private static func bareName(_ name: String) -> String {
        for prefix in Checkpoint.statePrefixes where name.hasPrefix(prefix) {
            return String(name.dropFirst(prefix.count))
        }
        return name
    }

    /// The level in `encoder.3.conv1.weight`; nil where the name is of another part.
    fileprivate static func level(of name: String, in part: String) -> Int? {
        let parts = name.split(separator: ".", maxSplits: 2)
        return parts.count > 2 && parts[0] == part ? Int(parts[1]) : nil
    }
}

/// What a tensor is that a network has no place for, as far as its name tells.
private enum UnusedTensor: CaseIterable {
    case wrapped, deeper, attention, head, other

    init(_ name: String, depth: Int) {
        let words = name.lowercased()
        if SafetensorsFile.wrappers.contains(where: name.hasPrefix) {
            self = .wrapped
        } else if SafetensorsFile.level(of: name, in: "encoder").map({ $0 > depth }) == true
            || SafetensorsFile.level(of: name, in: "decoder").map({ $0 >= depth }) == true
        {
            self = .deeper
        } else if ["attention", "attn", "gate", "psi"].contains(where: words.contains) {
            self = .attention
        } else if ["head", "classifier", "aux", "logits"].contains(where: words.contains) {
            self = .head
        } else {
            self = .other
        }
    }

    var explanation: String {
        switch self {
        case .wrapped:
            "some names begin with module. or _orig_mod. and others do not, as if of two models: save one model's state "
                + "dict"
        case .deeper: "it is of a deeper network, or levels before it are missing: save the whole network's state dict"
        case .attention: "it is of an attention layer: only a network without such layers computes what this one does"
        case .head:
            "it is of another head: a network with several is not read; save it with one, head.weight and head.bias"
        case .other:
            "a network with such a layer computes something else; where it is not used, leave it out of the file"
        }
    }
}
