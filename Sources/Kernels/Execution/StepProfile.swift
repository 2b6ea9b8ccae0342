import Dispatch

/// Profiles training steps: a stopwatch that the network sets to a layer's pass, and kernels to a phase of it.
///
/// Sendable without a lock: one thread drives it, lane 0 of the team included, and reads the rows afterwards. What the other
/// threads do meanwhile counts where that thread is.
public final class StepProfile: @unchecked Sendable {
    /// A phase of a kernel within a pass.
    public enum Phase: Int, Sendable, CaseIterable, Codable {
        /// Transforming and packing weights, and transforming their gradient back.
        case filters
        /// Transforming activations and gradients into and out of the Winograd domain.
        case transforms
        /// Matrix products.
        case products
        /// Element-wise work.
        case elements
    }

    /// One pass through a layer, summed over the steps.
    public struct Row: Sendable {
        public let layer: String
        /// "forward", "backward", or "" for what has but one.
        public let pass: String
        /// The name of the kernel that computed it.
        public fileprivate(set) var kernel = ""
        public fileprivate(set) var seconds = 0.0
        /// Seconds in each phase, by its raw value.
        public fileprivate(set) var phases = Array(repeating: 0.0, count: Phase.allCases.count)
        /// Floating-point operations of its products, as computed, a multiply-add being two.
        public fileprivate(set) var operations = 0.0
        /// Operations of the direct sum that defines the layer.
        public fileprivate(set) var directOperations = 0.0

        init(layer: String, pass: String) {
            self.layer = layer
            self.pass = pass
        }
    }

    /// In the order in which they were first entered.
    public private(set) var rows: [Row] = []
    /// The row that time counts for now.
    private(set) var currentRow: Int?
    private var phase = Phase.elements
    private var since: UInt64 = 0

    public init() {}

    /// Forgets all that was measured.
    public func reset() {
        rows = []
        currentRow = nil
    }

    /// From here on time counts for a layer's pass.
    public func enter(_ layer: String, _ pass: String = "") {
        charge()
        currentRow = rows.firstIndex { $0.layer == layer && $0.pass == pass } ?? rows.count
        if currentRow == rows.count { rows.append(Row(layer: layer, pass: pass)) }
        phase = .elements
    }

    /// From here on time counts for no row.
    public func leave() {
        charge()
        currentRow = nil
    }

    /// From here on time counts for a phase of the row.
    func enter(_ next: Phase) {
        charge()
        phase = next
    }

    /// Notes which kernel computes the row, and its floating-point operations.
    func note(kernel: String, operations: Double, directOperations: Double) {
        guard let current = currentRow else { return }
        rows[current].kernel = kernel
        rows[current].operations += operations
        rows[current].directOperations += directOperations
    }

    private func charge() {
        let now = DispatchTime.now().uptimeNanoseconds
        if let current = currentRow {
            let seconds = Double(now - since) * 1e-9
            rows[current].seconds += seconds
            rows[current].phases[phase.rawValue] += seconds
        }
        since = now
    }
}
