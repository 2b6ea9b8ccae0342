import Foundation
import Interchange
import SwiftProtobuf

/// Runs an ONNX model of the operators that are exported, in Double, by naive loops.
struct ONNXInterpreter {
    struct Problem: Error { let text: String }

    let model: Onnx_ModelProto

    init(reading path: String) throws {
        model = try Onnx_ModelProto(serializedBytes: Data(contentsOf: URL(filePath: path)))
    }

    func run(_ image: Array4) throws -> Array4 {
        let graph = model.graph
        var known = [graph.input[0].name: image]
        for tensor in graph.initializer {
            guard known[tensor.name] == nil else { throw Problem(text: "\(tensor.name) is there twice") }
            known[tensor.name] = Array4(tensor.dims.map { Int($0) }, Self.values(tensor))
        }
        for node in graph.node {
            let inputs = try node.input.map { name in
                guard let value = known[name] else { throw Problem(text: "\(node.name) reads \(name), not made yet") }
                return value
            }
            guard known.updateValue(try Self.run(node, inputs), forKey: node.output[0]) == nil else {
                throw Problem(text: "\(node.output[0]) is made twice")
            }
        }
        guard let result = known[graph.output[0].name] else { throw Problem(text: "no output") }
        return result
    }

    private static func values(_ tensor: Onnx_TensorProto) -> [Double] {
        tensor.rawData.withUnsafeBytes { bytes in
            tensor.dataType == Int32(Onnx_TensorProto.DataType.int64.rawValue)
                ? (0..<bytes.count / 8).map { Double(bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
                : (0..<bytes.count / 4).map { Double(bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self)) }
        }
    }

    private static func run(_ node: Onnx_NodeProto, _ inputs: [Array4]) throws -> Array4 {
        func integers(_ name: String) -> [Int]? {
            node.attribute.first { $0.name == name }.map { $0.ints.map { Int($0) } }
        }
        func elementwise(_ body: (Double, Double) -> Double) -> Array4 {
            let (a, b) = (inputs[0], inputs[1])
            // A tensor of [C, 1, 1], or of the same shape.
            let perValue = b.shape == a.shape ? 1 : a.shape[2] * a.shape[3]
            return Array4(
                a.shape, a.values.indices.map { body(a.values[$0], b.values[$0 / perValue % b.values.count]) })
        }
        switch node.opType {
        case "Conv":
            let pads = integers("pads") ?? [0, 0, 0, 0]
            guard Set(pads).count == 1, integers("strides") == nil else {
                throw Problem(text: "a Conv of another kind")
            }
            return inputs[0].convolved(inputs[1], bias: inputs[2].values, padding: pads[0])
        case "ConvTranspose":
            guard integers("strides") == [2, 2], integers("kernel_shape") == [2, 2] else {
                throw Problem(text: "a ConvTranspose of another kind")
            }
            return inputs[0].upConvolved(inputs[1], bias: inputs[2].values)
        case "MaxPool":
            guard integers("strides") == [2, 2], integers("kernel_shape") == [2, 2] else {
                throw Problem(text: "a MaxPool of another kind")
            }
            return inputs[0].pooled
        case "Relu": return inputs[0].rectified
        case "Concat": return inputs[0].joined(inputs[1])
        case "Slice":
            let margin = inputs[1].values[0]
            guard inputs[1].values == [margin, margin], inputs[2].values == [-margin, -margin],
                inputs[3].values == [2, 3]
            else { throw Problem(text: "a Slice of another kind") }
            return inputs[0].cropped(Int(margin))
        case "Shape": return Array4([inputs[0].shape.count], inputs[0].shape.map(Double.init))
        case "Reshape":
            // 0: as it was; −1: whatever is left.
            var shape = inputs[1].values.enumerated().map { $1 == 0 ? inputs[0].shape[$0] : Int($1) }
            if let free = shape.firstIndex(of: -1) { shape[free] = inputs[0].values.count / -shape.reduce(1, *) }
            return Array4(shape, inputs[0].values)
        case "InstanceNormalization":
            let epsilon = Double(node.attribute.first { $0.name == "epsilon" }?.f ?? 1e-5)
            let count = inputs[0].shape.dropFirst(2).reduce(1, *)
            return inputs[0].mappingBlocks(of: count) { block, values in
                let channel = block % inputs[0].shape[1]
                let (mean, variance) = Array4.moments(values)
                let factor = inputs[1].values[channel] / (variance + epsilon).squareRoot()
                return values.map { ($0 - mean) * factor + inputs[2].values[channel] }
            }
        case "Mul": return elementwise(*)
        case "Add": return elementwise(+)
        case "Softmax": return inputs[0].softmax
        default: throw Problem(text: "the operator \(node.opType)")
        }
    }
}
