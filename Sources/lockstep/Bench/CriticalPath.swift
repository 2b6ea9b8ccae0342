import Communication
import Foundation
import Kernels
import Network
import Support
import Training

/// Predicts a training step on more threads than there are cores: each section of work that threads would share out is done part
/// after part on one thread, cut as for so many, and scheduled on them.
struct CriticalPath: Sendable {
    var benchmark: Benchmark
    /// Numbers of threads.
    var threads: [Int]
    /// Bytes a second that a node's memory gives all its cores together, as STREAM counts them.
    var memoryBandwidth: Double

    struct Outcome: Encodable, Sendable {
        /// Seconds of a step on one thread.
        let stepSeconds: Double
        /// Seconds of a fork and join, as measured on so many threads, and as predictions count it.
        let measuredForks: [Fork]
        let forkSeconds: Double
        let rows: [Row]
    }

    struct Fork: Encodable, Sendable {
        let threads: Int
        let seconds: Double
    }

    /// One number of threads.
    struct Row: Encodable, Sendable {
        let threads: Int
        /// Seconds of all parts and of what is not shared out.
        let work: Double
        /// Seconds that no number of threads could do without: what is not shared out, and each section's longest part.
        let criticalPath: Double
        /// Of it, what is not shared out.
        let serial: Double
        let forks: Int
        let predicted: Double
        /// Of the step on one thread.
        let speedUp: Double
        /// Seconds of sections that the memory's bandwidth decides.
        let boundByMemory: Double
        /// The most memory that this process had so far.
        let peakMebibytes: Double
        /// Where most is lost, first.
        let layers: [Layer]
    }

    /// One pass through a layer.
    struct Layer: Encodable, Sendable {
        let layer: String
        let pass: String
        let predicted: Double
        /// Seconds beyond an even share of the work.
        let lost: Double
        /// Seconds that are not shared out.
        let serial: Double
        let forks: Int
    }

    /// Seconds of a fork and join that are counted at least.
    static let leastFork = 5e-6

    func run() throws -> Outcome {
        try Benchmark.check(size: benchmark.size, benchmark.architecture.geometry)
        try MachineMemory.require(
            benchmark.architecture.trainingBytes(
                height: benchmark.size, width: benchmark.size, slots: benchmark.batch),
            for: "training on inputs of \(benchmark.size)×\(benchmark.size)", advice: "lower --base or --size")
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let forks = [2, 4, 8, 16, 32, 64, 128].filter { $0 <= cores }.map {
            Fork(threads: $0, seconds: ThreadTeam(threads: $0).secondsOfForkAndJoin())
        }
        let fork = max(Self.leastFork, forks.map(\.seconds).max() ?? 0)
        let alone = try measure(threads: 1, fork: fork, alone: nil)
        let rows = try threads.map {
            $0 == 1 ? alone : try measure(threads: $0, fork: fork, alone: alone.predicted)
        }
        return Outcome(stepSeconds: alone.predicted, measuredForks: forks, forkSeconds: fork, rows: rows)
    }

    /// The median step of those that are timed, by its prediction.
    private func measure(threads: Int, fork: Double, alone: Double?) throws -> Row {
        let profile = StepProfile()
        let recorder = SectionRecorder(profile: profile)
        let engine = Engine(.native, team: ThreadTeam(threads: threads, recorder: recorder), profile: profile)
        let trainer = benchmark.trainer(SoloCommunicator(), engine: engine)
        defer { trainer.stop() }
        _ = try trainer.step()
        let schedule = SectionSchedule(threads: threads, fork: fork, bandwidth: memoryBandwidth)
        let rows = try (0..<benchmark.steps).map { _ in
            profile.reset()
            recorder.reset()
            let outcome = try trainer.step()
            return row(outcome.end - outcome.begin, recorder.sections, profile.rows, schedule, alone: alone)
        }
        return rows.sorted { $0.predicted < $1.predicted }[rows.count / 2]
    }

    /// - Parameter seconds: of the step, in which the sections' parts were done one after another.
    private func row(
        _ seconds: Double, _ sections: [SectionRecorder.Section], _ layers: [StepProfile.Row],
        _ schedule: SectionSchedule, alone: Double?
    ) -> Row {
        var (shared, longest, predicted, memory, forks) = (0.0, 0.0, 0.0, 0.0, 0)
        // By the profile's row: work in sections, predicted seconds of these, forks.
        var byRow = Array(repeating: (work: 0.0, predicted: 0.0, forks: 0), count: layers.count)
        for section in sections {
            let work = section.parts.reduce(0, +)
            let one = schedule.prediction(section)
            shared += work
            longest += section.parts.max() ?? 0
            predicted += one.seconds
            forks += one.isForked ? 1 : 0
            memory += one.isBoundByMemory ? one.seconds : 0
            guard let row = section.row else { continue }
            byRow[row].work += work
            byRow[row].predicted += one.seconds
            byRow[row].forks += one.isForked ? 1 : 0
        }
        let serial = max(0, seconds - shared)
        let count = Double(schedule.threads)
        let table = zip(layers, byRow).map { layer, own in
            let serial = max(0, layer.seconds - own.work)
            return Layer(
                layer: layer.layer, pass: layer.pass, predicted: own.predicted + serial,
                lost: own.predicted + serial - layer.seconds / count, serial: serial, forks: own.forks)
        }
        return Row(
            threads: schedule.threads, work: seconds, criticalPath: serial + longest, serial: serial, forks: forks,
            predicted: serial + predicted, speedUp: (alone ?? serial + predicted) / (serial + predicted),
            boundByMemory: memory, peakMebibytes: Benchmark.peakMebibytes, layers: table.sorted { $0.lost > $1.lost })
    }
}
