import Foundation
import Kernels
import Support

/// Ratios to the yardsticks that were measured before, by target, kernel and shape. Ratios and not times: they mean
/// much the same on another machine of the kind.
struct Baseline {
    /// The largest share by which a ratio may be below its baseline.
    static let allowance = 0.25

    private typealias Ratios = [String: [String: Double]]
    private var targets: [String: Ratios] = [:]

    /// No ratios at all.
    init() {}

    init(contentsOf path: String) throws {
        do {
            targets = try JSONDecoder().decode(
                [String: Ratios].self, from: Data(contentsOf: URL(filePath: path)))
        } catch is DecodingError {
            throw Failure.request("\(path) is no baseline: write one with --write-baseline")
        } catch {
            throw Failure.request("cannot read the baseline \(path): write one with --write-baseline")
        }
    }

    /// Whether there are ratios for what these kernels were compiled for.
    var knowsTarget: Bool { targets[KernelTarget.description] != nil }

    /// The measurement beside its baseline.
    func compared(_ measurement: Measurement) -> Measurement {
        var result = measurement
        result.baseline = targets[KernelTarget.description]?[measurement.kernel]?[measurement.shape]
        result.isBelow = result.baseline.map { measurement.ratio < (1 - Self.allowance) * $0 } ?? false
        return result
    }

    /// Takes measurements in, for this target; those of other targets and shapes stay.
    mutating func record(_ measurements: [Measurement]) {
        var ratios = targets[KernelTarget.description] ?? [:]
        for measurement in measurements {
            // Three digits: the rest is noise, and would change with every run.
            let rounded = Double(String(format: "%.3g", measurement.ratio)) ?? measurement.ratio
            ratios[measurement.kernel, default: [:]][measurement.shape] = rounded
        }
        targets[KernelTarget.description] = ratios
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try AtomicFile.write(String(decoding: encoder.encode(targets), as: UTF8.self) + "\n", to: path)
        } catch {
            throw Failure.running("cannot write the baseline \(path)")
        }
    }
}
