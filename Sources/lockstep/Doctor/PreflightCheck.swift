import Checkpoints
import Communication
import Configurations
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
    ///   - mpi: what the program's MPI says of itself; nil to pass over the machine.
    ///   - configuration: the file of a run that is planned; nil to look at the machine alone.
    ///   - settings: `KEY=VALUE` overrides of it.
    ///   - workers: processes that would train; nil for those that suit the machine best.
    init(mpi: String?, configuration: String?, settings: [String] = [], workers: Int? = nil) {
        if let mpi { machine(mpi: mpi, workers: workers) }
        guard let configuration else { return }
        do {
            let request = TrainingRequest(
                configuration: configuration, settings: settings, isDryRun: true, isInspection: true)
            try run(request, workers: workers)
        } catch {
            fail("configuration", error)
        }
    }

    /// Looks at one thing, whose failure keeps no other from being looked at.
    private mutating func attempt(_ subject: String, _ look: (inout PreflightCheck) throws -> Void) {
        do { try look(&self) } catch { fail(subject, error) }
    }

    /// The first failure decides the exit status.
    private mutating func fail(_ subject: String, _ error: any Error) {
        let failure = Failure(wrapping: error)
        if exitStatus == 0 { exitStatus = failure.exitStatus }
        add(subject, .bad, failure.message)
    }

    private mutating func add(_ subject: String, _ verdict: Verdict, _ words: String) {
        findings.append(Finding(subject, verdict, words))
        if verdict == .bad && exitStatus == 0 { exitStatus = Failure.Kind.running.rawValue }
    }

    private mutating func machine(mpi: String, workers: Int?) {
        let cores = Processors.available
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
        guard let workers else { return }
        add(
            "slots", workers <= cores ? .good : .doubtful,
            workers <= cores
                ? "\(workers) workers on \(cores) cores (the coordinator sleeps most of the time)"
                : "\(workers) workers on \(cores) cores: they will take turns; start fewer, or use more machines")
    }

    private mutating func run(_ request: TrainingRequest, workers: Int?) throws {
        let specification = try RunSpecification(request, workers: workers ?? 1)
        var setup = try RunSetup(specification)
        let configuration = setup.configuration
        let model = configuration.model.architecture
        add(
            "configuration", .good,
            "\(request.configuration ?? ""): U-Net of base \(model.baseChannels) and depth \(model.depth)")
        let directory = RunDirectory(specification.directory)
        add(
            "folder", directory.holdsRun ? .doubtful : .good,
            directory.holdsRun
                ? "\(directory.path) holds a run already: go on with --resume \(directory.path), or choose another --output"
                : "\(directory.path) can be written")
        attempt("images") { try $0.images(&setup) }
        let layout = try layout(configuration, workers: workers)
        let costs = try TrainingCosts(setup, workers: layout.workers, threads: layout.threads)
        // What does not fit is not made either.
        if let path = configuration.training.initializeFrom, costs?.fits != false {
            attempt("weights") {
                let remarks = try setup.initializeFromFile(ParameterBuffer(ParameterLayout(model)))
                $0.add("weights", .good, "\(path) fits the network")
                for remark in remarks { $0.add("", .doubtful, remark) }
            }
        }
        attempt("layout") {
            guard costs?.fits != false else { return }
            for words in try LayoutWaste(configuration, layout).words { $0.add("", .doubtful, words) }
        }
        attempt("memory") {
            guard let costs else { return }
            $0.add("memory", costs.fits ? .good : .bad, costs.memoryWords)
            if costs.fits, let keeps = costs.keepsState { $0.add("", keeps ? .good : .doubtful, costs.keptStateWords) }
            $0.add("disk", costs.fitsDisk ? .good : .bad, costs.diskWords)
            if costs.fits { $0.add("time", .good, try costs.timeWords()) }
        }
    }

    /// The workers and threads of the run: those given, or the best for this machine's cores.
    private mutating func layout(_ configuration: Configuration, workers: Int?) throws -> WorkerLayout {
        if let workers {
            return WorkerLayout(workersOfHosts: [workers], threads: configuration.run.threads(localRanks: workers))
        }
        let choice = try LayoutChoice(configuration, hosts: [HostCores(coresOfSocket: Processors.available)])
        add("layout", .good, "\(choice.words) (--workers asks for another)")
        return WorkerLayout(workersOfHosts: choice.workersOfHosts, threads: choice.threads)
    }

    /// Every image and label, and what is known of the data then.
    private mutating func images(_ setup: inout RunSetup) throws {
        let specification = setup.specification
        let review = try setup.checkImages(SoloCommunicator())
        add(
            "images", specification.validation.isEmpty ? .doubtful : .good,
            "\(specification.train.count) for training, \(specification.validation.count) for validation, all whole"
                + (specification.validation.isEmpty
                    ? ": without validation no checkpoint is the best; see data.validation" : ""))
        let names = setup.configuration.model.names
        add("classes", .good, "\(review.training.shares(classNames: names)) of the training labels")
        if review.validation.files > 0 {
            add("", .good, "\(review.validation.shares(classNames: names)) of the validation labels")
        }
        for remark in setup.remarks(on: review) { add("data", .doubtful, remark) }
        try review.check()
    }
}
