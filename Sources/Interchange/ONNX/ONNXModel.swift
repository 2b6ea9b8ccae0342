import Checkpoints
import Foundation
import Inference
import Kernels
import Network
import Support

/// A trained network as an ONNX model (opset 17): from the normalised image, N×C×H×W, to the probabilities of its classes.
///
/// The graph is `UNetArchitecture.operations`, operation by operation, so that what is exported is what predicts. N, H and
/// W are free; H and W have to be sides that `UNetGeometry` calls legal.
package struct ONNXModel {
    package let proto: Onnx_ModelProto

    package static let opset = 17
    /// The format's version that came with that opset (ONNX 1.12).
    private static let irVersion = 8
    static let input = "image"
    static let output = "probabilities"
    /// A protobuf message has less than 2 GiB (protobuf's own limit), the graph beside the weights included.
    private static let mostBytes = (1 << 31) - (1 << 24)

    /// Throws `Failure.request` where the network is too large for the format.
    package init(_ model: TrainedModel) throws {
        guard model.parameters.bytes.count <= Self.mostBytes else {
            throw Failure.request(
                "\(model.path) has \(grouped(model.parameters.bytes.count)) bytes of weights, and an ONNX file holds at most "
                    + "\(grouped(Self.mostBytes)): export it with --to safetensors")
        }
        var graph = ONNXGraph("unet")
        let facts = NetworkFacts(model)
        graph.addInput(
            Self.input,
            [.named("batch"), .fixed(facts.inputChannels), .named("height"), .named("width")], facts.inputInWords)
        let isSame = facts.margin == 0
        graph.addOutput(
            Self.output,
            [
                .named("batch"), .fixed(facts.classes), .named(isSame ? "height" : "output_height"),
                .named(isSame ? "width" : "output_width"),
            ], facts.outputInWords)
        Self.append(model.architecture, model.parameters, to: &graph)
        var proto = Onnx_ModelProto()
        proto.irVersion = Int64(Self.irVersion)
        proto.producerName = "lockstep"
        proto.producerVersion = BuildInformation.version
        proto.docString = "A U-Net. \(facts.inputInWords) \(facts.outputInWords)"
        var opset = Onnx_OperatorSetIdProto()
        opset.domain = ""
        opset.version = Int64(Self.opset)
        proto.opsetImport = [opset]
        proto.graph = graph.proto
        proto.metadataProps = facts.metadata.sorted { $0.key < $1.key }.map { key, value in
            var entry = Onnx_StringStringEntryProto()
            (entry.key, entry.value) = (key, value)
            return entry
        }
        self.proto = proto
    }

    /// The file's bytes.
    func bytes() throws -> Data {
        do {
            return try proto.serializedData()
        } catch {
            throw Failure.running("the ONNX model could not be encoded: \(error)")
        }
    }

    /// Writes the file, whole or not at all.
    package func write(to path: String) throws {
        let bytes = try bytes()
        try AtomicFile.write(path) { try $0.write(contentsOf: bytes) }
    }

    // MARK: - Operations

    private static func append(
        _ architecture: UNetArchitecture, _ parameters: ParameterBuffer, to graph: inout ONNXGraph
    ) {
        let operations = architecture.operations
        // What is cropped is the same at every size: any legal one shows it.
        let side = architecture.geometry.smallestInput
        let shapes = operations.shapes(image: ImageShape(side, side, architecture.inputChannels))
        var writer = OperationWriter(parameters: parameters, shapes: shapes, graph: graph)
        for operation in operations { writer.append(operation) }
        graph = writer.graph
        _ = graph.add("Softmax", output, [writer.activations[operations.count]], ["axis": .integer(1)])
    }
}

/// Writes a network's operations down as ONNX nodes, which are called as they are.
private struct OperationWriter {
    let parameters: ParameterBuffer
    /// Of the activations, for one legal size of the image.
    let shapes: [ImageShape]
    var graph: ONNXGraph
    /// The name of each activation so far.
    private(set) var activations = [ONNXModel.input]

    init(parameters: ParameterBuffer, shapes: [ImageShape], graph: ONNXGraph) {
        self.parameters = parameters
        self.shapes = shapes
        self.graph = graph
    }

