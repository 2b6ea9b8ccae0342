/// Rows of cells as lines, each column as wide as its widest cell.
///
/// - Parameters:
///   - left: so many columns are words and begin at the left; the others are figures and end at the right.
package func aligned(_ rows: [[String]], left: Int = 0) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
        zip(row, widths).enumerated().map { index, cell in
            let padding = String(repeating: " ", count: cell.1 - cell.0.count)
            return index < left ? cell.0 + padding : padding + cell.0
        }.joined(separator: "  ")
    }.joined(separator: "\n")
}
