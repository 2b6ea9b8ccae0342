import Testing

/// A long text as a test's argument, called by its beginning.
package struct LongText: Sendable, CustomTestStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }

    package var testDescription: String {
        "\(text.prefix(40).split(whereSeparator: \.isNewline).joined(separator: " "))… of \(text.utf8.count) bytes"
    }
}
