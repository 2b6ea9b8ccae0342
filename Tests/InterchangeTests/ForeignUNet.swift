import Foundation
import Kernels
import TestSupport

/// A small U-Net as PyTorch programs have them, with batch normalisation and random weights: its tensors by a program's
/// names, and what it computes, unfolded and in Double.
struct ForeignUNet {
    /// The order of channels in the decoder's first convolution.
    enum Concatenation { case skipFirst, upFirst }

    let depth = 2
    let concatenation: Concatenation
    let hasBias: Bool
    private(set) var tensors: [String: (shape: [Int], values: [Float])] = [:]
    private let names: (_ layer: String) -> String
    private var stream = RandomStream.test(77)

    /// - Parameter names: the program's name of `encoder.1.conv1`, `decoder.0.norm2`, `decoder.1.up` and `head`.
    init(
        inputs: Int = 2, base: Int = 3, classes: Int = 3, hasBias: Bool = false,
        concatenation: Concatenation = .skipFirst, names: @escaping (String) -> String
    ) {
        (self.hasBias, self.concatenation, self.names) = (hasBias, concatenation, names)
        for level in 0...depth {
            addBlock("encoder.\(level)", inputs: level == 0 ? inputs : base << (level - 1), outputs: base << level)
        }
        for level in 0..<depth {
            let channels = base << level
            let name = names("decoder.\(level).up")
            add("\(name).weight", [2 * channels, channels, 2, 2], in: -0.5...0.5)
            add("\(name).bias", [channels])
            addBlock("decoder.\(level)", inputs: 2 * channels, outputs: channels)
        }
        add("\(names("head")).weight", [classes, base, 1, 1])
        add("\(names("head")).bias", [classes])
    }

    private mutating func add(_ name: String, _ shape: [Int], in range: ClosedRange<Float> = -1...1) {
        tensors[name] = (shape, stream.floats(shape.reduce(1, *), in: range))
    }

    private mutating func addBlock(_ block: String, inputs: Int, outputs: Int) {
        for number in 1...2 {
            let (convolution, norm) = (names("\(block).conv\(number)"), names("\(block).norm\(number)"))
            add("\(convolution).weight", [outputs, number == 1 ? inputs : outputs, 3, 3], in: -0.4...0.4)
            if hasBias { add("\(convolution).bias", [outputs]) }
            add("\(norm).weight", [outputs], in: 0.5...1.5)
            add("\(norm).bias", [outputs])
            add("\(norm).running_mean", [outputs])
            add("\(norm).running_var", [outputs], in: 0.1...2)
        }
    }

    mutating func set(_ name: String, _ shape: [Int], _ values: [Float]) { tensors[name] = (shape, values) }
    mutating func remove(_ name: String) { tensors[name] = nil }

    // MARK: - What it computes

    func logits(_ image: Array4) -> Array4 {
        var skips: [Array4] = []
        var activation = block("encoder.0", image)
        for level in 1...depth {
            skips.append(activation)
            activation = block("encoder.\(level)", activation.pooled)
        }
        for level in (0..<depth).reversed() {
            let up = activation.upConvolved(
                weights(names("decoder.\(level).up")), bias: vector("\(names("decoder.\(level).up")).bias"))
            let joined = concatenation == .skipFirst ? skips[level].joined(up) : up.joined(skips[level])
            activation = block("decoder.\(level)", joined)
        }
        return activation.convolved(weights(names("head")), bias: vector("\(names("head")).bias"), padding: 0)
    }

    private func block(_ block: String, _ input: Array4) -> Array4 {
        (1...2).reduce(input) { input, number in
            let (convolution, norm) = (names("\(block).conv\(number)"), names("\(block).norm\(number)"))
            let weights = weights(convolution)
            let bias = hasBias ? vector("\(convolution).bias") : Array(repeating: 0, count: weights.shape[0])
            return input.convolved(weights, bias: bias, padding: 1).normalized(
                scale: vector("\(norm).weight"), shift: vector("\(norm).bias"), mean: vector("\(norm).running_mean"),
                variance: vector("\(norm).running_var")
            ).rectified
        }
    }

    private func vector(_ name: String) -> [Double] { tensors[name]?.values.map(Double.init) ?? [] }

    private func weights(_ layer: String) -> Array4 {
        let tensor = tensors["\(layer).weight"] ?? ([0], [])
        return Array4(tensor.shape, tensor.values.map(Double.init))
    }

    // MARK: - File

    /// A safetensors file, as Python's `save_file(model.state_dict())` writes it: counters are 64-bit integers.
    func write(to folder: TemporaryFolder, _ name: String = "foreign.safetensors") throws -> String {
        var entries: [String] = []
        var data = Data()
        func append(_ name: String, _ type: String, _ shape: [Int], _ bytes: Data) {
            entries.append(
                "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":[\(data.count),\(data.count + bytes.count)]}"
            )
            data += bytes
        }
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            append(name, "F32", tensor.shape, tensor.values.withUnsafeBytes { Data($0) })
            guard name.hasSuffix(".running_var") else { continue }
            append("\(name.dropLast(11))num_batches_tracked", "I64", [], Data([7, 0, 0, 0, 0, 0, 0, 0]))
        }
        let header = Data("{\(entries.joined(separator: ","))}".utf8)
        let count = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
        return try folder.write(count + header + data, to: name)
    }

    // MARK: - Programs

    /// milesial/Pytorch-UNet's names for a network of depth 2.
    static func milesial(_ layer: String) -> String {
        let parts = layer.split(separator: ".").map(String.init)
        guard parts.count == 3, let level = Int(parts[1]) else { return "outc.conv" }
        let place = ["conv1": "0", "norm1": "1", "conv2": "3", "norm2": "4"][parts[2]]
        let up = "up\(2 - level)"
        guard let place else { return "\(up).up" }
        guard parts[0] == "encoder" else { return "\(up).conv.double_conv.\(place)" }
        return level == 0 ? "inc.double_conv.\(place)" : "down\(level).maxpool_conv.1.double_conv.\(place)"
    }

    /// Those of another program, whose bottom has names of its own; `map` says them.
    static func other(_ layer: String) -> String {
        let parts = layer.split(separator: ".").map(String.init)
        guard parts.count == 3, let level = Int(parts[1]) else { return "conv" }
        if parts[2] == "up" { return "upconv\(level + 1)" }
        if parts[0] == "encoder" {
            return level == 2 ? "bottleneck.bottleneck\(parts[2])" : "encoder\(level + 1).enc\(level + 1)\(parts[2])"
        }
        return "decoder\(level + 1).dec\(level + 1)\(parts[2])"
    }

    static let map: String = {
        var lines = ["layers:"]
        for layer in ["conv1", "norm1", "conv2", "norm2"] {
            lines += [
                "  encoder.{i}.\(layer): encoder{i+1}.enc{i+1}\(layer)",
                "  encoder.{depth}.\(layer): bottleneck.bottleneck\(layer)",
                "  decoder.{i}.\(layer): decoder{i + 1}.dec{i + 1}\(layer)",
            ]
        }
        lines += [
            "  decoder.{i}.up: upconv{i+1}", "  head: conv", "skip_first: false", "padding: same",
            "normalize: standardize",
        ]
        return lines.joined(separator: "\n") + "\n"
    }()
}
