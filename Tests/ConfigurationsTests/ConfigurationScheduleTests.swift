import Foundation
import Optimization
import Testing

@Suite struct LearningRateScheduleTests {
    @Test func constantAndStep() {
        #expect(LearningRateSchedule().rate(base: 0.1, step: 9, progress: 0.9) == 0.1)
        let step = LearningRateSchedule(.step(every: 10, factor: 0.5))
        #expect([0, 9, 10, 19, 20, 35].map { step.rate(base: 8, step: $0, progress: 0) } == [8, 8, 4, 4, 2, 1])
    }

    @Test(arguments: [0, 0.3, 0.5, 0.9, 1, 2.5]) func polynomialIsTheLibrarysPower(power: Double) {
        let schedule = LearningRateSchedule(.polynomial(power: power))
        for index in 0...1000 {
            let progress = Double(index) / 1000
            let expected = 0.3 * pow(1 - progress, power)
            let rate = schedule.rate(base: 0.3, step: 5, progress: progress)
            #expect(abs(rate - expected) <= 1e-13 * expected)
        }
    }

    @Test func cosineIsTheLibrarysCosine() {
        let schedule = LearningRateSchedule(.cosine(final: 0.1))
        for index in 0...1000 {
            let progress = Double(index) / 1000
            let expected = 2 * (0.1 + 0.9 * (1 + cos(.pi * progress)) / 2)
            #expect(abs(schedule.rate(base: 2, step: 5, progress: progress) - expected) <= 1e-14)
        }
        #expect(schedule.rate(base: 2, step: 0, progress: 0) == 2)
        #expect(LearningRateSchedule(.cosine(final: 0)).rate(base: 2, step: 0, progress: 1) == 0)
    }

    @Test func warmUpGrowsLinearlyAndMultiplies() {
        let schedule = LearningRateSchedule(.polynomial(power: 1), warmupSteps: 4)
        #expect((0..<6).map { schedule.rate(base: 1, step: $0, progress: 0) } == [0.25, 0.5, 0.75, 1, 1, 1])
        #expect(schedule.rate(base: 1, step: 1, progress: 0.5) == 0.25)
    }

    @Test func progressBeyondTheEndIsTheEnd() {
        let schedule = LearningRateSchedule(.polynomial(power: 0.9))
        #expect(schedule.rate(base: 1, step: 3, progress: 1.2) == 0)
        #expect(schedule.rate(base: 1, step: 3, progress: -1) == 1)
    }
}
