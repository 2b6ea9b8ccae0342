import Foundation

/// A curve as a page draws it: at most some thousand points, each the mean of its neighbours with their extremes beside it.
package struct Curve: Encodable {
    package let name: String
    /// What it is drawn as: `line`, or `dots` joined by a line.
    package let style: Style
    package let x: [Int]
    /// Null where a value was not finite.
    package let y: [Double?]
    /// The smallest and largest of the values that a point stands for; left out where each stands for one.
    package let low: [Double?]?
    package let high: [Double?]?
    /// Whether the page shows it before anyone asks.
    package var isShown = true
    /// Of a sweep's trial or a fold: whether it is the best.
    package var isBest = false

    package enum Style: String, Encodable { case line, dots }

    private enum CodingKeys: String, CodingKey {
        case name, style, x, y, low, high
        case isShown = "shown"
        case isBest = "best"
    }

    /// Points of a curve: more than a screen is wide, so that one may zoom in.
    package static let mostPoints = 3000

    /// - Parameters:
    ///   - x: ascending.
    ///   - y: of the same count; what is not finite is a gap.
    package init(_ name: String, _ style: Style = .line, x: [Int], y: [Double], most: Int = mostPoints) {
        (self.name, self.style) = (name, style)
        let size = max(1, (x.count + most - 1) / max(most, 1))
        guard size > 1 else {
            self.x = x
            self.y = y.map(Self.rounded)
            (low, high) = (nil, nil)
            return
        }
        var (places, means, lows, highs): ([Int], [Double?], [Double?], [Double?]) = ([], [], [], [])
        for start in stride(from: 0, to: x.count, by: size) {
            let end = min(start + size, x.count)
            let values = y[start..<end].filter(\.isFinite)
            places.append(x[start + (end - start) / 2])
            means.append(values.isEmpty ? nil : Self.rounded(values.reduce(0, +) / Double(values.count)))
            lows.append(values.min().flatMap(Self.rounded))
            highs.append(values.max().flatMap(Self.rounded))
        }
        (self.x, self.y, low, high) = (places, means, lows, highs)
    }

    /// Six significant digits, which no screen resolves.
    private static func rounded(_ value: Double) -> Double? {
        guard value.isFinite else { return nil }
        guard value != 0 else { return 0 }
        let digits = 5 - Int(log10(abs(value)).rounded(.down))
        guard abs(digits) < 300 else { return value }
        let scale = pow(10, Double(abs(digits)))
        return digits >= 0 ? (value * scale).rounded() / scale : (value / scale).rounded() * scale
    }
}

/// A chart of a page.
package struct Chart: Encodable {
    package let id: String
    package let title: String
    package let curves: [Curve]
    /// Whether it begins with a logarithmic axis.
    package var isLogarithmic = false
    /// Whether it is what was set, and not what was measured: it is never smoothed.
    package var isExact = false
    /// A step to be pointed out, and how it is called.
    package var mark: Mark?
    /// Steps without a finite value.
    package var gaps: [Int] = []

    package struct Mark: Encodable {
        package let x: Int
        package let label: String
    }

    private enum CodingKeys: String, CodingKey {
        case id, title, curves, mark, gaps
        case isLogarithmic = "log"
        case isExact = "exact"
    }
}
