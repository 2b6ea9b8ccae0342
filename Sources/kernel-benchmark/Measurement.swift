import Support

/// A kernel's speed on one shape.
struct Measurement: Codable {
    let kernel: String
    let shape: String
    /// Median of the repetitions.
    let milliseconds: Double
    /// Operations as computed, and as the direct sum would take; nil for what is measured in bytes.
    let gflops: Double?
    let effectiveGflops: Double?
    /// Bytes that have to be read and written, each once; nil for products.
    let gigabytesPerSecond: Double?
    /// Direct operations a second as a share of the core's multiply-adds, or bytes as a share of a copy's: the median
    /// over the repetitions of the ratio to the yardstick right before and after.
    let ratio: Double
    /// The ratio that the baseline has, if there is one.
    var baseline: Double?
    /// Whether the ratio is more than `Baseline.allowance` below the baseline's.
    var isBelow = false

    /// Times a kernel on one shape, yardsticks in between.
    static func of(_ kernel: any Benchmarked, _ problem: Case, _ yardsticks: Yardsticks, effort: Effort) -> Measurement
    {
        let trial = problem.prepare()
        trial.run()
        // What is over in a moment runs several times between two yardsticks.
        let once = seconds(of: trial, runs: 1)
        let runs = max(1, Int(effort.shortest / once))
        let repetitions = min(effort.repetitions, max(3, Int(effort.longest / (once * Double(runs)))))
        var times: [Double] = []
        var ratios: [Double] = []
        var before = yardsticks.limit(trial.work)
        for _ in 0..<repetitions {
            let time = seconds(of: trial, runs: runs)
            let after = yardsticks.limit(trial.work)
            times.append(time)
            ratios.append(trial.work.amount / time / ((before + after) / 2))
            before = after
        }
        let time = median(times) ?? 0
        var measurement = Measurement(
            kernel: kernel.name, shape: problem.shape, milliseconds: 1000 * time, gflops: nil, effectiveGflops: nil,
            gigabytesPerSecond: nil, ratio: median(ratios) ?? 0)
        switch trial.work {
        case .products(let operations, let direct):
            measurement = measurement.with(gflops: operations / time / 1e9, effective: direct / time / 1e9)
        case .bytes(let bytes):
            measurement = measurement.with(gigabytes: bytes / time / 1e9)
        }
        return measurement
    }

    private func with(gflops: Double? = nil, effective: Double? = nil, gigabytes: Double? = nil) -> Measurement {
        Measurement(
            kernel: kernel, shape: shape, milliseconds: milliseconds, gflops: gflops, effectiveGflops: effective,
            gigabytesPerSecond: gigabytes, ratio: ratio)
    }

    /// Seconds of one run.
    private static func seconds(of trial: Trial, runs: Int) -> Double {
        let begin = Yardsticks.cpuSeconds()
        for _ in 0..<runs { trial.run() }
        return (Yardsticks.cpuSeconds() - begin) / Double(runs)
    }
}

/// The time that measuring may take.
struct Effort {
    /// Repetitions of a row, but no fewer than three.
    let repetitions: Int
    /// Seconds that a repetition lasts at least, and all of a row at most.
    let shortest = 0.004
    let longest = 0.7
}
