import Checkpoints
import Communication
import Configurations
import Datasets
import Kernels
import Network
import Support
import Synchronization
import TestSupport
import Testing
import Training

@Suite struct AuditScheduleTests {
    private func schedule(_ share: Double, slots: Int, hosts: [[Int]]) -> AuditSchedule {
        let tree = SlotTree(slots: slots, workers: hosts.joined().count)
        return AuditSchedule(
            share: share, seed: 9, slots: (0..<tree.workers).map(tree.slots(ofWorker:)), hosts: hosts)
    }

    @Test(
        "the share of slots is as asked for, and all workers have as many",
        arguments: [0.01, 0.3, 1], [(2, 2), (8, 2), (12, 3), (4, 4)])
    func share(_ share: Double, _ size: (slots: Int, workers: Int)) {
        let schedule = schedule(share, slots: size.slots, hosts: [Array(0..<size.workers)])
        let steps = 20_000
        var count = 0
        for step in 0..<steps {
            let slots = (0..<size.workers).map { schedule.slots(ofWorker: $0, step: step) }
            #expect(Set(slots.map(\.count)).count == 1)
            for (worker, slots) in slots.enumerated() {
                #expect(Set(slots).count == slots.count)
                #expect(slots.allSatisfy { $0 * size.workers / size.slots == worker })
                count += slots.count
            }
        }
        let expected = share * Double(steps * size.slots)
        // Steps are drawn, each with all workers.
        #expect(abs(Double(count) - expected) <= 4 * (expected * Double(size.workers)).squareRoot())
    }

    @Test("every slot has its turn") func everySlot() {
        let schedule = schedule(0.1, slots: 7, hosts: [[0, 1], [2]])
        let seen = (0..<3).map { worker in
            Set((0..<2000).flatMap { schedule.slots(ofWorker: worker, step: $0) })
        }
        #expect(seen == [[0, 1], [2, 3], [4, 5, 6]])
    }

