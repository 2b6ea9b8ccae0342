import Support

/// A predicted critical path as a terminal shows it.
enum CriticalPathText {
    static func text(_ outcome: CriticalPath.Outcome, bandwidth: Double) -> String {
        func milliseconds(_ seconds: Double) -> String {
            (1000 * seconds).formatted(.number.grouping(.never).precision(.fractionLength(seconds < 0.01 ? 2 : 1)))
        }
        func figure(_ value: Double, _ digits: Int) -> String {
            value.formatted(.number.grouping(.never).precision(.fractionLength(digits)))
        }
        let measured = outcome.measuredForks.map { "\($0.threads) threads \(figure(1e6 * $0.seconds, 1)) us" }
        let head = [
            "threads", "step ms", "speed-up", "efficiency", "work ms", "critical path ms", "not shared ms", "forks",
            "memory-bound ms", "MiB",
        ]
        let rows = outcome.rows.map { row in
            [
                "\(row.threads)", milliseconds(row.predicted), figure(row.speedUp, 2),
                "\(figure(100 * row.speedUp / Double(row.threads), 1)) %", milliseconds(row.work),
                milliseconds(row.criticalPath), milliseconds(row.serial), "\(row.forks)",
                milliseconds(row.boundByMemory), "\(Int(row.peakMebibytes))",
            ]
        }
        var text = """
            fork and join: \(figure(1e6 * outcome.forkSeconds, 1)) us\(measured.isEmpty ? "" : " (measured: " + measured.joined(separator: ", ") + ")"); memory: \(figure(bandwidth, 0)) GB/s

            \(aligned([head] + rows))
            """
        guard let last = outcome.rows.last(where: { $0.threads > 1 }) else { return text }
        let layers = last.layers.prefix(12).map {
            [
                $0.layer, $0.pass, milliseconds($0.predicted), milliseconds($0.lost), milliseconds($0.serial),
                "\($0.forks)",
            ]
        }
        text += "\n\nwhat limits \(last.threads) threads: beyond an even share of the work\n\n"
        return text + aligned([["layer", "pass", "ms", "lost ms", "not shared ms", "forks"]] + layers, left: 2)
    }
}
