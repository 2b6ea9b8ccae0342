import Checkpoints
import Communication
import Configurations
import Datasets
import FailureDetection
import Foundation
import Images
import Kernels
import Metrics
import Network
import Pictures
import Support

/// What a training job leaves behind.
package struct TrainingResult: Sendable {
    package let directory: RunDirectory
    /// The scores of the last validation, on the coordinator.
    package let scores: SegmentationScores?
    package let scoresStep: Int?
    package let best: BestScore?
    package let configuration: Configuration
    /// The score that `best` is the best of.
    package let metric: SegmentationMetric
    /// Where the job's time went, on the coordinator.
    package let times: RunTimes?
}

/// What a run is called, and where its folder is on rank 0.
private struct RunIdentity: Codable {
    let run: String
    let folder: String
}

/// One training job, from the request to the last checkpoint; every rank runs one.
package struct TrainingJob {
    private let world: any Communicator
    /// Ranks on this machine, which share its cores where `run.threads` is `auto`.
    private let localRanks: Int
    private let console: Console
    private let detector: FailureDetector?
    private let memory: MemoryFolder

    /// - Parameters:
    ///   - detector: watches over the ranks; on all ranks or on none.
    ///   - memory: this rank's machine's, where states are kept.
    package init(
        world: any Communicator, localRanks: Int, console: Console, detector: FailureDetector? = nil,
        memory: MemoryFolder = .system
    ) {
        self.memory = memory
        self.world = world
        self.localRanks = localRanks
        self.console = console
        self.detector = detector
    }

    /// Runs the job; throws the same failure on every rank. A dry run ends before anything is written.
    package func run(_ request: TrainingRequest) throws -> TrainingResult {
        let watch = StopWatch()
        defer { console.endProgress() }
        let specification = try world.agreeOnRoot { try RunSpecification(request, ranks: world.size) }
        var setup = try RunSetup(specification)
        let configuration = setup.configuration
        detector?.setTimeout(configuration.run.faultTimeout)
        try enterTogether(.start, step: 0)
        let directory = RunDirectory(specification.directory)
        let layout = ProcessLayout(ranks: world.size, mode: configuration.run.coordinator)
        let trainingBytes = try setup.checkMemory(world, localRanks: localRanks)
        let review = try setup.checkImages(
            world, progress: { try detector?.enter(.data, step: 0, item: $0) },
            isRead: { try? detector?.enter(.waiting, step: 0) })
        try? detector?.enter(.start, step: 0)
        try review.check()
        // A run that goes on is locked before it is read, or the process that has it may write a newer checkpoint
        // meanwhile. Of a new one, weights to start from that cannot be used are found before anything is written, and a
        // folder that cannot be made before anything is said.
        var lock = specification.isResume ? try self.lock(directory, request) : nil
        let memories = request.isDryRun ? nil : try MachineMemories.gather(world, layout, memory)
        let start = try setup.startingPoint(
            world, contents: review.contents, memories: configuration.checkpoint.memory ? memories : nil,
            until: request.until)
        if !specification.isResume { lock = try self.lock(directory, request) }
        defer { withExtendedLifetime(lock) {} }
        if world.rank == layout.coordinator { logSummary(setup, layout, review) }
        guard let memories else {
            if world.rank == layout.coordinator { for remark in start.remarks { console.logger.notice("\(remark)") } }
            return result(setup, directory, nil, nil)
        }

        let timeline = configuration.run.trace ? Timeline() : nil
        let engine = Engine(configuration.run.engine, threads: configuration.run.threads(localRanks: localRanks))
        var environment = try RunEnvironment.gather(world, layout, engine)
        var coordinator: Coordinator?
        var initialWeights: Provenance.File?
        let identity = try world.agreeOnRoot { () throws -> RunIdentity in
            guard let lock else { preconditionFailure("the run's folder is not locked") }
            let folder = directory.held(by: lock)
            try folder.create()
            // It is of a run that has ended.
            unlink(folder.provenance)
            if start.state.step == 0, let path = configuration.training.initializeFrom {
                let file = realPath(try RunDirectory.checkpointFile(at: path))
                initialWeights = try Provenance.File(file, as: file)
            }
            let run = start.run ?? folder.identity ?? UUID().uuidString
            environment.run = run
            try environment.write(to: folder.environment)
            try console.open(log: folder.log)
            let checkpoints = CheckpointWriter(
                configuration: configuration, directory: folder, lock: lock,
                origin: .init(images: setup.specification.imagesDigest, contents: review.contents, run: run))
            coordinator = try Coordinator(
                configuration: configuration, directory: folder, checkpoints: checkpoints,
                advice: directory.adviceAfterFault, console: console,
                validator: setup.validator(engine), metric: setup.metric,
                start: start, limit: setup.limit, images: setup.specification.train.count, watch: watch,
                name: world.name,
                isDedicated: layout.hasDedicatedCoordinator,
                workers: layout.workers.map { WorkerPlace(rank: $0, host: environment.ranks[$0].host) },
                recorder: Recorder(track: "coordinator", detector: detector, timeline: timeline), detector: detector)
            try drawSamples(setup, count: request.previews, from: start.state.step, into: folder)
            detector?.advise(directory.adviceAfterFault)
            // Last: it is what marks the folder as a run's.
            try AtomicFile.write(configuration.yaml, to: folder.configuration)
            for remark in start.remarks + [environment.remark(on: layout)].compactMap(\.self) {
                coordinator?.note(step: start.state.step, remark)
            }
            if specification.isResume {
                let isDone = setup.isOver(start, until: request.until)
                if let step = start.checkpoint {
                    try checkpoints.adopt(
                        step: step, best: start.best,
                        isTrusted: start.validationsDue.isEmpty && configuration.run.audit == 0)
                }
                coordinator?.note(
                    step: start.state.step,
                    isDone
                        ? setup.hasEnded(start)
                            ? "the run has ended here, and nothing is left to do"
                            : "the run has come as far as it shall for now, and nothing is left to do"
                        : start.origin)
            }
            coordinator?.recover(start.lost)
            return RunIdentity(run: run, folder: realPath(directory.path))
        }
        let kept = try setup.keptRun(
            identity.run, folder: identity.folder, contents: review.contents, start.state)
        let keeper = try keep(kept, in: memories, setup, start, trainingBytes: trainingBytes, engine, coordinator)
        func forget() {
            keeper?.removeAll()
            memories.remove(kept)
        }
        let clockOffset = timeline == nil ? 0 : try TraceFile.clockOffset(world)
        let verdict: Ending
        do {
            verdict = try agree(
                on: setup.isOver(start, until: request.until)
                    ? .done : train(setup, layout, start, request, engine, coordinator, keeper, timeline),
                coordinator, layout)
            if case .failed(let record) = verdict { throw record.failure }
            if case .done = verdict { coordinator?.close(isDone: true) } else { coordinator?.close(isDone: false) }
            if case .done = verdict, let lock, !request.isReplay {
                writeProvenance(setup, directory.held(by: lock), initialWeights)
            }
            if let timeline {
                try writeTrace(
                    timeline, clockOffset, environment.ranks[world.rank],
                    to: (lock.map(directory.held) ?? directory).trace)
            }
        } catch {
            coordinator?.logFailure(error)
            // The same would happen again from the state that is kept.
            if let failure = error as? Failure, failure.repeats { forget() }
            throw error
        }
        // All of it is in a checkpoint.
        forget()
        switch verdict {
        case .failed(let record): throw record.failure
        case .stopped:
            throw Failure(
                .stopped,
                "stopped on a signal, and a checkpoint was saved: go on with --resume \(directory.path.shellWord)")
        case .done:
            try enterTogether(.shutdown)
            return result(setup, directory, try coordinator?.finish(), coordinator?.times)
        }
    }

    /// What keeps the run's state in this machine's memory from now on, on the machine's steward; nil on all others, and
    /// where there is no room. What the run and others have left there is removed.
    private func keep(
        _ run: KeptState.Run, in memories: MachineMemories, _ setup: RunSetup, _ start: StartingPoint,
        trainingBytes: Double, _ engine: Engine, _ coordinator: Coordinator?
    ) throws -> StateKeeper? {
        let state = start.state
        memories.sweep(but: run.run)
        var keeper: StateKeeper?
        var trouble = ""
        let layout = ProcessLayout(ranks: world.size, mode: setup.configuration.run.coordinator)
        if setup.configuration.checkpoint.memory, memories.isSteward, layout.worker(ofRank: world.rank) != nil {
            do {
                try setup.checkRoom(forFilesOf: run, in: memories, beside: trainingBytes)
                keeper = try StateKeeper(run, in: memory, due: start.validationsDue, team: engine.team) {
                    setup.learningRate(step: $0.step, elapsed: $0.elapsed)
                }
                // A second loss must find what the first one left.
                keeper?.keep(state, isValidated: start.isValidationDue, isForced: state.step > 0)
            } catch { trouble = "\(error)" }
        }
        let troubles = try world.gatherFromAll(Data(trouble.utf8)).map { String(decoding: $0, as: UTF8.self) }
        let without = troubles.indices.filter { !troubles[$0].isEmpty }
        if let first = without.first {
            let hosts = without.prefix(3).map { memories.hosts[$0] }.joined(separator: ", ")
            coordinator?.note(
                step: state.step,
                "\(hosts)\(without.count > 3 ? " and \(without.count - 3) more" : "") cannot keep the last step's state in memory, "
                    + "and after a loss there is only a checkpoint: \(troubles[first])")
        }
        // Where a machine has no copy of its own, those that a lost start has left stay until there is a checkpoint.
        if keeper != nil || !start.isUnsaved {
            memories.remove(run, but: keeper?.names ?? [])
        }
        return keeper
    }

    /// Keeps others out of the run's folder, on rank 0, and makes that of a new run; nothing of the kind for a dry run.
    private func lock(_ directory: RunDirectory, _ request: TrainingRequest) throws -> FileHandle? {
        var lock: FileHandle?
        _ = try world.agreeOnRoot { () throws -> Int in
            guard !request.isDryRun else { return 0 }
            let isResume = request.resume != nil
            if !isResume { try directory.create() }
            // A killed run's folder is free once its last write is over.
            lock = try directory.lock(patience: isResume ? 10 : 0) { !StopSignal.isRaised }
            return 0
        }
        return lock
    }

    /// Draws what the first slots of the next steps will train on, as `previews/sample-0001-STEM.png` and so on.
    private func drawSamples(_ setup: RunSetup, count: Int, from step: Int, into directory: RunDirectory) throws {
        guard count > 0 else { return }
        let configuration = setup.configuration
        let panel = TrainingPanel(colors: configuration.pictureColors, names: configuration.model.classNames)
        let batch = setup.schedule.batch
        for number in 0..<count {
            let (step, slot) = (step + number / batch, number % batch)
            let stem = setup.specification.train[setup.schedule.at(step: step, slot: slot).sample].stem
            let picture = panel.picture(try setup.tile(step: step, slot: slot))
            let path = "\(directory.previews)/sample-\(zeroPadded(number + 1, digits: 4))-\(stem).png"
            do { try PNG.write(picture, to: path) } catch {
                return console.logger.warning("no pictures of training samples: \(error)")
            }
        }
        console.logger.info("\(count) training samples as pictures: \(shownPath(directory.previews))/sample-…")
    }

    /// Writes down what the run was computed from and what came of it. All of that is safe by now, so a full disk is only a
    /// warning.
    private func writeProvenance(_ setup: RunSetup, _ directory: RunDirectory, _ initialWeights: Provenance.File?) {
        try? detector?.enter(.checkpoint)
        let pairs = setup.specification.train + setup.specification.validation
        do {
            try Provenance(
                of: directory, inputs: pairs.flatMap { [$0.image.path, $0.labels.path] }, initialWeights: initialWeights
            ).write(to: directory.provenance)
        } catch {
            console.logger.warning("no provenance.json, by which others could verify the run: \(error)")
        }
    }

    /// Gathers all ranks' timelines in one file. What was trained is safe by now, so a full disk is only a warning.
    private func writeTrace(
        _ timeline: Timeline, _ clockOffset: Double, _ place: RunEnvironment.Rank, to path: String
    ) throws {
        let part = TraceFile.Part(
            rank: place.rank, label: "rank \(place.rank) on \(place.host), \(place.role)", clockOffset: clockOffset,
            spans: timeline.spans)
        let file = try TraceFile.gather(part, world)
        do { try file?.write(to: path) } catch { console.logger.warning("\(error)") }
    }

    /// Tells the failure detector of a phase that all ranks begin together, so that they fail together too.
    private func enterTogether(_ phase: Phase, step: Int? = nil) throws {
        guard let detector else { return }
        try world.agree { try detector.enter(phase, step: step) }
    }

    /// Trains on this rank, or coordinates, to the end of the run, or of this start of it.
    private func train(
        _ setup: RunSetup, _ layout: ProcessLayout, _ start: StartingPoint, _ request: TrainingRequest,
        _ engine: Engine,
        _ coordinator: Coordinator?, _ keeper: StateKeeper?, _ timeline: Timeline?
    ) throws -> Ending {
        coordinator?.begin()
        let workers = try world.split(layout.workers)
        let recorder = Recorder(detector: detector, timeline: timeline)
        let client: (any CoordinatorClient)? =
            world.rank == layout.lead
            ? coordinator.map { LocalCoordinator($0) } ?? RemoteCoordinator(world, coordinator: layout.coordinator)
            : nil
        let trainer = try workers.map { workers in
            try Trainer(
                configuration: setup.configuration, limit: setup.limit, workers: workers, state: start.state,
                engine: engine, recorder: recorder,
                arbiter: { try client?.opinion(on: $0, step: $1, slot: $2) }
            ) { step, slot in try setup.tile(step: step, slot: slot) }
        }
        let remark = try String(
            decoding: world.broadcast(Data((trainer?.remark ?? "").utf8), root: layout.lead), as: UTF8.self)
        if !remark.isEmpty { coordinator?.note(step: start.state.step, remark) }
        guard let workers, let trainer else {
            guard let coordinator else { preconditionFailure("rank \(world.rank) has no part") }
            return try CoordinatorServer(
                world: world, lead: layout.lead, coordinator: coordinator, layout: start.state.weights.layout
            ) { try setup.gradientHash($0, step: $1, slot: $2, workers: layout.workers.count, engine) }.run()
        }
        let worker = Worker(
            configuration: setup.configuration, limit: setup.limit, until: request.until, workers: workers,
            trainer: trainer,
            coordinator: client,
            hasValidation: !setup.specification.validation.isEmpty && !request.isReplay, start: start,
            validator: setup.configuration.validation.place == .workers ? setup.validator(engine) : nil,
            keeper: keeper, recorder: recorder)
        let ending: Ending
        do {
            ending = try worker.run()
        } catch let error as CommunicationFailure {
            throw error
        } catch {
            ending = .failed(FailureRecord(Failure(wrapping: error)))
        }
        // From here on this worker waits for the coordinator, which may be validating.
        try? detector?.enter(.waiting)
        try client?.end(ending)
        return ending
    }

    /// How the job ended, on every rank: the coordinator decides once all is saved, and tells the others.
    private func agree(on ending: Ending, _ coordinator: Coordinator?, _ layout: ProcessLayout) throws -> Ending {
        guard let coordinator else {
            return try Messages.decode(
                Ending.self, from: world.receivePatiently(from: layout.coordinator, tag: .verdict))
        }
        var verdict = ending
        do {
            _ = try coordinator.finish()
            // A signal that came after the end is of no consequence.
            if case .stopped = ending, coordinator.hasEnded { verdict = .done }
        } catch let failure as Failure {
            // What ended the workers comes first.
            if case .failed = ending {} else { verdict = .failed(FailureRecord(failure)) }
        }
        for rank in 0..<world.size where rank != layout.coordinator {
            try world.sendData(Messages.encode(verdict), to: rank, tag: .verdict)
        }
        return verdict
    }

    private func result(
        _ setup: RunSetup, _ directory: RunDirectory,
        _ outcome: (best: BestScore?, last: (step: Int, scores: SegmentationScores)?)?, _ times: RunTimes?
    ) -> TrainingResult {
        TrainingResult(
            directory: directory, scores: outcome?.last?.scores, scoresStep: outcome?.last?.step, best: outcome?.best,
            configuration: setup.configuration, metric: setup.metric, times: times)
    }

    /// Logs what is about to be trained: images, network, ranks, and how often each class occurs.
    private func logSummary(_ setup: RunSetup, _ layout: ProcessLayout, _ review: DatasetReview) {
        let configuration = setup.configuration
        let model = configuration.model.architecture
        let workers = layout.workers.count
        let logger = console.logger
        let images =
            "\(setup.specification.train.count) training and \(setup.specification.validation.count) validation images"
        let parameters = grouped(ParameterLayout(model).count)
        let network = "U-Net of base \(model.baseChannels) and depth \(model.depth) with \(parameters) parameters"
        let ranks =
            "\(workers) worker\(workers == 1 ? "" : "s")\(layout.hasDedicatedCoordinator ? " and a coordinator" : "")"
        logger.info("\(configuration.name): \(images), \(network), \(ranks)")
        logger.info("labelled pixels: \(review.training.shares(classNames: configuration.model.names))")
        for remark in setup.remarks(on: review) { logger.notice("\(remark)") }
        if configuration.run.audit > 0 && workers == 1 {
            logger.notice("run.audit: there is no second worker to compute anything again, and nothing is audited")
        }
        if configuration.communication.compression == .bf16 && workers > 1 {
            logger.notice(
                "communication.compression bf16 rounds gradients on their way: the result depends on the number of workers"
            )
        }
    }
}
