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

    /// Of a server's node, in bytes a second.
    static let usualMemoryBandwidth = 300e9

    /// Seconds of a fork and join that are counted at least.
    static let leastFork = 5e-6

    func run() throws -> Outcome {
        try Benchmark.check(size: benchmark.size, benchmark.architecture.geometry)
        try MachineMemory.require(
            benchmark.architecture.trainingBytes(
                height: benchmark.size, width: benchmark.size, slots: benchmark.batch),
            for: "training on inputs of \(benchmark.size)×\(benchmark.size)", advice: "lower --base or --size")
        let cores = Processors.available
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

    /// Of every part the median over the steps that are timed: what another program took of the machine is in none of them.
    private func measure(threads: Int, fork: Double, alone: Double?) throws -> Row {
        let profile = StepProfile()
        let recorder = SectionRecorder(profile: profile)
        let engine = Engine(.native, team: ThreadTeam(threads: threads, recorder: recorder), profile: profile)
        let trainer = try benchmark.trainer(SoloCommunicator(), engine: engine)
        defer { trainer.stop() }
        _ = try trainer.step()
        let steps = try (0..<benchmark.steps).map { _ in
            profile.reset()
            recorder.reset()
            let outcome = try trainer.step()
            return Step(
                seconds: outcome.end - outcome.begin, sections: recorder.sections, layers: profile.rows)
        }
        return row(
            Step(medianOf: steps), SectionSchedule(threads: threads, fork: fork, bandwidth: memoryBandwidth),
            alone: alone)
    }

    /// What was recorded of a step.
    private struct Step {
        /// Seconds that are not shared out.
        let serial: Double
        let sections: [SectionRecorder.Section]
        let layers: [StepProfile.Row]
        /// Of each layer, seconds that are not shared out.
        let layerSerial: [Double]

        init(seconds: Double, sections: [SectionRecorder.Section], layers: [StepProfile.Row]) {
            let work = sections.map { $0.parts.reduce(0, +) }
            var layerSerial = layers.map(\.seconds)
            for (section, work) in zip(sections, work) {
                if let row = section.row { layerSerial[row] -= work }
            }
            serial = max(0, seconds - work.reduce(0, +))
            self.sections = sections
            self.layers = layers
            self.layerSerial = layerSerial.map { max(0, $0) }
        }

        private var cuts: [Int] { sections.map(\.parts.count) }

        /// Steps have the same sections, of the same parts, but that the exchange's thread shares out what comes late: those
        /// that are like most others count.
        init(medianOf all: [Step]) {
            let alike = all.map { step in all.filter { $0.cuts == step.cuts && $0.layers.count == step.layers.count } }
            let steps = alike.max { $0.count < $1.count } ?? all
            let first = steps[0]
            func median(_ value: (Step) -> Double) -> Double { Support.median(steps.map(value)) ?? 0 }
            serial = median(\.serial)
            layers = first.layers
            layerSerial = first.layers.indices.map { row in median { $0.layerSerial[row] } }
            sections = first.sections.enumerated().map { index, section in
                SectionRecorder.Section(
                    row: section.row,
                    parts: section.parts.indices.map { part in median { $0.sections[index].parts[part] } },
                    bytes: section.bytes)
            }
        }
    }

    private func row(_ step: Step, _ schedule: SectionSchedule, alone: Double?) -> Row {
        var (work, longest, predicted, memory, forks) = (step.serial, step.serial, step.serial, 0.0, 0)
        // By the profile's row: work, predicted seconds, forks.
        var rows = step.layerSerial.map { (work: $0, predicted: $0, forks: 0) }
        for section in step.sections {
            let own = section.parts.reduce(0, +)
            let one = schedule.prediction(section)
            work += own
            longest += section.parts.max() ?? 0
            predicted += one.seconds
            forks += one.isForked ? 1 : 0
            memory += one.isBoundByMemory ? one.seconds : 0
            guard let row = section.row else { continue }
            rows[row].work += own
            rows[row].predicted += one.seconds
            rows[row].forks += one.isForked ? 1 : 0
        }
        let layers = step.layers.indices.map { row in
            Layer(
                layer: step.layers[row].layer, pass: step.layers[row].pass, predicted: rows[row].predicted,
                lost: rows[row].predicted - rows[row].work / Double(schedule.threads), serial: step.layerSerial[row],
                forks: rows[row].forks)
        }
        return Row(
            threads: schedule.threads, work: work, criticalPath: longest, serial: step.serial, forks: forks,
            predicted: predicted, speedUp: (alone ?? predicted) / predicted, boundByMemory: memory,
            peakMebibytes: Benchmark.peakMebibytes, layers: layers.sorted { $0.lost > $1.lost })
    }
}
