import Foundation
import Support

/// A report's page: of a run, a sweep or a cross-validation.
protocol Page {
    /// Reads what has come since; called before `live`.
    mutating func update() throws
    /// What changes while a run lasts.
    var live: Live { get throws }
    /// What does not, by the names in the page's template.
    var sections: [String: Any] { get throws }
    /// The name of its template.
    var template: String { get }
}

/// The part of a page that follows a run that lasts: drawn in the browser, first from what stands in the page.
package struct Live: Encodable {
    /// Changes with everything else.
    package var version = 0
    /// What the page is about: a run's name.
    package let name: String
    package let badge: Badge
    /// The outcome in a sentence.
    package let verdict: String
    package let facts: [Fact]
    /// What the reader must know: failures, damage, what is missing.
    package let notes: [Note]
    package var charts: [Chart] = []
    package var phases: [Phase] = []
    package var table: Table?
    package var axes: [Axis] = []
    /// The step whose pictures there are; nil without pictures.
    package var reviewed: Int?

    /// How it stands.
    package struct Badge: Encodable {
        package let word: String
        /// `good`, `bad`, `live` or `quiet`.
        package let tone: String
    }

    package struct Fact: Encodable {
        package let label: String
        package let value: String
        package let detail: String
    }

    package struct Note: Encodable {
        package let text: String
        package var isBad = false

        private enum CodingKeys: String, CodingKey {
            case text
            case isBad = "bad"
        }
    }

    /// A share of the training time.
    package struct Phase: Encodable {
        package let name: String
        package let meaning: String
        package let time: String
        package let share: Double
    }

    /// A table whose rows can be sorted.
    package struct Table: Encodable {
        package struct Column: Encodable {
            package let title: String
            /// Whether its fields are numbers.
            package let isNumber: Bool

            private enum CodingKeys: String, CodingKey {
                case title
                case isNumber = "number"
            }
        }

        package struct Row: Encodable {
            /// The name of its curve.
            package let name: String
            /// A field's text for people.
            package let texts: [String]
            /// What it is sorted by, of a number.
            package let numbers: [Double?]
            package let isBest: Bool
            /// `done`, `failed`, `running`, …
            package let status: String
            /// Why it failed.
            package let reason: String?

            private enum CodingKeys: String, CodingKey {
                case name, texts, numbers, status, reason
                case isBest = "best"
            }
        }

        package let columns: [Column]
        package let rows: [Row]
        /// The column that it is sorted by at first.
        package let sortedBy: Int
        package let isDescending: Bool

        private enum CodingKeys: String, CodingKey {
            case columns, rows
            case sortedBy = "sort"
            case isDescending = "descending"
        }
    }

    /// An axis of parallel coordinates: a parameter's values, or the objective, of each row of the table.
    package struct Axis: Encodable {
        package let title: String
        /// One a row; null where it has none.
        package let values: [Double?]
        /// Of values that are words, in their order; then `values` are places among them.
        package let words: [String]?
        package let isLogarithmic: Bool
        /// Whether the lines have their colours by it.
        package let isObjective: Bool

        private enum CodingKeys: String, CodingKey {
            case title, values, words
            case isLogarithmic = "log"
            case isObjective = "objective"
        }
    }
}

extension Live {
    /// As it is sent.
    var json: Data {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.withoutEscapingSlashes]
            return try encoder.encode(self)
        }
    }
}

/// Text from outside, names of files and classes say, as it is shown: without characters that turn the direction of what
/// follows. Markup is escaped where it is put into a page.
func shown(_ text: String) -> String { text.printable() }
