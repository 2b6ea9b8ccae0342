import Foundation

/// Measurements as text, a line each.
struct Table {
    private static let head = [
        "kernel", "shape", "ms", "GFLOP/s", "effective", "GB/s", "ratio", "baseline", "change",
    ]
    private static let widths = [24, 22, 9, 8, 9, 7, 6, 8, 8]

    /// The names of the columns.
    static var header: String { line(head) }

    /// One row; what is below its baseline is marked.
    static func row(_ row: Measurement) -> String {
        let change = row.baseline.map { row.ratio / $0 - 1 }
        return line([
            row.kernel, row.shape, figure(row.milliseconds, 2), figure(row.gflops, 1), figure(row.effectiveGflops, 1),
            figure(row.gigabytesPerSecond, 1), figure(row.ratio, 3), figure(row.baseline, 3),
            change.map { String(format: "%+.0f %%", 100 * $0) } ?? "",
        ]) + (row.isBelow ? "  BELOW" : "")
    }

    private static func figure(_ value: Double?, _ digits: Int) -> String {
        value.map { String(format: "%.\(digits)f", $0) } ?? ""
    }

    private static func line(_ cells: [String]) -> String {
        var text = zip(cells, widths).enumerated().map { index, cell in
            let padding = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
            return index < 2 ? cell.0 + padding : padding + cell.0
        }.joined(separator: " ")
        while text.last == " " { text.removeLast() }
        return text
    }
}
