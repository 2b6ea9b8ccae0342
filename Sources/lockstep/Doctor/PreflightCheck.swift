import Checkpoints
import Communication
import Foundation
import Kernels
import Network
import Support
import Training

/// Checks machine, configuration and data before a run, for `lockstep doctor`.
struct PreflightCheck: Encodable {
    enum Verdict: String, Encodable, Sendable {
        case good
        case doubtful
        case bad
    }

    struct Finding: Encodable, Sendable {
        let subject: String
        let verdict: Verdict
        /// What was found, and what to do about it.
        let words: String

        init(_ subject: String, _ verdict: Verdict, _ words: String) {
            self.subject = subject
            self.verdict = verdict
            self.words = words
        }
    }

    private(set) var findings: [Finding] = []

    /// The exit status: 2 where the configuration or the data is wrong, 1 for the machine, 0 otherwise.
    private(set) var exitStatus: Int32 = 0

    /// - Parameters:
    ///   - mpi: what the program's MPI says of itself.
    ///   - configuration: the file of a run that is planned; nil to look at the machine alone.
    ///   - settings: `KEY=VALUE` overrides of it.
    ///   - workers: processes that would train.
    init(mpi: String, configuration: String?, settings: [String] = [], workers: Int) {
        machine(mpi: mpi, workers: workers)
        guard let configuration else { return }
        do {
            try run(TrainingRequest(configuration: configuration, settings: settings), workers: workers)
        } catch {
            let failure = Failure(wrapping: error)
            add("configuration", .bad, failure.message)
            exitStatus = failure.exitStatus
        }
    }

    private mutating func add(_ subject: String, _ verdict: Verdict, _ words: String) {
        findings.append(Finding(subject, verdict, words))
        if verdict == .bad && exitStatus == 0 { exitStatus = Failure.Kind.running.rawValue }
    }

    private mutating func machine(mpi: String, workers: Int) {
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let memory = Double(ProcessInfo.processInfo.physicalMemory) / 1_073_741_824
        add("processor", .good, "\(BuildInformation.processor), \(cores) cores, \(decimals(memory, 1)) GiB of memory")
        add("kernels", .good, "built for \(BuildInformation.target)")
        add(
            "BLAS", OpenBLASLibrary.threads == 1 ? .good : .doubtful,
            OpenBLASLibrary.threads == 1
                ? BuildInformation.blas
                : "\(BuildInformation.blas) insists on \(OpenBLASLibrary.threads) threads: set OPENBLAS_NUM_THREADS=1 and OMP_NUM_THREADS=1"
        )
        if let mpirun = JobEnvironment.executable("mpirun") {
            add("MPI", .good, "\(mpi), \(mpirun)")
        } else {
            add("MPI", .bad, "\(mpi), but mpirun is not on PATH: apt-get install openmpi-bin")
        }
        add(
            "slots", workers <= cores ? .good : .doubtful,
            workers <= cores
                ? "\(workers) workers on \(cores) cores (the coordinator sleeps most of the time)"
                : "\(workers) workers on \(cores) cores: they will take turns; start fewer, or use more machines")
    }

    private mutating func run(_ request: TrainingRequest, workers: Int) throws {
        let specification = try RunSpecification(request, workers: workers)
        var setup = try RunSetup(specification)
        let configuration = setup.configuration
        let model = configuration.model.architecture
        add(
            "configuration", .good,
            "\(request.configuration ?? ""): U-Net of base \(model.baseChannels) and depth \(model.depth)")
        add("folder", .good, "\(specification.directory) can be written")
        _ = try setup.checkImages(SoloCommunicator())
        add(
            "images", specification.validation.isEmpty ? .doubtful : .good,
            "\(specification.train.count) for training, \(specification.validation.count) for validation, all whole"
                + specification.remarks.map { "; \($0)" }.joined()
                + (specification.validation.isEmpty
                    ? ": without validation no checkpoint is the best; see data.validation" : "")
        )
        if let path = configuration.training.initializeFrom {
            try setup.initializeFromFile(ParameterBuffer(ParameterLayout(model)))
            add("weights", .good, "\(path) fits the network")
        }
        if configuration.training.batch % workers != 0 {
            add(
                "workers", .doubtful,
                "\(workers) workers share a batch of \(configuration.training.batch) unevenly: some wait for the others"
            )
        }
        try memory(setup, workers: workers)
    }

    /// What the workers' networks take on this machine, decoded images aside.
    private mutating func memory(_ setup: RunSetup, workers: Int) throws {
        let configuration = setup.configuration
        let model = configuration.model.architecture
        var (height, width) = (configuration.data.tile, configuration.data.tile)
        if height == 0 {
            // Whole images: the largest.
            let sizes = try setup.specification.train.map { try $0.image.readHeader() }
            guard let largest = sizes.max(by: { $0.width * $0.height < $1.width * $1.height }) else { return }
            height = model.geometry.legalInput(outputAtLeast: largest.height)
            width = model.geometry.legalInput(outputAtLeast: largest.width)
        }
        let needed = model.trainingBytes(
            height: height, width: width, slots: (configuration.training.batch + workers - 1) / workers,
            isAveraged: configuration.training.ema > 0)
        let all = needed * Double(workers) / 1_073_741_824
        let memory = Double(ProcessInfo.processInfo.physicalMemory) / 1_073_741_824
        add(
            "memory", all < 0.8 * memory ? .good : .bad,
            "about \(decimals(all, 1)) GiB for \(workers) workers, and up to \(configuration.data.cacheMegabytes) MiB of "
                + "images each (data.cache_mb), of \(decimals(memory, 1)) GiB"
                + (all < 0.8 * memory ? "" : ": lower data.tile or model.base_channels, or start fewer workers"))
    }
}
