import Checkpoints
import Network
import Support

/// Finds a U-Net's layers in another program's file, and knows which tensors were used.
struct LayerReader {
    let file: SafetensorsFile
    let map: NameMap
    private var used: Set<String> = []
    /// Batch normalisations that were folded, by the layers that they are behind.
    private(set) var folded: Set<String> = []

    init(file: SafetensorsFile, map: NameMap) { (self.file, self.map) = (file, map) }

    /// Poolings of the network: its levels are there from the first to the bottom, and one decoder less.
    func depth() throws -> Int {
        func holds(_ layer: String, _ depth: Int) -> Bool {
            map.name(of: layer, depth: depth).map { file.tensor("\($0).weight") != nil } ?? false
        }
        let fitting = (0...UNetArchitecture.mostDepth).reversed().first { depth in
            (0...depth).allSatisfy { holds("encoder.\($0).conv1", depth) }
                && (0..<depth).allSatisfy { holds("decoder.\($0).conv1", depth) }
        }
        if let fitting { return fitting }
        let first = map.name(of: "encoder.0.conv1", depth: 0) ?? "encoder.0.conv1"
        throw Failure.request(
            "\(file.path) holds no U-Net by the names of \(map.name): \(first).weight is missing, its first tensor is "
                + "\(file.tensors.first?.name.shortened ?? "none")")
    }

    /// Channels that the first convolution of the topmost decoder takes.
    func inputChannels(ofDecoder depth: Int) throws -> Int {
        let name = map.name(of: "decoder.0.conv1", depth: depth) ?? ""
        guard let tensor = file.tensor("\(name).weight"), tensor.shape.count == 4 else {
            throw missing("decoder.0.conv1", name, depth)
        }
        return tensor.shape[1]
    }

    /// A layer with its bias, zeros where the file has none, and the batch normalisation behind it folded into it.
    mutating func layer(_ layer: String, depth: Int) throws -> FileLayer {
        guard let name = map.name(of: layer, depth: depth) else {
            throw Failure.request("\(map.name): layers has no entry for \(layer): add one")
        }
        guard let weight = file.tensor("\(name).weight") else { throw missing(layer, name, depth) }
        guard weight.shape.count == 4 else {
            throw Failure.request(
                "\(file.path): \(weight.name) has shape \(weight.shape), and \(layer) is a convolution of four axes: "
                    + "correct the names")
        }
        used.insert(weight.name)
        var found = FileLayer(
            name: name, shape: weight.shape, isUpConvolution: layer.hasSuffix(".up"),
            weight: file.values(weight).map(Double.init))
        if let bias = try vector("\(name).bias", count: found.outputs) { found.bias = bias }
        if let normalization = try normalization(behind: layer, depth: depth, channels: found.outputs) {
            found.fold(normalization)
            folded.insert(layer)
        }
        return found
    }

    private mutating func normalization(
        behind layer: String, depth: Int, channels: Int
    ) throws -> BatchNormalization? {
        guard let number = layer.last, layer.contains(".conv"),
            let name = map.name(of: "\(layer.dropLast(5))norm\(number)", depth: depth)
        else { return nil }
        let scale = try vector("\(name).weight", count: channels)
        let shift = try vector("\(name).bias", count: channels)
        let mean = try vector("\(name).running_mean", count: channels)
        let variance = try vector("\(name).running_var", count: channels)
        guard let mean, let variance else {
            guard scale == nil, shift == nil else {
                throw Failure.request(
                    "\(file.path): \(name) normalises without running statistics (running_mean, running_var), as group, layer or "
                        + "instance normalisation does: only batch normalisation can be folded into a convolution")
            }
            return nil
        }
        return BatchNormalization(
            scale: scale, shift: shift, mean: mean, variance: variance, epsilon: map.epsilon)
    }

    private mutating func vector(_ name: String, count: Int) throws -> [Double]? {
        guard let tensor = file.tensor(name) else { return nil }
        guard tensor.shape == [count] else {
            throw Failure.request(
                "\(file.path): \(name) has shape \(tensor.shape), and one value for each of \(count) channels is expected: "
                    + "correct the names")
        }
        used.insert(name)
        return file.values(tensor).map(Double.init)
    }

    private func missing(_ layer: String, _ name: String, _ depth: Int) -> Failure {
        if layer.hasSuffix(".up"), map.name == NameMap.milesial.name {
            return .request(
                "\(file.path) was trained with bilinear=True (it has no \(name).weight): it enlarges without weights, and this "
                    + "U-Net by an up-convolution: train with UNet(…, bilinear=False)")
        }
        return .request(
            "\(file.path) has no \(name).weight, which \(map.name) names as \(layer) of a U-Net of depth \(depth): correct the "
                + "names, or only a network with such a layer can be imported")
    }

    /// Throws `Failure.request` where the file has a tensor that is no part of the network.
    func refuseUnused(depth: Int) throws {
        let unused = file.tensors.map(\.name).filter { !used.contains($0) }
        guard let first = unused.first else { return }
        let more = unused.count == 1 ? "" : " (and \(unused.count - 1) more such tensors)"
        throw Failure.request(
            "\(file.path) has \(first)\(more), which is no part of this U-Net of depth \(depth): a network with such a layer "
                + "computes something else; where it is not used, list it in leave_out of a name map")
    }
}