    mutating func append(_ operation: Network.Operation) {
        let name = operation.name
        let inputs = operation.inputs.map { input($0, of: operation) }
        let last = inputs[inputs.count - 1]
        let output: String
        switch operation.kind {
        case .convolution3x3(let padding, let activation):
            let joined =
                inputs.count == 1 ? last : graph.add("Concat", "\(name).input", inputs, ["axis": .integer(1)])
            let convolved = convolution(
                name, joined,
                ["kernel_shape": .integers([3, 3]), "pads": .integers([padding, padding, padding, padding])]
            )
            output = activated(convolved, activation)
        case .groupNormalization(let activation):
            output = activated(normalized(operation, last), activation)
        case .maxPool:
            output = graph.add(
                "MaxPool", name, [last], ["kernel_shape": .integers([2, 2]), "strides": .integers([2, 2])])
        case .dropout:
            // In training only.
            output = last
        case .upConvolution2x2:
            output = graph.add(
                "ConvTranspose", name, [last, tensor("\(name).weight"), tensor("\(name).bias")],
                ["kernel_shape": .integers([2, 2]), "strides": .integers([2, 2])])
        case .skipAddition:
            output = graph.add("Add", name, inputs)
        case .convolution1x1:
            output = convolution(name, last, ["kernel_shape": .integers([1, 1])])
        }
        activations.append(output)
    }

    /// An activation as an operation reads it: of what comes over a skip connection the centre.
    private mutating func input(_ input: Network.Operation.Input, of operation: Network.Operation) -> String {
        let whole = activations[input.activation]
        let (own, read) = (shapes[input.activation], operation.inputShape(input, shapes))
        let margin = (own.height - read.height) / 2
        guard margin > 0 else { return whole }
        let name = "\(operation.name).skip"
        return graph.add(
            "Slice", name,
            [
                whole, graph.constant("\(name).starts", [margin, margin]),
                graph.constant("\(name).ends", [-margin, -margin]), graph.constant("\(name).axes", [2, 3]),
            ])
    }

    private mutating func convolution(
        _ name: String, _ input: String, _ attributes: KeyValuePairs<String, ONNXGraph.Attribute>
    ) -> String {
        graph.add("Conv", name, [input, tensor("\(name).weight"), tensor("\(name).bias")], attributes)
    }

    private mutating func activated(_ input: String, _ activation: Activation) -> String {
        switch activation {
        case .identity: input
        case .relu: graph.add("Relu", "\(input).relu", [input])
        }
    }

    /// Group normalisation as ONNX says it for opsets that every runtime has: the instance normalisation of the groups, then
    /// a factor and a term for each channel.
    private mutating func normalized(_ operation: Network.Operation, _ input: String) -> String {
        guard let kernel = operation.normalization else { preconditionFailure("\(operation.name) normalises nothing") }
        let name = operation.name
        let groups = [kernel.groups]
        let grouped = graph.add(
            "Reshape", "\(name).groups", [input, graph.constant("\(name).groups.shape", [0, kernel.groups, -1])])
        let normalized = graph.add(
            "InstanceNormalization", "\(name).normalized",
            [
                grouped, graph.constant("\(name).ones", shape: groups) { $0.update(repeating: 1, count: groups[0]) },
                graph.constant("\(name).zeros", shape: groups) { $0.update(repeating: 0, count: groups[0]) },
            ], ["epsilon": .number(Float(GroupNormalization.epsilon))])
        let channels = graph.add(
            "Reshape", "\(name).channels", [normalized, graph.add("Shape", "\(name).shape", [input])])
        let shape = [kernel.channels, 1, 1]
        let scaled = graph.add("Mul", "\(name).scaled", [channels, tensor("\(name).weight", as: shape)])
        return graph.add("Add", name, [scaled, tensor("\(name).bias", as: shape)])
    }

    /// One of the network's tensors, in PyTorch's layout, which is ONNX's too.
    private mutating func tensor(_ name: String, as shape: [Int]? = nil) -> String {
        let layout = parameters.layout
        let entry = layout.entry(name)
        return graph.constant(name, shape: shape ?? entry.shape) {
            layout.exportTensor(entry, from: parameters.base, to: $0)
        }
    }
}
