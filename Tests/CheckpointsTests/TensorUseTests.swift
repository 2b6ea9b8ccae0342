import Checkpoints
import Foundation
import Inference
import Network
import Support
import TestSupport
import Testing

/// A file of which only a part would be used is refused, and what is in it besides is called by its name.
@Suite struct TensorUseTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A U-Net of base 2 and depth 1, its names behind `prefix`, with other tensors beside it.
    private func write(
        _ others: [String: [Int]] = [:], prefix: String = "", without left: String = "nothing", group: Bool = false
    ) throws -> String {
        let layout = ParameterLayout(
            UNetArchitecture(baseChannels: 2, depth: 1, normalization: group ? .group : .none))
        let own = layout.entries.filter { !$0.name.hasPrefix(left) }.map { (prefix + $0.name, $0.shape) }
        let sources = (own + others.map { ($0.key, $0.value) }).map { name, shape in
            SafetensorsFile.Source(name: name, shape: shape) {
                $0.update(repeating: 0.5, count: shape.reduce(1, *))
            }
        }
        let path = folder.path("net.safetensors")
        try SafetensorsFile.write(sources, metadata: [:], to: path)
        return path
    }

    private func refusal(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> String {
        let failure = #expect(throws: Failure.self, sourceLocation: sourceLocation) { try body() }
        #expect(failure?.kind == .request, sourceLocation: sourceLocation)
        #expect(failure?.message.contains("\n") == false, sourceLocation: sourceLocation)
        return failure?.message ?? ""
    }

    private func initialize(_ path: String, group: Bool = false) throws {
        let architecture = UNetArchitecture(baseChannels: 2, depth: 1, normalization: group ? .group : .none)
        try SafetensorsFile(reading: path).initialize(
            ParameterBuffer(ParameterLayout(architecture)), of: architecture)
    }

    @Test func aNetworkAloneIsRead() throws {
        _ = try TrainedModel(reading: write())
        try initialize(write())
        _ = try TrainedModel(reading: write(group: true))
        // What a checkpoint of ours has beside its weights is none of a network alone.
        #expect(refusal { _ = try TrainedModel(reading: write(["momentum.head.bias": [2]])) }.contains("momentum"))
    }

    @Test(
        "batch normalisation under any name",
        arguments: [
            ["encoder.0.bn1.weight", "encoder.0.bn1.bias", "encoder.0.bn1.running_mean", "encoder.0.bn1.running_var"],
            ["encoder.0.block.1.running_mean", "encoder.0.block.1.weight"], ["down.norm.num_batches_tracked"],
            ["encoder.0.bn2.weight", "encoder.0.bn2.bias"], ["decoder.0.BatchNorm2d.weight"],
            ["bottom.batch_norm_1.gamma"], ["encoder.1.x.moving_variance"],
        ])
    func batchNormalization(names: [String]) throws {
        let path = try write(Dictionary(uniqueKeysWithValues: names.map { ($0, [2]) }))
        for body in [{ _ = try TrainedModel(reading: path) }, { try initialize(path) }] {
            let message = refusal(body)
            #expect(message.contains("batch normalisation (\(names.sorted()[0])"), "\(message)")
            #expect(message.contains("lockstep import"), "\(message)")
            #expect(names.count == 1 || message.contains("and \(names.count - 1) more tensors"), "\(message)")
        }
    }

    @Test("batch normalisation that is called as our group normalisation")
    func calledAsGroupNormalization() throws {
        let path = try write(["encoder.0.norm1.running_mean": [2]], group: true)
        for body in [{ _ = try TrainedModel(reading: path) }, { try initialize(path, group: true) }] {
            #expect(refusal(body).contains("batch normalisation (encoder.0.norm1.bias and 2 more tensors)"))
        }
    }

    @Test(
        "any other tensor, with what it is as far as its name tells",
        arguments: [
            ("encoder.2.conv3.weight", "deeper network"), ("decoder.1.up.weight", "deeper network"),
            ("encoder.0.attn.weight", "attention"), ("decoder.0.gate.psi.weight", "attention"),
            ("aux_head.weight", "another head"), ("classifier.weight", "another head"),
            ("encoder.0.conv3.weight", "leave it out"), ("logit_scale", "leave it out"),
            ("prelu.weight", "leave it out"),
            ("ema.encoder.0.conv9.weight", "leave it out"), ("module.head.weight", "module."),
            ("_orig_mod.encoder.0.conv1.weight", "_orig_mod."),
        ])
    func unused(name: String, says: String) throws {
        let path = try write([name: [1]])
        for body in [{ _ = try TrainedModel(reading: path) }, { try initialize(path) }] {
            let message = refusal(body)
            #expect(message.contains("has \(name), which is no part of this U-Net"), "\(message)")
            #expect(message.contains(says) || message.contains("set model.depth"), "\(message)")
        }
        let several = try write([name: [1], "zeta.1": [1], "zeta.2": [1]])
        #expect(refusal { _ = try TrainedModel(reading: several) }.contains("(and 2 more such tensors)"))
    }

    @Test(
        "what torch's wrappers put before every name is taken off",
        arguments: ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module."])
    func wrappers(prefix: String) throws {
        let plain = try SafetensorsFile(reading: write()).weightsDigest
        let wrapped = try SafetensorsFile(reading: write(prefix: prefix))
        #expect(wrapped.weightsDigest == plain && wrapped.tensor("head.weight") != nil)
        _ = try TrainedModel(reading: wrapped.path)
        try initialize(wrapped.path)
        let mixed = try write(["loose": [1]], prefix: prefix)
        #expect(refusal { _ = try TrainedModel(reading: mixed) }.contains("holds no U-Net"))
    }

    @Test func anotherPrefixIsNamed() throws {
        let path = try write(prefix: "model.net.")
        #expect(refusal { _ = try TrainedModel(reading: path) }.contains("k.removeprefix(\"model.net.\")"))
        let other = try write(["down1.weight": [1]], without: "encoder")
        #expect(refusal { _ = try TrainedModel(reading: other) }.contains("encoder.0.conv1.weight or head.weight"))
    }

    @Test("axes in another order, and convolutions without a bias")
    func layouts() throws {
        let kernels = try write(["encoder.0.conv1.weight": [3, 3, 1, 2]], without: "encoder.0.conv1.weight")
        #expect(refusal { _ = try TrainedModel(reading: kernels) }.contains("w.transpose(3, 2, 0, 1)"))
        let swapped = try write(["encoder.0.conv1.weight": [1, 2, 3, 3]], without: "encoder.0.conv1.weight")
        #expect(refusal { _ = try TrainedModel(reading: swapped) }.contains("[out, in, 3, 3] with a bias of [out]"))
        let up = try write(["decoder.0.up.weight": [2, 4, 2, 2]], without: "decoder.0.up.weight")
        #expect(refusal { _ = try TrainedModel(reading: up) }.contains("its axes are in another order"))
        let bare = try write(without: "decoder.0.conv2.bias")
        #expect(
            refusal { _ = try TrainedModel(reading: bare) }.contains("give a convolution without a bias one of zeros"))
    }

    @Test("a head of other classes starts anew, and a missing one, with a word")
    func heads() throws {
        let architecture = UNetArchitecture(classes: 3, baseChannels: 2, depth: 1)
        func remark(_ path: String) throws -> String? {
            try SafetensorsFile(reading: path).initialize(
                ParameterBuffer(ParameterLayout(architecture)), of: architecture)
        }
        #expect(try remark(write())?.contains("is of 2 classes and model.classes is 3: the head starts anew") == true)
        #expect(try remark(write(without: "head"))?.contains("has no head") == true)
    }
}
