import Foundation
import Network
import TestSupport

/// One of the networks in `Vectors`: its parameters and samples, and what PyTorch makes of them.
struct ReferenceNetwork: Decodable {
    /// What is stored of a tensor.
    struct Summary: Decodable {
        let stride: Int
        /// Every `stride`-th value, float32.
        let values: Data
        let norm: Double
        let projections: [Double]

        /// The largest of three estimates of ‖tensor − stored‖/‖stored‖: over the values that are stored, of the norms,
        /// and of the sums with random signs, whose mean square difference is on average the squared norm's.
        func distance(to tensor: [Float], signs: [[Double]]) -> Double {
            let tensor = tensor.map(Double.init)
            let samples = Swift.stride(from: 0, to: tensor.count, by: stride).map { tensor[$0] }
            let ofSamples = relativeL2(samples, floats(values).map(Double.init))
            let ofNorm = abs(TestSupport.norm(tensor) / norm - 1)
            let squares = zip(signs, projections).map { signs, projection in
                let difference = innerProduct(Array(signs.prefix(tensor.count)), tensor) - projection
                return difference * difference
            }
            let ofProjections = (squares.reduce(0, +) / Double(squares.count)).squareRoot() / norm
            return [ofSamples, ofNorm, ofProjections].reduce(0) { $1 > $0 || $1.isNaN ? $1 : $0 }
        }
    }

    struct Sample: Decodable {
        let image: Int
        let labels: Int
        let weights: Int
    }

    struct StoredTensor: Decodable {
        let name: String
        let shape: [Int]
        let stream: Int?
        let deviation: Double?
        let values: Data?
        let gradient: Summary
        let change: Summary

        /// The initial values, in PyTorch's order.
        var initial: [Float] {
            if let stream, let deviation {
                return HashedValues.uniform(stream, count: shape.reduce(1, *), deviation: deviation)
            }
            return values.map(floats) ?? []
        }
    }

    struct Step: Decodable {
        let learningRate: Double
        let momentum: Double
        let weightDecay: Double
        let nesterov: Bool
    }

    let inputChannels: Int
    let classes: Int
    let baseChannels: Int
    let depth: Int
    let padding: String
    let skip: String
    let normalization: String
    let height: Int
    let width: Int
    let samples: [Sample]
    let logits: Summary
    let loss: Double
    let step: Step
    /// The batch's mean loss before each step.
    let losses: [Double]
    let tensors: [StoredTensor]

    /// Reads `Vectors/NAME.json`.
    static func read(_ name: String) throws -> ReferenceNetwork {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(
            ReferenceNetwork.self, from: Data(contentsOf: vectorsFolder.appending(path: "\(name).json")))
    }

    var architecture: UNetArchitecture {
        UNetArchitecture(
            inputChannels: inputChannels, classes: classes, baseChannels: baseChannels, depth: depth,
            padding: padding == "same" ? .same : .valid, skip: UNetArchitecture.Skip(rawValue: skip) ?? .concatenate,
            normalization: normalization == "group" ? .group : .none, dropout: 0)
    }

    /// The initial parameters in a flat buffer.
    func parameters(_ layout: ParameterLayout) -> ParameterBuffer {
        let buffer = ParameterBuffer(layout)
        for tensor in tensors {
            layout.importTensor(layout.entry(tensor.name), from: tensor.initial, to: buffer.base)
        }
        return buffer
    }

    /// The signs of all projections, for the largest tensor.
    func signs() -> [[Double]] {
        let largest = max(
            tensors.map { $0.shape.reduce(1, *) }.max() ?? 0, height * width * classes)
        return logits.projections.indices.map { HashedValues.signs(400_000 + $0, count: largest) }
    }
}

/// Where `make_vectors.py` and what it makes lie.
let vectorsFolder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors")

/// Little-endian float32.
func floats(_ data: Data) -> [Float] {
    data.withUnsafeBytes { bytes in
        stride(from: 0, to: bytes.count, by: 4).map {
            Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
        }
    }
}
