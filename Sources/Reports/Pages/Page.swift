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
struct Live: Encodable {
    /// Changes with everything else.
    var version = 0
    /// What the page is about: a run's name.
    let name: String
    let badge: Badge
    /// The outcome in a sentence.
    let verdict: String
    let facts: [Fact]
    /// What the reader must know: failures, damage, what is missing.
    let notes: [Note]
    var charts: [Chart] = []
    var phases: [Phase] = []
    var table: Table?
    var axes: [Axis] = []
    /// The step whose pictures there are; nil without pictures.
    var reviewed: Int?

    /// How it stands.
    struct Badge: Encodable {
        let word: String
        /// `good`, `bad`, `live` or `quiet`.
        let tone: String
    }

    struct Fact: Encodable {
        let label: String
        let value: String
        let detail: String
    }

    struct Note: Encodable {
        let text: String
        var isBad = false

        private enum CodingKeys: String, CodingKey {
            case text
            case isBad = "bad"
        }
    }

    /// A share of the training time.
    struct Phase: Encodable {
        let name: String
        let meaning: String
        let time: String
        let share: Double
    }

    /// A table whose rows can be sorted.
    struct Table: Encodable {
        struct Column: Encodable {
            let title: String
            /// Whether its fields are numbers.
            let isNumber: Bool

            private enum CodingKeys: String, CodingKey {
                case title
                case isNumber = "number"
            }
        }

        struct Row: Encodable {
            /// The name of its curve.
            let name: String
            /// A field's text for people.
            let texts: [String]
            /// What it is sorted by, of a number.
            let numbers: [Double?]
            let isBest: Bool
            /// `done`, `failed`, `running`, …
            let status: String
            /// Why it failed.
            let reason: String?

            private enum CodingKeys: String, CodingKey {
                case name, texts, numbers, status, reason
                case isBest = "best"
            }
        }

        let columns: [Column]
        let rows: [Row]
        /// The column that it is sorted by at first.
        let sortedBy: Int
        let isDescending: Bool

        private enum CodingKeys: String, CodingKey {
            case columns, rows
            case sortedBy = "sort"
            case isDescending = "descending"
        }
    }

    /// An axis of parallel coordinates: a parameter's values, or the objective, of each row of the table.
    struct Axis: Encodable {
        let title: String
        /// One a row; null where it has none.
        let values: [Double?]
        /// Of values that are words, in their order; then `values` are places among them.
        let words: [String]?
        let isLogarithmic: Bool
        /// Whether the lines have their colours by it.
        let isObjective: Bool

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
