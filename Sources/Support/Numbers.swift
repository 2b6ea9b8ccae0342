import Foundation

/// A number with a fixed number of decimals.
package func decimals(_ value: Double, _ count: Int) -> String { String(format: "%.\(count)f", value) }

/// A number as a person reads it: four significant digits, or as many as are asked for.
package func significant(_ value: Double, _ digits: Int = 4) -> String {
    let isWhole = value == value.rounded() && abs(value) < 1e9
    return isWhole ? String(Int(value)) : String(format: "%.\(digits)g", value)
}

/// The median: of an even number of values, the mean of the two in the middle; nil of none.
package func median(_ values: [Double]) -> Double? {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return nil }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}

/// Seconds as a person says them: "42 s", "3 min 10 s", "2 h 5 min".
public func duration(_ seconds: Double) -> String {
    let whole = Int(min(seconds, 1e15).rounded())
    if whole < 60 { return "\(whole) s" }
    return whole < 3600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h \(whole % 3600 / 60) min"
}

/// 31030658 as "31,030,658".
public func grouped(_ number: Int) -> String {
    var digits = Array(String(number))
    var result: [Character] = []
    while let digit = digits.popLast() {
        if result.count % 4 == 3 { result.append(",") }
        result.append(digit)
    }
    return String(result.reversed())
}

/// A number with zeros before it up to so many digits, so that names sort as numbers do: 7 as "0007".
public func zeroPadded(_ number: Int, digits: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}

/// Seconds since it was made.
package struct StopWatch {
    private let start = ContinuousClock.now

    package init() {}

    package var seconds: Double { (ContinuousClock.now - start) / .seconds(1) }
}

extension String {
    /// In one line, and cut where that is too long for a person to read.
    package var shortened: String {
        let line = utf8.count <= 200 ? self : "\(prefix(80))…"
        return line.printable()
    }
}
