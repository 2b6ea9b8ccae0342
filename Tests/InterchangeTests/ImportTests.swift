import Inference
import Interchange
import Network
import Support
import TestSupport
import Testing

/// Weights of other programs predict here what they predict there, and what does not fit is refused by its name.
@Suite struct ImportTests {
    private func imported(
        _ network: ForeignUNet, _ folder: TemporaryFolder, map: String? = nil, hints: TrainedModel.Hints = .init()
    ) throws -> (weights: WeightImport, path: String) {
        let names = try map.map { try NameMap.load(path: folder.write($0, to: "names.yaml")) }
        let weights = try WeightImport(reading: network.write(to: folder), names: names, hints: hints)
        let path = folder.path("imported.safetensors")
        try weights.write(to: path)
        return (weights, path)
    }

    private func refusal(_ network: ForeignUNet, map: String? = nil) throws -> String {
        let folder = try TemporaryFolder()
        let failure = #expect(throws: Failure.self) { try imported(network, folder, map: map) }
        #expect(failure?.kind == .request)
        return failure?.message ?? ""
    }

    @Test(
        "a milesial U-Net predicts here what it does there, with its batch normalisation folded",
        arguments: [false, true])
    func milesial(hasBias: Bool) throws {
        let folder = try TemporaryFolder()
        let network = ForeignUNet(hasBias: hasBias, names: ForeignUNet.milesial)
        let (weights, path) = try imported(network, folder)
        #expect(weights.folded == 10 && weights.architecture.depth == 2 && weights.architecture.baseChannels == 3)
        // No flag is needed, and nothing is assumed.
        let model = try TrainedModel(reading: path)
        #expect(model.assumption == nil && model.normalization == .unit && model.architecture.padding == .same)
        for (height, width) in [(8, 8), (16, 12)] {
            let (tensor, array) = image(height, width, channels: 2)
            let largest = difference(model, tensor, from: network.logits(array).softmax)
            #expect(largest <= 1e-5, "\(height)×\(width): \(largest)")
        }
    }

    @Test("a name map finds other names, a bottom of its own, and the up-convolution's channels first")
    func nameMap() throws {
        let folder = try TemporaryFolder()
        let network = ForeignUNet(hasBias: true, concatenation: .upFirst, names: ForeignUNet.other)
        let map = ForeignUNet.map + "class_names: [a, b, c]\nleave_out: [aux.*]\n"
        var more = network
        more.set("aux.weight", [1], [0])
        let (_, path) = try imported(more, folder, map: map)
        let model = try TrainedModel(reading: path)
        #expect(model.classNames == ["a", "b", "c"] && model.normalization == .standardize)
        let (tensor, array) = image(8, 12, channels: 2)
        #expect(difference(model, tensor, from: network.logits(array).softmax) <= 1e-5)
    }

    @Test("one class with a sigmoid becomes two with a softmax")
    func oneClass() throws {
        let folder = try TemporaryFolder()
        let network = ForeignUNet(classes: 1, names: ForeignUNet.milesial)
        let (weights, path) = try imported(network, folder)
        #expect(weights.remarks.contains { $0.contains("sigmoid") })
        let (tensor, array) = image(8, 8, channels: 2)
        let logits = Array4([1, 1, 8, 8]).joined(network.logits(array))
        #expect(difference(try TrainedModel(reading: path), tensor, from: logits.softmax) <= 1e-5)
    }

    @Test("what does not fit is refused by its name")
    func refusals() throws {
        let network = ForeignUNet(names: ForeignUNet.milesial)
        var bilinear = network
        bilinear.remove("up1.up.weight")
        bilinear.remove("up1.up.bias")
        #expect(try refusal(bilinear).contains("bilinear=True"))
        var attention = network
        attention.set("att1.psi.weight", [1, 1, 1, 1], [0])
        #expect(try refusal(attention).contains("att1.psi.weight"))
        var unlike = network
        unlike.set("down1.maxpool_conv.1.double_conv.3.weight", [6, 5, 3, 3], Array(repeating: 0, count: 270))
        #expect(try refusal(unlike).contains("down1.maxpool_conv.1.double_conv.3.weight has shape [6, 5, 3, 3]"))
        var group = network
        for name in ["running_mean", "running_var"] { group.remove("inc.double_conv.1.\(name)") }
        #expect(try refusal(group).contains("inc.double_conv.1 normalises without running statistics"))
        var broken = network
        broken.set("inc.double_conv.1.running_var", [3], [1, -1, 1])
        #expect(try refusal(broken).contains("inc.double_conv.0 has values that are not finite"))
        #expect(try refusal(ForeignUNet(names: ForeignUNet.other)).contains("--names"))
    }

    @Test(
        "a mistake in a name map is named with its line",
        arguments: [
            ("padding: same\n", "layers is missing"),
            ("layers:\n  encoder.{i}.conv3: a\n", "line 2: layers has 'encoder.{i}.conv3'"),
            ("layers:\n  head: a{j}\n", "line 2: layers.head is 'a{j}'"),
            ("layers:\n  head: a{i}\n", "line 2: layers.head is 'a{i}'"),
            ("layer:\n  head: a\n", "did you mean 'layers'"),
            ("layers: {head: a}\nnormalize: none\n", "normalize must be"),
        ])
    func mistakes(map: String, words: String) throws {
        let message = try refusal(ForeignUNet(names: ForeignUNet.milesial), map: map)
        #expect(message.contains(words), "\(message)")
    }
}
