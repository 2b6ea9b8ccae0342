import Foundation
import Testing

extension Tag {
    /// Tests that measure time: what else the machine does can make them fail.
    @Tag package static var timing: Self
}

extension Trait where Self == ConditionTrait {
    /// Runs a test that measures time only where that is asked for.
    ///
    /// Such tests are in suites called Timing, so that `swift test --filter /Timing/` chooses them.
    package static var onlyWhereTimeIsMeasured: Self {
        .enabled(
            if: ProcessInfo.processInfo.environment["LOCKSTEP_TIMING"] == "1",
            "measures time: runs with LOCKSTEP_TIMING=1, on a machine that does nothing else")
    }
}
