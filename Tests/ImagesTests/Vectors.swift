import Foundation
import Images

/// The files that `Vectors/make_vectors.py` made, and what their samples are.
enum Vectors {
    static let rows = 29
    static let columns = 37

    static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Vectors/\(name)").path
    }

    /// The script's value of a sample before it is scaled.
    static func value(_ row: Int, _ column: Int, channel: Int = 0, page: Int = 0) -> Int {
        (31 * row + 7 * column + 53 * channel + 101 * page) % 251
    }

    /// All samples of a region, row by row, after `convert`.
    static func samples<Value>(
        rows: Range<Int> = 0..<rows, columns: Range<Int> = 0..<columns, channels: Int = 1, page: Int = 0,
        _ convert: (Int) -> Value
    ) -> [Value] {
        rows.flatMap { row in
            columns.flatMap { column in
                (0..<channels).map { convert(value(row, column, channel: $0, page: page)) }
            }
        }
    }

    static func integers(channels: Int = 1, page: Int = 0, scale: Int = 1, offset: Int = 0) -> RasterImage.Content {
        .integers(samples(channels: channels, page: page) { UInt16($0 * scale + offset) })
    }

    static func floats(channels: Int = 1, _ convert: (Int) -> Float) -> RasterImage.Content {
        .floats(samples(channels: channels, convert))
    }

    /// Those of the float files.
    static let eighths: @Sendable (Int) -> Float = { Float($0) / 8 - 3 }
}
