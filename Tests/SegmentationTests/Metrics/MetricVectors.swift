import Foundation
import Kernels

/// `Vectors/metric-vectors.json`; `Vectors/README.md` says what is in it.
struct MetricVectors: Decodable {
    struct LabelCase: Decodable {
        let name: String
        let height: Int
        let width: Int
        let truth: String
        let prediction: String
        let adaptedRandError: Double?
        let voiSplit: Double?
        let voiMerge: Double?
        let vRand: Double?
        let vInfo: Double?
        let seg: Double?
        let ap: [Double]?
    }

    struct ClassCase: Decodable {
        let name: String
        let classes: Int
        let height: Int
        let width: Int
        let truth: String
        let prediction: String
        let iou: [Double?]
        let dice: [Double?]
        let accuracy: Double?
        let weightedIou: Double?
        let weightedDice: Double?
        let confusion: [Int]
    }

    struct ProbabilityCase: Decodable {
        let name: String
        let height: Int
        let width: Int
        let truth: String
        let probability: String
        let vRand: [Double?]
        let vInfo: [Double?]
        let randF: [Double?]
        let pixelF: [Double?]
        let warpingError: [Double?]
    }

    struct BorderCase: Decodable {
        let name: String
        let height: Int
        let width: Int
        let w0: Double
        let sigma: Double
        let objects: String
        let weights: [Double]
    }

    struct WatershedCase: Decodable {
        let height: Int
        let width: Int
        let heights: [Float]
        let markers: String
        let mask: String
        let regions: String
    }

    let labels: [LabelCase]
    let classes: [ClassCase]
    let probabilities: [ProbabilityCase]
    let borders: [BorderCase]
    let watersheds: [WatershedCase]

    static let shared = Result {
        let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(
            MetricVectors.self, from: Data(contentsOf: path.appending(path: "Vectors/metric-vectors.json")))
    }

    private static let digits = Dictionary(
        uniqueKeysWithValues: ".0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".enumerated().map {
            ($1, Int32($0) - 1)
        })

    /// The map that a string stands for.
    static func map(_ text: String, _ height: Int, _ width: Int) -> LabelMap {
        let map = LabelMap(height: height, width: width)
        for (pixel, character) in text.enumerated() { map.values[pixel] = digits[character] ?? LabelMap.ignored }
        return map
    }
}
