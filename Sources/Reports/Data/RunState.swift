import Checkpoints
import Configurations
import Foundation
import Support

/// How a run stands, as far as its folder tells.
enum RunState: Equatable {
    /// Nothing was trained yet.
    case empty
    /// A process has the folder.
    case running
    case finished
    /// It ended before its time: stopped or killed.
    case stopped
    case failed

    /// - Parameter configuration: nil where it cannot be read.
    init(_ directory: RunDirectory, _ history: RunHistory, _ configuration: Configuration?) {
        if FileHandle.isLocked(folder: directory.path) {
            self = .running
        } else if history.failure != nil {
            self = .failed
        } else if history.steps.isEmpty {
            self = .empty
        } else {
            self = Self.isOver(history, configuration) ? .finished : .stopped
        }
    }

    private static func isOver(_ history: RunHistory, _ configuration: Configuration?) -> Bool {
        guard let configuration else { return false }
        let patience = configuration.validation.patience
        if patience > 0, history.validationsSinceBest >= patience { return true }
        return switch configuration.training.length {
        case .steps(let steps): history.lastStep >= steps
        // A step that was begun in time ends after it.
        case .minutes(let minutes): history.seconds >= 60 * minutes * 0.98
        case .epochs(let epochs): history.steps.last.map { $0.epoch >= Double(epochs) * 0.999 } ?? false
        }
    }

    var word: String {
        switch self {
        case .empty: "not begun"
        case .running: "running"
        case .finished: "finished"
        case .stopped: "stopped"
        case .failed: "failed"
        }
    }

    /// The style of its badge.
    var tone: String {
        switch self {
        case .empty, .stopped: "quiet"
        case .running: "live"
        case .finished: "good"
        case .failed: "bad"
        }
    }
}
