import Foundation
import Kernels

/// `Tests/MetricsTests/Vectors/metric-vectors.json`; the `README.md` beside it says what is in it.
package struct MetricVectors: Decodable {
    package struct LabelCase: Decodable {
        package let name: String
        package let height: Int
        package let width: Int
        package let truth: String
        package let prediction: String
        package let adaptedRandError: Double?
        package let voiSplit: Double?
        package let voiMerge: Double?
        package let vRand: Double?
        package let vInfo: Double?
        package let seg: Double?
        package let ap: [Double]?
    }

    package struct ClassCase: Decodable {
        package let name: String
        package let classes: Int
        package let height: Int
        package let width: Int
        package let truth: String
        package let prediction: String
        package let iou: [Double?]
        package let dice: [Double?]
        package let accuracy: Double?
        package let weightedIou: Double?
        package let weightedDice: Double?
        package let confusion: [Int]
    }

    package struct ProbabilityCase: Decodable {
        package let name: String
        package let height: Int
        package let width: Int
        package let truth: String
        package let probability: String
        package let vRand: [Double?]
        package let vInfo: [Double?]
        package let randF: [Double?]
        package let pixelF: [Double?]
        package let warpingError: [Double?]
    }

    package struct BorderCase: Decodable {
        package let name: String
        package let height: Int
        package let width: Int
        package let w0: Double
        package let sigma: Double
        package let objects: String
        package let weights: [Double]
    }

    package struct WatershedCase: Decodable {
        package let height: Int
        package let width: Int
        package let heights: [Float]
        package let markers: String
        package let mask: String
        package let regions: String
    }

    package let labels: [LabelCase]
    package let classes: [ClassCase]
    package let probabilities: [ProbabilityCase]
    package let borders: [BorderCase]
    package let watersheds: [WatershedCase]

    package static let shared = Result {
        let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(
            MetricVectors.self,
            from: Data(contentsOf: package.appending(path: "Tests/MetricsTests/Vectors/metric-vectors.json")))
    }

    private static let digits = Dictionary(
        uniqueKeysWithValues: ".0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".enumerated().map {
            ($1, Int32($0) - 1)
        })

    /// The map that a string stands for.
    package static func map(_ text: String, _ height: Int, _ width: Int) -> LabelMap {
        let map = LabelMap(height: height, width: width)
        for (pixel, character) in text.enumerated() { map.values[pixel] = digits[character] ?? LabelMap.ignored }
        return map
    }
}
