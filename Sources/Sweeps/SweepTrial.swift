import Configurations
import Foundation
import Kernels
import Support

/// One choice of values for the parameters of a sweep.
package struct SweepTrial: Sendable, Equatable {
    /// From 1.
    package let number: Int
    /// The parameters' values as YAML, in the order of the sweep file.
    package let settings: [SweepFile.Setting]

    /// `trial-0001`: its folder's name.
    package var name: String { "trial-" + zeroPadded(number, digits: 4) }
}

extension SweepFile {
    /// All trials of the sweep, in the order in which they run; a function of the file alone.
    package var trials: [SweepTrial] {
        switch strategy {
        case .grid:
            let values = parameters.map(\.gridValues)
            let count = values.reduce(1) { $0 * $1.count }
            return (0..<count).map { index in
                // The last parameter varies fastest, as digits do.
                var rest = index
                var chosen: [String] = []
                for values in values.reversed() {
                    chosen.append(values[rest % values.count])
                    rest /= values.count
                }
                return trial(index, values: chosen.reversed())
            }
        case .random(let trials, let seed):
            return (0..<trials).map { index in
                trial(
                    index,
                    values: parameters.enumerated().map { position, parameter in
                        var stream = RandomStream(seed: seed, use: .trials, index, position)
                        return parameter.draw(from: &stream)
                    })
            }
        }
    }

    private func trial(_ index: Int, values: [String]) -> SweepTrial {
        SweepTrial(
            number: index + 1,
            settings: zip(parameters, values).map { SweepFile.Setting(key: $0.key, value: $1) })
    }
}

extension SweepParameter {
    /// The values of a list, or the points of a range with a count; none for a range without.
    var gridValues: [String] {
        switch values {
        case .list(let values): return values
        case .range(let scale, let from, let to, let count):
            return (0..<(count ?? 0)).map { Self.point($0, of: count ?? 0, scale, from: from, to: to) }
        }
    }

    /// One of the points of a range.
    private static func point(_ index: Int, of count: Int, _ scale: Scale, from: Double, to: Double) -> String {
        // The ends are the file's own digits' worth, not rounded.
        index == 0
            ? YAMLText.number(from)
            : index == count - 1
                ? YAMLText.number(to) : scale.value(from, to, share: Double(index) / Double(count - 1))
    }

    /// A value at random: of a list or grid each alike, of a range without count uniform on its scale.
    func draw(from stream: inout RandomStream) -> String {
        switch values {
        case .list(let values): return values[stream.integer(below: values.count)]
        case .range(let scale, let from, let to, let count):
            guard let count else { return scale.value(from, to, share: stream.uniform()) }
            return Self.point(stream.integer(below: count), of: count, scale, from: from, to: to)
        }
    }
}

extension SweepParameter.Scale {
    /// The point at `share` of the way, in six significant digits: short enough to read.
    fileprivate func value(_ from: Double, _ to: Double, share: Double) -> String {
        let value =
            switch self {
            case .linear: from + share * (to - from)
            case .log: Elementary.exp(Elementary.log(from) + share * (Elementary.log(to) - Elementary.log(from)))
            }
        return YAMLText.number(Double(String(format: "%.6g", value)) ?? value)
    }
}
