import Diagnostics

/// A failure on its way between ranks.
package struct FailureRecord: Codable, Sendable {
    let kind: Int32
    let message: String
    let repeats: Bool

    package init(_ failure: Failure) {
        kind = failure.kind.rawValue
        message = failure.message
        repeats = failure.repeats
    }

    package var failure: Failure { Failure(Failure.Kind(rawValue: kind) ?? .running, message, repeats: repeats) }
}
