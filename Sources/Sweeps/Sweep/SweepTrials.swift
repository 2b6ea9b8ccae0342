import Configurations
import Foundation
import Kernels
import Support

extension SweepFile {
    /// The trials of the sweep, in the order in which they begin; a function of the files alone.
    ///
    /// - Parameter isWanted: whether a combination of values is tried. Those of a grid are left out otherwise, and draws are
    ///   repeated.
    /// - Throws: what `isWanted` throws, and a request's failure where no combination is wanted.
    package func trials(where isWanted: ([Trial.Setting]) throws -> Bool = { _ in true }) throws -> [Trial] {
        guard let (count, seed) = strategy.draws else {
            let trials = try combinations.filter(isWanted)
            guard !trials.isEmpty else { throw Failure.request("constraints leave out every combination") }
            return trials.enumerated().map(trial)
        }
        return try (0..<count).map { index in
            for attempt in 0..<Self.mostDraws {
                let settings = parameters.enumerated().map { position, parameter in
                    // The first draw is that of a sweep without constraints.
                    var stream =
                        attempt == 0
                        ? RandomStream(seed: seed, use: .trials, index, position)
                        : RandomStream(seed: seed, use: .trials, index, position, attempt)
                    return Trial.Setting(key: parameter.key, value: parameter.draw(from: &stream))
                }
                if try isWanted(settings) { return trial(index, settings) }
            }
            throw Failure.request(
                "constraints leave out \(grouped(Self.mostDraws)) draws in a row: widen them, or narrow the parameters")
        }
    }

    private static let mostDraws = 1000

    /// Every combination of values, the last parameter varying fastest, as digits do.
    private var combinations: [[Trial.Setting]] {
        let values = parameters.map(\.gridValues)
        return (0..<values.reduce(1) { $0 * $1.count }).map { index in
            var rest = index
            var chosen: [Trial.Setting] = []
            for (parameter, values) in zip(parameters, values).reversed() {
                chosen.append(Trial.Setting(key: parameter.key, value: values[rest % values.count]))
                rest /= values.count
            }
            return chosen.reversed()
        }
    }

    private func trial(_ index: Int, _ settings: [Trial.Setting]) -> Trial {
        Trial(index: index, name: "trial-" + zeroPadded(index + 1, digits: 4), settings: settings)
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
