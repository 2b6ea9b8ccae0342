import Foundation
import Kernels
import Synchronization
import Testing

@Suite struct ThreadTeamTests {
    @Test("a team does every part once, whatever the number of threads", arguments: [1, 2, 3, 8, 64])
    func everyPartOnce(threads: Int) {
        let team = ThreadTeam(threads: threads)
        for parts in [0, 1, 2, 7, 64, 1000] {
            let done = Tensor(1, 1, parts)
            let lanes = Tensor(1, 1, parts)
            team.forEach(parts) { lane, part in
                done.values[part] += 1
                lanes.values[part] = Float(lane)
            }
            #expect(done.values.allSatisfy { $0 == 1 })
            #expect(lanes.values.allSatisfy { $0 < Float(threads) })
        }
    }

    /// Sections that follow each other at once find threads that spin, and those after a pause threads that sleep.
    @Test("no section is lost or entered twice, in a row and after pauses", arguments: [2, 5])
    func manySections(threads: Int) {
        let team = ThreadTeam(threads: threads)
        let sum = Atomic<Int>(0)
        for section in 0..<20_000 {
            team.forEach(threads) { _, part in sum.add(part + 1, ordering: .relaxed) }
            if section % 1000 == 999 { usleep(300) }
        }
        #expect(sum.load(ordering: .relaxed) == 20_000 * threads * (threads + 1) / 2)
    }

    @Test("no two threads have one lane at a time")
    func lanes() {
        let threads = 4
        let team = ThreadTeam(threads: threads)
        let busy = (0..<threads).map { _ in Flag() }
        let clashes = Atomic<Int>(0)
        for _ in 0..<200 {
            team.forEach(40) { lane, _ in
                if busy[lane].isSet.exchange(true, ordering: .sequentiallyConsistent) {
                    clashes.add(1, ordering: .relaxed)
                }
                for _ in 0..<50 { sched_yield() }
                busy[lane].isSet.store(false, ordering: .sequentiallyConsistent)
            }
        }
        #expect(clashes.load(ordering: .relaxed) == 0)
    }

    private final class Flag: Sendable {
        let isSet = Atomic<Bool>(false)
    }

    @Test("the threads of a team end with it")
    func end() throws {
        func count() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count }
        // Other tests begin and end threads meanwhile: two thousand show.
        for _ in 0..<200 {
            let team = ThreadTeam(threads: 11)
            team.forEach(11) { _, _ in }
        }
        var left = try count()
        for _ in 0..<100 where left > 1000 {
            usleep(50_000)
            left = try count()
        }
        #expect(left <= 1000)
    }

    @Test("a recorder has the parts done in their order, by one thread, and knows how many bytes they move")
    func recorder() {
        let recorder = SectionRecorder()
        let team = ThreadTeam(threads: 5, recorder: recorder)
        nonisolated(unsafe) var order: [Int] = []
        team.forEach(7, moving: 420) { lane, part in
            #expect(lane == 0)
            order.append(part)
        }
        team.forRanges(of: 100, atLeast: 10, moving: 8) { _ in }
        #expect(order == Array(0..<7))
        #expect(recorder.sections.map(\.parts.count) == [7, 5])
        #expect(recorder.sections.map(\.bytes) == [420, 800])
    }
}

@Suite struct SectionScheduleTests {
    private func section(_ parts: [Double], bytes: Int = 0) -> SectionRecorder.Section {
        .init(row: nil, parts: parts, bytes: bytes)
    }

    @Test("threads begin with neighbours of their own, and help the next ones")
    func greedy() {
        let schedule = SectionSchedule(threads: 2, fork: 0.5, bandwidth: 1e9)
        #expect(schedule.prediction(section([1, 1, 1, 1])).seconds == 2.5)
        // The first has 3 and 1; the second is through at 2, and takes the 1.
        #expect(schedule.prediction(section([3, 1, 1, 1])).seconds == 3.5)
        // Of one long part nobody else can take anything.
        #expect(schedule.prediction(section([1, 1, 1, 9])).seconds == 10.5)
    }

    @Test("the memory's bandwidth is a lower bound, and one part is not shared out")
    func bounds() {
        let schedule = SectionSchedule(threads: 4, fork: 0, bandwidth: 100)
        let bound = schedule.prediction(section([1, 1, 1, 1], bytes: 500))
        #expect(bound.seconds == 5 && bound.isBoundByMemory && bound.isForked)
        let alone = schedule.prediction(section([3], bytes: 500))
        #expect(alone.seconds == 3 && !alone.isForked)
        let solo = SectionSchedule(threads: 1, fork: 9, bandwidth: 1).prediction(section([1, 2], bytes: 500))
        #expect(solo.seconds == 3 && !solo.isForked)
    }
}
