import Foundation

/// A graph of ONNX operators that is being written down, node by node.
struct ONNXGraph {
    private(set) var proto = Onnx_GraphProto()

    init(_ name: String) { proto.name = name }

    /// An attribute of a node.
    enum Attribute {
        case integer(Int)
        case integers([Int])
        case number(Float)
    }

    /// Adds an operator; returns the name of what it makes, which is the node's own.
    mutating func add(
        _ type: String, _ name: String, _ inputs: [String], _ attributes: KeyValuePairs<String, Attribute> = [:]
    ) -> String {
        var node = Onnx_NodeProto()
        node.opType = type
        node.name = name
        node.input = inputs
        node.output = [name]
        node.attribute = attributes.map { name, value in
            var attribute = Onnx_AttributeProto()
            attribute.name = name
            switch value {
            case .integer(let value): (attribute.type, attribute.i) = (.int, Int64(value))
            case .integers(let values): (attribute.type, attribute.ints) = (.ints, values.map(Int64.init))
            case .number(let value): (attribute.type, attribute.f) = (.float, value)
            }
            return attribute
        }
        proto.node.append(node)
        return name
    }

    /// Adds a constant of 32-bit floats, which `fill` writes; returns its name.
    mutating func constant(
        _ name: String, shape: [Int], _ fill: (UnsafeMutablePointer<Float>) -> Void
    ) -> String {
        let count = shape.reduce(1, *)
        // All machines that this program is built for are little-endian, as the format is.
        let values = [Float](unsafeUninitializedCapacity: count) { buffer, filled in
            if let base = buffer.baseAddress { fill(base) }
            filled = count
        }
        return add(name, shape: shape, .float, values.withUnsafeBytes { Data($0) })
    }

    /// Adds a list of 64-bit integers; returns its name.
    mutating func constant(_ name: String, _ values: [Int]) -> String {
        add(name, shape: [values.count], .int64, values.map(Int64.init).withUnsafeBytes { Data($0) })
    }

    private mutating func add(
        _ name: String, shape: [Int], _ type: Onnx_TensorProto.DataType, _ bytes: Data
    ) -> String {
        var tensor = Onnx_TensorProto()
        tensor.name = name
        tensor.dims = shape.map(Int64.init)
        tensor.dataType = Int32(type.rawValue)
        tensor.rawData = bytes
        proto.initializer.append(tensor)
        return name
    }

    /// A side of an input or output.
    enum Side {
        case fixed(Int)
        /// Any number, of which equal names mean equal ones.
        case named(String)
    }

    mutating func addInput(_ name: String, _ sides: [Side], _ description: String) {
        proto.input.append(Self.value(name, sides, description))
    }

    mutating func addOutput(_ name: String, _ sides: [Side], _ description: String) {
        proto.output.append(Self.value(name, sides, description))
    }

    /// A tensor of 32-bit floats.
    private static func value(_ name: String, _ sides: [Side], _ description: String) -> Onnx_ValueInfoProto {
        var value = Onnx_ValueInfoProto()
        value.name = name
        value.docString = description
        value.type.tensorType.elemType = Int32(Onnx_TensorProto.DataType.float.rawValue)
        value.type.tensorType.shape.dim = sides.map { side in
            var dimension = Onnx_TensorShapeProto.Dimension()
            switch side {
            case .fixed(let count): dimension.dimValue = Int64(count)
            case .named(let name): dimension.dimParam = name
            }
            return dimension
        }
        return value
    }
}
