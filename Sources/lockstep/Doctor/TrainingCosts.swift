import Communication
import Foundation
import Kernels
import Network
import Support
import Training

/// What a run that is planned takes on this machine: memory, time and disk.
struct TrainingCosts {
    private let setup: RunSetup
    private let workers: Int
    /// Of each worker.
    private let threads: Int
    private let cores = Processors.available
    private let memory: Double
    /// Of the network's input.
    private let height: Int
    private let width: Int

    /// nil where there is no image.
    init?(_ setup: RunSetup, workers: Int, threads: Int) throws {
        self.setup = setup
        (self.workers, self.threads) = (workers, threads)
        guard let size = try setup.inputSize() else { return nil }
        (height, width) = size
        memory = try MachineMemory.total()
    }

    /// Slots of a step that one worker computes.
    private var workersWords: String { "\(workers) worker\(workers == 1 ? "" : "s")" }
    private var slots: Int { (setup.configuration.training.batch + workers - 1) / workers }

    private var isAveraged: Bool { setup.configuration.training.ema > 0 }

    // MARK: - Memory

    /// Of the workers' networks, decoded images aside.
    private var bytes: Double { setup.configuration.trainingBytes((height, width), workers: workers, local: workers) }

    var fits: Bool { bytes < MachineMemory.share * memory }

    var memoryWords: String {
        "about \(MachineMemory.size(bytes)) for \(workersWords), and up to \(setup.configuration.data.cacheMegabytes) MiB of "
            + "images each (data.cache_mb), of \(MachineMemory.size(memory))"
            + (fits ? "" : ": lower data.tile or model.base_channels, or start fewer workers")
    }

    /// Whether the last step's state is kept in memory, and there is room for two copies of it; nil where it is not wanted.
    var keepsState: Bool? {
        guard setup.configuration.checkpoint.memory else { return nil }
        return bytes + 2 * setup.configuration.keptStateBytes <= MachineMemory.share * memory
            && 2 * setup.configuration.keptStateBytes <= MemoryFolder.system.freeBytes
    }

    var keptStateWords: String {
        let size = "\(MachineMemory.size(2 * setup.configuration.keptStateBytes)) of \(MemoryFolder.system.folder)"
        return keepsState == true
            ? "\(size) for the last step's state, from which a run that was lost goes on (checkpoint.memory)"
            : "\(size) are not to be had for the last step's state (checkpoint.memory): a run that was lost goes on from its "
                + "last checkpoint"
    }

    // MARK: - Time

    /// Times a step of one image on this machine, and says what the run will take.
    func timeWords() throws -> String {
        let configuration = setup.configuration
        // A square of as many pixels.
        let geometry = configuration.model.architecture.geometry
        let side = geometry.legalInput(atLeast: Int((Double(height) * Double(width)).squareRoot()))
        let measured = try Benchmark(
            architecture: configuration.model.architecture, size: side, batch: 1, threads: threads, steps: 1
        ).run(SoloCommunicator()).stepSeconds
        let crowding = max(1, Double(workers * threads) / Double(cores))
        let step = measured * Double(slots) * crowding
        let threadsWords = "\(threads) thread\(threads == 1 ? "" : "s")"
        let pace =
            "about \(Self.duration(step)) a step of \(configuration.training.batch) images on \(workersWords) of \(threadsWords) "
            + "here (measured with one image)"
        switch setup.limit {
        case .steps(let steps):
            return "\(pace): \(Self.duration(step * Double(steps))) for \(grouped(steps)) steps, validations aside"
        case .seconds(let seconds):
            return
                "\(pace): about \(grouped(Int(seconds / step))) steps in \(Self.duration(seconds)), validations aside"
        }
    }

    private static func duration(_ seconds: Double) -> String {
        switch seconds {
        case ..<1: "\(decimals(1000 * seconds, 0)) ms"
        case ..<90: "\(decimals(seconds, seconds < 10 ? 1 : 0)) s"
        case ..<5400: "\(decimals(seconds / 60, 0)) minutes"
        case ..<172_800: "\(decimals(seconds / 3600, 1)) hours"
        default: "\(decimals(seconds / 86400, 1)) days"
        }
    }

    // MARK: - Disk

    /// Bytes of the checkpoints that are kept: the newest, the best, and the one that is being written.
    private var checkpointBytes: Double {
        let parameters = Double(ParameterLayout(setup.configuration.model.architecture).count)
        return 4 * parameters * (isAveraged ? 3 : 2) * (Double(setup.configuration.checkpoint.keep) + 2)
    }

    /// What is free where the run will be written; nil where the system does not say.
    private var freeBytes: Double? {
        var folder = setup.specification.directory
        while !folder.isEmpty, !FileManager.default.fileExists(atPath: folder) {
            folder = folder.contains("/") ? (folder as NSString).deletingLastPathComponent : ""
        }
        var status = statvfs()
        guard statvfs(folder.isEmpty ? "." : folder, &status) == 0 else { return nil }
        return Double(status.f_bavail) * Double(status.f_frsize)
    }

    var fitsDisk: Bool { freeBytes.map { checkpointBytes < $0 } ?? true }

    var diskWords: String {
        let mebibytes = { (bytes: Double) in grouped(Int(bytes / 1_048_576)) }
        let free = freeBytes.map { ", of \(mebibytes($0)) MiB that are free" } ?? ""
        return "\(setup.specification.directory): about \(mebibytes(checkpointBytes)) MiB of checkpoints\(free)"
            + (fitsDisk ? "" : ": lower checkpoint.keep, or choose another --output")
    }
}
