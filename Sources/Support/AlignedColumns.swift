/// Rows of cells as the lines of a table, each column as wide as its widest cell, two spaces between columns, and no spaces
/// at a line's end.
///
/// - Parameters:
///   - left: so many columns are words and begin at the left; the others are figures and end at the right.
///   - minimumWidths: of the first columns.
package func alignedLines(_ rows: [[String]], left: Int = 0, minimumWidths: [Int] = []) -> [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
        let widest = rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        return column < minimumWidths.count ? max(widest, minimumWidths[column]) : widest
    }
    return rows.map { row in
        var line = zip(row, widths).enumerated().map { index, cell in
            let padding = String(repeating: " ", count: cell.1 - cell.0.count)
            return index < left ? cell.0 + padding : padding + cell.0
        }.joined(separator: "  ")
        while line.last == " " { line.removeLast() }
        return line
    }
}

/// The same table as one text, without a newline at its end.
package func aligned(_ rows: [[String]], left: Int = 0) -> String {
    alignedLines(rows, left: left).joined(separator: "\n")
}