    @Test(
        "another host looks again, unless one has more than half of the workers",
        arguments: [
            [[0, 1, 2, 3]], [[0], [1], [2]], [[0, 2], [1, 3]], [[0, 1], [2, 3, 4], [5]], [[0, 1, 2], [3]], [[0], [1]],
        ])
    func anotherHost(_ hosts: [[Int]]) {
        let count = hosts.joined().count
        let schedule = schedule(1, slots: count, hosts: hosts)
        func host(_ worker: Int) -> Int? { hosts.firstIndex { $0.contains(worker) } }
        let most = hosts.map(\.count).max() ?? 0
        #expect(Set((0..<count).map(schedule.auditor)) == Set(0..<count))
        for worker in 0..<count {
            let auditor = schedule.auditor(of: worker)
            #expect(auditor != worker && schedule.audited(by: auditor) == worker)
            if 2 * most <= count { #expect(host(auditor) != host(worker)) }
            let arbiter = schedule.arbiter(of: worker)
            #expect((arbiter == nil) == (count == 2) && arbiter != worker && arbiter != auditor)
        }
    }

    @Test(
        "the third is on a third host where there is one",
        arguments: [[[0, 1], [2, 3], [4]], [[0, 1, 2, 3], [4, 5], [6], [7]]])
    func thirdHost(_ hosts: [[Int]]) throws {
        let count = hosts.joined().count
        let schedule = schedule(1, slots: count, hosts: hosts)
        for worker in 0..<count {
            let three = [worker, schedule.auditor(of: worker), try #require(schedule.arbiter(of: worker))]
            #expect(Set(three.map { member in hosts.firstIndex { $0.contains(member) } }).count == 3)
        }
    }

    @Test("two of one host do not outvote a third") func votes() {
        func message(_ arbiter: String, agrees other: Int, hosts: [String]) -> String {
            let first = (
                worker: AuditOpinion(name: "rank 1 on \(hosts[0])", hash: 1),
                auditor: AuditOpinion(name: "rank 2 on \(hosts[1])", hash: 2)
            )
            var dispute = AuditDispute(step: 3, slot: 0, first: first)
            dispute.second = (first.worker, first.auditor)
            dispute.third = AuditOpinion(name: arbiter, hash: UInt64(other))
            #expect(!dispute.isPassing)
            return dispute.message
        }
        #expect(message("rank 3 on c", agrees: 1, hosts: ["a", "b"]).hasPrefix("rank 2 on b computes wrongly"))
        #expect(message("rank 3 on a", agrees: 2, hosts: ["a", "b"]).hasPrefix("rank 1 on a computes wrongly"))
        #expect(message("rank 3 on a", agrees: 1, hosts: ["a", "b"]).contains("which of them is wrong is not known"))
        #expect(message("rank 3 on a", agrees: 1, hosts: ["a", "a"]).hasPrefix("rank 2 on a computes wrongly"))
        #expect(message("rank 3 on c", agrees: 7, hosts: ["a", "b"]).contains("is not known"))
    }

    @Test("nothing is audited where there is one worker, or none is asked for") func nothing() {
        #expect(schedule(1, slots: 3, hosts: [[0]]).slots(ofWorker: 0, step: 0).isEmpty)
        #expect((0..<100).allSatisfy { schedule(0, slots: 4, hosts: [[0], [1]]).slots(ofWorker: 1, step: $0).isEmpty })
    }
}

extension TrainingRuns {
    /// Workers that compute each other's slots again, ranks as threads.
    @Suite struct Audits {
        private let layout: ParameterLayout
        private let configuration: Configuration

        init() {
            let architecture = UNetArchitecture(inputChannels: 1, classes: 2, baseChannels: 2, depth: 1, dropout: 0.5)
            layout = ParameterLayout(architecture)
            configuration = Configuration(
                model: .init(architecture: architecture), data: .init(train: .files(images: "", labels: "")),
                training: .init(length: .steps(6), batch: 9, freeze: ["encoder.0.conv1"]), run: .init(audit: 0.25))
        }

        /// Noise by step and slot, with one value off where `isWrong`.
        private func tile(step: Int, slot: Int, isWrong: Bool) -> TrainingTile {
            let output = configuration.model.architecture.geometry.output(input: 44)
            let image = Tensor.random(ImageShape(44, 44, 1), key: 100 * step + slot)
            if isWrong { image.base[900] += 0.5 }
            let labels = LabelMap(height: output, width: output)
            for i in 0..<output * output { labels.values[i] = Int32(i % 2) }
            return TrainingTile(image: image, labels: labels)
        }

        private func weights() -> TrainingState {
            let state = TrainingState(layout)
            state.weights.initializeWeights(seed: 1)
            return state
        }

        /// What each worker has after six steps: the digest, or how it ended; and how many slots were audited.
        private func train(
            workers: Int, hosts: [Int]? = nil, share: Double? = nil,
            arbiter: @escaping GradientAudit.Arbiter = { _, _, _ in nil },
            wrong: @escaping @Sendable (_ rank: Int, _ step: Int) -> Bool = { _, _ in false }
        ) throws -> [(end: String, audited: Int)] {
            var configuration = configuration
            if let share { configuration.run.audit = share }
            let used = configuration
            // Called on one worker.
            nonisolated(unsafe) let arbiter = arbiter
            return try ThreadCommunicator.run(size: workers, hosts: hosts) { world in
                let state = weights()
                let rank = world.rank
                let trainer = try Trainer(
                    configuration: used, limit: .steps(6), workers: world, state: state,
                    engine: Engine(.native, team: .solo), recorder: Recorder(),
                    arbiter: arbiter
                ) { tile(step: $0, slot: $1, isWrong: wrong(rank, $0)) }
                defer { trainer.stop() }
                var audited = 0
                do {
                    for _ in 0..<6 { audited += try trainer.step().audited }
                    return (state.digest, audited)
                } catch let failure as Failure {
                    #expect(trainer.haveGradientsDiffered)
                    return (failure.message, audited)
                }
            }
        }

        /// What a coordinator finds.
        private func truth(_ weights: ParameterBuffer, _ step: Int, _ slot: Int) throws -> AuditOpinion? {
            let gradient = AlignedBuffer<Float>(layout.count)
            let hash = try SlotGradient(configuration, layout: layout, engine: Engine(.native, team: .solo)).hash(
                tile(step: step, slot: slot, isWrong: false), step: step, slot: slot, weights: weights.base,
                buckets: configuration.gradientBuckets(parameters: layout.count, workers: 2), gradient: gradient.base)
            return AuditOpinion(name: "the coordinator", hash: hash)
        }

        @Test("an audited run has the bits of one that is not, and counts what was audited", arguments: [2, 3, 4, 9])
        func sameBits(workers: Int) throws {
            let plain = try train(workers: 1)
            #expect(plain[0].audited == 0)
            for share in [0.25, 1] {
                let audited = try train(workers: workers, share: share)
                #expect(audited.allSatisfy { $0.end == plain[0].end && $0.audited == audited[0].audited })
                #expect(audited[0].audited > 0 && (share < 1 || audited[0].audited >= 6 * workers))
            }
        }

        @Test(
            "a worker that computes wrongly is named, whoever it is",
            arguments: [(3, nil), (4, [0, 0, 1, 1]), (8, nil)] as [(Int, [Int]?)])
        func named(workers: Int, hosts: [Int]?) throws {
            for wrong in 0..<workers {
                let ends = try train(
                    workers: workers, hosts: hosts, share: 1,
                    wrong: { (rank: Int, step: Int) -> Bool in rank == wrong && step >= 2 })
                #expect(Set(ends.map(\.end)).count == 1)
                #expect(
                    ends[0].end.hasPrefix(
                        "thread \(wrong) computes wrongly: an audit found two gradients of one slot (step 3, "))
                #expect(!ends[0].end.contains("now another"))
            }
        }

        /// True once.
        private final class First: Sendable {
            private let isUntaken = Mutex(true)

            func take() -> Bool {
                isUntaken.withLock { isUntaken in
                    defer { isUntaken = false }
                    return isUntaken
                }
            }
        }

        @Test("one that finds now this and now that is named by that", arguments: [0, 1], [true, false])
        func wavering(wrong: Int, isAsked: Bool) throws {
            // The first tile of the step is off, and no later one.
            let first = First()
            let ends = try train(
                workers: 2, share: 1,
                arbiter: { isAsked ? try truth($0, $1, $2) : nil },
                wrong: { (rank: Int, step: Int) -> Bool in rank == wrong && step == 4 && first.take() })
            #expect(Set(ends.map(\.end)).count == 1)
            let end = ends[0].end
            #expect(
                end.hasPrefix("thread \(wrong) computes wrongly: ") && end.contains("it finds now one and now another"))
            #expect(end.contains("and the coordinator that of thread \(1 - wrong)") == isAsked)
        }

        @Test("of two, or where all differ, it is not known", arguments: [nil, 1] as [UInt64?])
        func notKnown(third: UInt64?) throws {
            let ends = try train(
                workers: 2, share: 1,
                arbiter: { _, _, _ in third.map { AuditOpinion(name: "the coordinator", hash: $0) } },
                wrong: { rank, _ in rank == 1 })
            for end in ends { #expect(end.end.contains("which of them is wrong is not known") && end.audited == 0) }
        }

        @Test("between two the coordinator decides", arguments: [0, 1])
        func coordinator(wrong: Int) throws {
            let ends = try train(
                workers: 2, share: 1,
                arbiter: { try truth($0, $1, $2) },
                wrong: { (rank: Int, step: Int) -> Bool in rank == wrong && step == 3 })
            for end in ends {
                #expect(end.end.hasPrefix("thread \(wrong) computes wrongly: ") && end.end.contains("step 4"))
            }
        }
    }
}
