import Dispatch

/// Records the sections of work that a team would share out, part by part, on one thread: what `SectionSchedule` predicts
/// from.
///
/// Sendable without a lock: one thread gives the team work, and reads the sections afterwards.
public final class SectionRecorder: @unchecked Sendable {
    /// What a team was given at once.
    public struct Section: Sendable {
        /// The profile's row that it belongs to, nil outside all.
        public let row: Int?
        /// Seconds of each part.
        public let parts: [Double]
        /// Bytes that it reads from memory and writes to it.
        public let bytes: Int

        public init(row: Int?, parts: [Double], bytes: Int) {
            self.row = row
            self.parts = parts
            self.bytes = bytes
        }
    }

    /// In the order of the work.
    public private(set) var sections: [Section] = []
    private let profile: StepProfile?

    /// - Parameter profile: what knows the layer at hand.
    public init(profile: StepProfile? = nil) { self.profile = profile }

    /// Forgets all that was recorded.
    public func reset() { sections = [] }

    func record(_ count: Int, bytes: Int, _ body: (_ lane: Int, _ part: Int) -> Void) {
        var parts: [Double] = []
        parts.reserveCapacity(count)
        var before = DispatchTime.now().uptimeNanoseconds
        for part in 0..<count {
            body(0, part)
            let now = DispatchTime.now().uptimeNanoseconds
            parts.append(Double(now - before) * 1e-9)
            before = now
        }
        sections.append(Section(row: profile?.currentRow, parts: parts, bytes: bytes))
    }
}
