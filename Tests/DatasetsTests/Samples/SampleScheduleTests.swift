import Datasets
import Foundation
import Synchronization
import Testing

@Suite struct SampleScheduleTests {
    @Test("Epochs are permutations that follow each other without a gap", arguments: [1, 2, 7, 10], [1, 3, 4, 25])
    func epochs(count: Int, batch: Int) {
        let schedule = SampleSchedule(count: count, batch: batch, seed: 11, shuffle: true)
        let epochs = 6
        var samples = [[Int]](repeating: [], count: epochs + 1 + batch / count + 1)
        var last = 0
        for step in 0..<schedule.steps(forEpochs: epochs) {
            for slot in 0..<batch {
                let (epoch, sample) = schedule.at(step: step, slot: slot)
                #expect(epoch == last || (epoch == last + 1 && samples[last].count == count))
                last = epoch
                samples[epoch].append(sample)
            }
        }
        for epoch in 0..<epochs { #expect(samples[epoch].sorted() == Array(0..<count)) }
        if count == 10 { #expect(Set(samples[..<epochs]).count > 1) }
    }

    @Test func stepsAreRoundedUp() {
        let schedule = SampleSchedule(count: 10, batch: 4, seed: 1, shuffle: true)
        #expect([0, 1, 2, 3].map { schedule.steps(forEpochs: $0) } == [0, 3, 5, 8])
    }

    @Test func withoutShufflingTheOrderStays() {
        let schedule = SampleSchedule(count: 3, batch: 2, seed: 1, shuffle: false)
        let all = (0..<4).flatMap { step in (0..<2).map { schedule.at(step: step, slot: $0) } }
        #expect(all.map(\.sample) == [0, 1, 2, 0, 1, 2, 0, 1])
        #expect(all.map(\.epoch) == [0, 0, 0, 1, 1, 1, 2, 2])
    }

    @Test func theSeedSettlesTheOrder() {
        func order(_ seed: UInt64) -> [Int] {
            let schedule = SampleSchedule(count: 30, batch: 30, seed: seed, shuffle: true)
            return (0..<30).map { schedule.at(step: 0, slot: $0).sample }
        }
        #expect(order(1) == order(1))
        #expect(order(1) != order(2))
    }

    @Test("Whatever is asked first, by however many threads, the answer is the same")
    func pureFunction() {
        let reference = SampleSchedule(count: 17, batch: 5, seed: 4, shuffle: true)
        let expected = (0..<200).map { reference.at(step: $0 / 5, slot: $0 % 5).sample }
        let shared = SampleSchedule(count: 17, batch: 5, seed: 4, shuffle: true)
        let wrong = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 2000) { i in
            let position = i * 7919 % 200
            if shared.at(step: position / 5, slot: position % 5).sample != expected[position] {
                wrong.withLock { $0 += 1 }
            }
        }
        #expect(wrong.withLock { $0 } == 0)
    }

    @Test("Every order of three samples comes up as often")
    func fairness() {
        let schedule = SampleSchedule(count: 3, batch: 3, seed: 9, shuffle: true)
        var counts: [[Int]: Int] = [:]
        for step in 0..<1200 { counts[(0..<3).map { schedule.at(step: step, slot: $0).sample }, default: 0] += 1 }
        // 200 each; five deviations of a binomial are 65.
        #expect(counts.count == 6 && counts.values.allSatisfy { (135...265).contains($0) }, "\(counts)")
    }
}

@Suite struct DatasetSplitTests {
    private func pairs(_ count: Int) -> [SamplePair] {
        (0..<count).map { SamplePair(stem: "s\($0)", image: ImagePage("i/\($0)"), labels: ImagePage("l/\($0)")) }
    }

    @Test("Folds partition the set", arguments: [(5, 5), (17, 5), (30, 4), (2, 2)])
    func folds(count: Int, parts: Int) throws {
        let pairs = pairs(count)
        var held: [SamplePair] = []
        for fold in 0..<parts {
            let (train, validation) = try DatasetSplit.fold(fold, of: parts).apply(to: pairs, seed: 7)
            #expect(Set(train).isDisjoint(with: validation) && Set(train + validation) == Set(pairs))
            #expect([count / parts, (count + parts - 1) / parts].contains(validation.count))
            #expect(pairs.filter(Set(train).contains) == train && pairs.filter(Set(validation).contains) == validation)
            held += validation
        }
        #expect(held.count == count && Set(held) == Set(pairs))
    }

    @Test func fractions() throws {
        for (count, fraction, expected) in [(10, 0.2, 2), (3, 0.01, 1), (3, 0.99, 2), (2, 0.5, 1), (30, 0.25, 8)] {
            let (train, validation) = try DatasetSplit.fraction(fraction).apply(to: pairs(count), seed: 7)
            #expect(validation.count == expected && train.count == count - expected)
            #expect(Set(train + validation) == Set(pairs(count)))
        }
    }

    @Test func theSeedSettlesTheChoice() throws {
        let split = DatasetSplit.fraction(0.5)
        let pairs = pairs(20)
        #expect(try split.apply(to: pairs, seed: 1) == split.apply(to: pairs, seed: 1))
        #expect(try split.apply(to: pairs, seed: 1) != split.apply(to: pairs, seed: 2))
        let everything = try DatasetSplit.none.apply(to: pairs, seed: 1)
        #expect(everything.train == pairs && everything.validation.isEmpty)
    }

    @Test func impossibleSplits() {
        for fraction in [0, 1, -0.5, 1.5, Double.nan] {
            expectFailure("data.validation.fraction") {
                try DatasetSplit.fraction(fraction).apply(to: pairs(9), seed: 1)
            }
        }
        expectFailure("1 image,") { try DatasetSplit.fraction(0.5).apply(to: pairs(1), seed: 1) }
        expectFailure("4 images", "at least 5") { try DatasetSplit.fold(0, of: 5).apply(to: pairs(4), seed: 1) }
        for (fold, parts) in [(5, 5), (-1, 5), (0, 1), (0, 0)] {
            expectFailure("fold \(fold) of \(parts)") {
                try DatasetSplit.fold(fold, of: parts).apply(to: pairs(9), seed: 1)
            }
        }
    }
}
