/// A message that could not be sent or received: the other ranks cannot be told, and the job has to be aborted.
public struct CommunicationFailure: Error, CustomStringConvertible {
    /// One line: what failed, between whom.
    public let description: String

    public init(_ description: String) { self.description = description }
}
