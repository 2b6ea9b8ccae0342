/// What a rank is doing, as failure detection reports it.
package enum Phase: UInt8, Sendable, CaseIterable {
    case start, data, forward, loss, backward, audit, reduction, update, checkpoint, validation, waiting, shutdown

    /// Behind "has been": "reading images".
    var doing: String {
        switch self {
        case .start: "starting"
        case .data: "reading images"
        case .forward: "in the forward pass"
        case .loss: "computing the loss"
        case .backward: "in the backward pass"
        case .audit: "computing a slot of another worker again"
        case .reduction: "summing gradients"
        case .update: "updating the weights"
        case .checkpoint: "saving a checkpoint"
        case .validation: "validating"
        case .waiting: "waiting for the others"
        case .shutdown: "shutting down"
        }
    }

    /// Behind "was lost at step 57, ": "while reading images".
    var when: String { doing.hasPrefix("in ") ? doing : "while \(doing)" }

    /// Whether a rank gets through the phase by itself, without waiting for another one, in a time that steps measure.
    var isOwnWork: Bool {
        switch self {
        case .data, .forward, .loss, .backward, .audit, .update: true
        case .start, .reduction, .checkpoint, .validation, .waiting, .shutdown: false
        }
    }
}

/// What a rank says of itself.
package struct RankStatus: Sendable, Equatable {
    package var step = 0
    package var phase = Phase.start
    /// Counts what the rank has entered, and units of work that it has done: a rank that counts nothing new has not got on.
    package var entries: UInt64 = 0
    /// What the phase is about, a file's name say; may be empty.
    package var item = ""

    package init(step: Int = 0, phase: Phase = .start, entries: UInt64 = 0, item: String = "") {
        (self.step, self.phase, self.entries, self.item) = (step, phase, entries, item)
    }

    /// Behind "has been": "reading images (a.png)".
    var doing: String { phase.doing + (item.isEmpty ? "" : " (\(item))") }
}
