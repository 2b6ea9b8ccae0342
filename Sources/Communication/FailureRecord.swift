import Support

/// A failure as it is sent between ranks.
package struct FailureRecord: Codable, Sendable {
    let kind: Int32
    let message: String
    let repeats: Bool

    package init(_ failure: Failure) {
        kind = failure.kind.rawValue
        message = failure.message
        repeats = failure.repeats
    }

    /// The failure, on the rank that received it.
    package var failure: Failure { Failure(Failure.Kind(rawValue: kind) ?? .running, message, repeats: repeats) }
}

extension FailureRecord {
    /// What went wrong on a rank of a world: a failure while running names the rank; a wrong request is nobody's in
    /// particular.
    package init(_ error: any Error, on world: any Communicator) {
        let failure = Failure(wrapping: error)
        self.init(failure.kind == .running && world.size > 1 ? failure.at(world.name) : failure)
    }
}
