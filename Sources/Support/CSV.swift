/// Tables as comma-separated values (RFC 4180), lines ended by a line feed.
package enum CSV {
    /// A row that was read.
    package struct Record: Equatable, Sendable {
        /// The line that it begins in, from 1.
        package let line: Int
        package let fields: [String]
    }

    // What no table of paths, settings and results comes near: a line that never ends is found before it is gathered.
    private static let mostFields = 10_000
    private static let mostCharacters = 100_000

    /// What is wrong with a text, and where.
    package struct Flaw: Error, Equatable {
        /// From 1.
        package let line: Int
        /// What is wrong, and what to do about it.
        package let problem: String

        package init(line: Int, problem: String) { (self.line, self.problem) = (line, problem) }
    }

    /// The rows as text; fields that hold a comma, a quote or a line's end stand in quotes.
    package static func text(_ rows: [[String]]) -> String {
        rows.map { $0.map(quoted).joined(separator: ",") + "\n" }.joined()
    }

    private static func quoted(_ field: String) -> String {
        // By scalars: a carriage return with its line feed, or a quote with an accent, is one character of another kind.
        guard field.unicodeScalars.contains(where: { ",\"\n\r".unicodeScalars.contains($0) }) else { return field }
        var text = String.UnicodeScalarView("\"".unicodeScalars)
        for scalar in field.unicodeScalars {
            text.append(scalar)
            if scalar == "\"" { text.append(scalar) }
        }
        return String(text) + "\""
    }

    /// The rows of a text. Empty lines are passed over, and a byte order mark at the beginning, which spreadsheets write;
    /// a carriage return ends a line, alone or with the line feed behind it.
    package static func records(_ text: String) throws(Flaw) -> [Record] {
        var records: [Record] = []
        // Of a quoted field only the last quote is not known to be its end until the next character.
        enum State { case start, plain, quoted, quoteInQuoted }
        var state = State.start
        var (line, first) = (1, 1)
        var fields: [String] = []
        var field = String.UnicodeScalarView()
        func endField() {
            fields.append(String(field))
            field = String.UnicodeScalarView()
            state = .start
        }
        func endRecord() {
            if !(fields.isEmpty && field.isEmpty && state == .start) {
                endField()
                records.append(Record(line: first, fields: fields))
            }
            fields = []
        }
        func checkSize() throws(Flaw) {
            guard fields.count < mostFields, field.count <= mostCharacters else {
                throw Flaw(
                    line: first,
                    problem: fields.count < mostFields
                        ? "a field has more than \(grouped(mostCharacters)) characters: close its quote, or end its line"
                        : "has more than \(grouped(mostFields)) fields: end its line")
            }
        }
        // The field's characters are counted a thousand at a time.
        var untilCheck = 1000
        var rest = text.unicodeScalars[...]
        if rest.first == "\u{FEFF}" { rest.removeFirst() }
        while let scalar = rest.popFirst() {
            untilCheck -= 1
            if untilCheck == 0 {
                try checkSize()
                untilCheck = 1000
            }
            if state == .quoted {
                if scalar == "\"" { state = .quoteInQuoted } else { field.append(scalar) }
                if scalar == "\n" { line += 1 }
                continue
            }
            switch scalar {
            case "\"" where state == .start: state = .quoted
            case "\"" where state == .quoteInQuoted:
                field.append(scalar)
                state = .quoted
            case ",": endField()
            case "\r" where rest.first == "\n": break
            case "\n", "\r":
                endRecord()
                line += 1
                first = line
            case _ where state == .quoteInQuoted:
                throw Flaw(line: line, problem: "text follows a closing quote: double the quotes inside of a field")
            default:
                field.append(scalar)
                state = .plain
            }
        }
        guard state != .quoted else {
            throw Flaw(line: first, problem: "a quote is not closed: add the second one")
        }
        endRecord()
        return records
    }
}
