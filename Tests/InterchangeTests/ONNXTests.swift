import Inference
import Interchange
import Network
import TestSupport
import Testing

/// What is exported computes what the network does, read back from the file and run by `ONNXInterpreter`.
@Suite struct ONNXTests {
    @Test("the model gives our probabilities at every legal size", arguments: architectures.indices)
    func probabilities(_ index: Int) throws {
        let folder = try TemporaryFolder()
        let model = try model(architectures[index], in: folder)
        let path = folder.path("model.onnx")
        try ONNXModel(model).write(to: path)
        let interpreter = try ONNXInterpreter(reading: path)
        let geometry = model.architecture.geometry
        let sides = (0..<3).map { geometry.smallestInput + $0 * geometry.stride }
        for (height, width) in [(sides[0], sides[0]), (sides[1], sides[2]), (sides[2], sides[0])] {
            let (tensor, array) = image(height, width, channels: model.architecture.inputChannels)
            let largest = difference(model, tensor, from: try interpreter.run(array))
            #expect(largest <= 1e-4, "\(height)×\(width): \(largest)")
        }
    }

    @Test("the model says its version, its free sides, and what a program must know")
    func description() throws {
        let folder = try TemporaryFolder()
        let model = try model(architectures[0], in: folder)
        let proto = try ONNXModel(model).proto
        #expect(proto.opsetImport.map(\.version) == [17] && proto.irVersion == 8)
        let dimensions = proto.graph.input[0].type.tensorType.shape.dim
        #expect(dimensions.map(\.dimParam) == ["batch", "", "height", "width"] && dimensions[1].dimValue == 1)
        #expect(proto.graph.output[0].type.tensorType.shape.dim[1].dimValue == 2)
        let metadata = Dictionary(uniqueKeysWithValues: proto.metadataProps.map { ($0.key, $0.value) })
        #expect(metadata["unet.normalize"] == "standardize" && metadata["unet.padding"] == "valid")
        #expect(metadata["unet.margin"] == "20" && metadata["unet.size_step"] == "4")
        #expect(metadata["unet.smallest_input"] == "44")
        #expect(proto.docString.contains("mean 0"))
    }
}
