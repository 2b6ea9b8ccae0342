import Checkpoints
import Communication
import Configurations
import Datasets
import Network
import Support

// What a run takes of each machine's memory, told before any of it is taken.

extension Configuration {
    /// About how many bytes training takes on a machine with so many of the run's workers, decoded images aside.
    ///
    /// - Parameters:
    ///   - size: of the network's input.
    ///   - workers: of the run.
    ///   - local: those on this machine.
    package func trainingBytes(_ size: (height: Int, width: Int), workers: Int, local: Int) -> Double {
        let architecture = model.architecture
        let slots = (training.batch + workers - 1) / workers
        let network = architecture.trainingBytes(
            height: size.height, width: size.width, slots: slots, isAveraged: training.ema > 0)
        // Tiles that are cut ahead of the step: image, labels and weights.
        let pixels = Double(size.height) * Double(size.width)
        let tiles = Double(data.loaderThreads) * pixels * (4 * Double(architecture.inputChannels) + 8)
        // What is computed again for an audit has memory of its own.
        let audit = run.audit > 0 && workers > 1 ? 4 * Double(ParameterLayout(architecture).count) : 0
        return Double(local) * (network + tiles + audit)
    }

    /// Bytes of memory that one copy of the run's state takes.
    package var keptStateBytes: Double {
        let values = Double(ParameterLayout(model.architecture).count)
        return 4 * values * (training.ema > 0 ? 3 : 2)
    }
}

extension RunSetup {
    /// The size of the network's input: the tile's, or that of the largest image; nil where there is no image.
    package func inputSize() throws -> (height: Int, width: Int)? {
        let tile = configuration.data.tile
        guard tile == 0 else { return (tile, tile) }
        let sizes = try specification.train.map { try $0.image.readHeader() }
        guard let largest = sizes.max(by: { $0.width * $0.height < $1.width * $1.height }) else { return nil }
        let geometry = configuration.model.architecture.geometry
        return (
            geometry.legalInput(outputAtLeast: largest.height), geometry.legalInput(outputAtLeast: largest.width)
        )
    }

    /// Throws `Failure.request` on all ranks where a machine has not the memory that the run takes; returns the bytes that
    /// training takes of this one's, decoded images aside.
    ///
    /// - Parameter localRanks: ranks on this machine.
    func checkMemory(_ world: any Communicator, localRanks: Int) throws -> Double {
        struct Size: Codable {
            let height: Int
            let width: Int
        }
        let size = try world.agreeOnRoot { () throws -> Size in
            let size = try inputSize() ?? (0, 0)
            return Size(height: size.height, width: size.width)
        }
        let layout = ProcessLayout(ranks: world.size, mode: configuration.run.coordinator)
        // The coordinator, wherever it is, takes less than a worker.
        let local = max(1, min(layout.workers.count, localRanks - (layout.hasDedicatedCoordinator ? 1 : 0)))
        let bytes = configuration.trainingBytes((size.height, size.width), workers: layout.workers.count, local: local)
        try world.agree { try check(bytes: bytes) }
        return bytes
    }

    /// Throws `Failure.running` where this machine has no room for two copies of the run's state beside its training.
    ///
    /// - Parameters:
    ///   - run: what the copies say of it.
    ///   - training: bytes that training takes here.
    func checkRoom(forFilesOf run: KeptState.Run, in memories: MachineMemories, beside training: Double) throws {
        guard memories.memory.exists else { throw Failure.running("there is no \(memories.memory.folder)") }
        let bytes = 2 * Double(run.fileBytes)
        // What a lost start of the run has left goes, but for one.
        let left = max(0, Double(memories.memory.names(run: run.run).count - 1)) * Double(run.fileBytes)
        guard bytes <= memories.memory.freeBytes + left else {
            throw Failure.running(
                "it takes \(MachineMemory.size(bytes)), and \(memories.memory.folder) has "
                    + "\(MachineMemory.size(memories.memory.freeBytes)) free")
        }
        let (available, total) = (try MachineMemory.available() + left, try MachineMemory.total())
        guard bytes + training <= min(available, MachineMemory.share * total) else {
            throw Failure.running(
                "it takes \(MachineMemory.size(bytes)) beside the \(MachineMemory.size(training)) of training, and "
                    + "\(MachineMemory.size(max(0, min(available, MachineMemory.share * total)))) are free for both")
        }
    }

    private func check(bytes: Double) throws {
        let (model, data) = (configuration.model.architecture, configuration.data)
        let total = try MachineMemory.total()
        guard Double(data.cacheMegabytes) * 1_048_576 <= total else {
            throw Failure.request(
                "data.cache_mb: \(data.cacheMegabytes) is more than this machine's memory of \(MachineMemory.size(total)): set it "
                    + "to \(Int(total / 2_097_152)) or less")
        }
        let classes = Double(model.classes)
        try MachineMemory.require(
            bytes + (specification.validation.isEmpty ? 0 : 8 * classes * classes),
            for: "training with model.base_channels \(model.baseChannels), model.depth \(model.depth), model.classes "
                + "\(model.classes), data.tile \(data.tile) and training.batch \(configuration.training.batch)",
            advice: "lower one of them, or start fewer workers")
    }
}
