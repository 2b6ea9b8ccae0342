import Kernels
import TestSupport
import Testing

@Suite struct StepProfileTests {
    @Test("time counts for the row that was entered last, and for none after leaving")
    func rows() {
        let profile = StepProfile()
        let clock = ContinuousClock()
        let begin = clock.now
        profile.enter("a", "forward")
        wait(milliseconds: 4)
        profile.enter("b")
        wait(milliseconds: 2)
        profile.enter("a", "backward")
        profile.enter("a", "forward")
        wait(milliseconds: 1)
        profile.leave()
        let entered = clock.now - begin
        wait(milliseconds: 3)
        profile.enter("c")
        profile.leave()

        #expect(profile.rows.map(\.layer) == ["a", "b", "a", "c"])
        #expect(profile.rows.map(\.pass) == ["forward", "", "backward", ""])
        // Nothing is counted twice: what is entered is at most what a clock around it shows.
        let total = profile.rows.reduce(0) { $0 + $1.seconds }
        #expect(profile.rows[0].seconds >= 0.005)
        #expect(profile.rows[1].seconds >= 0.002)
        #expect(total >= 0.007)
        #expect(total - profile.rows[3].seconds <= entered / .seconds(1))
        for row in profile.rows { #expect(abs(row.phases.reduce(0, +) - row.seconds) <= 1e-9) }

        profile.reset()
        #expect(profile.rows.isEmpty)
        wait(milliseconds: 1)
        profile.leave()
        #expect(profile.rows.isEmpty)
    }

    /// A layer whose tiles are shared out, and one whose channels are.
    @Test(
        "a Winograd layer's phases add up to its time, and its operations are those of its tiles", arguments: [1, 2],
        [
            ConvolutionShape(height: 42, width: 39, inputs: [5, 9], outputs: 7, padding: 0),
            ConvolutionShape(height: 9, width: 8, inputs: [130], outputs: 131, padding: 1),
        ])
    func winograd(threads: Int, _ shape: ConvolutionShape) {
        operations(threads: threads, shape, .winograd4, outputs: 4)
        operations(threads: threads, shape, .winograd6, outputs: 6)
    }

    private func operations(
        threads: Int, _ shape: ConvolutionShape, _ convolution: Engine.Convolution, outputs: Int
    ) {
        let profile = StepProfile()
        let engine = Engine(.native, threads: threads, convolution: convolution, profile: profile)
        let problem = ConvolutionProblem(shape)
        profile.enter("layer", "forward")
        problem.forward(engine)
        profile.enter("layer", "backward")
        problem.backward(engine)
        profile.enter("first", "backward")
        problem.backward(engine, inputGradients: false)
        profile.leave()

        let pairs = Double(shape.inputs.reduce(0, +) * shape.outputs)
        let tiles = Double(
            (shape.output.height + outputs - 1) / outputs * ((shape.output.width + outputs - 1) / outputs))
        let positions = Double((outputs + 2) * (outputs + 2))
        for (row, passes) in zip(profile.rows, [1.0, 2, 1]) {
            #expect(row.kernel == "winograd\(outputs)")
            #expect(row.operations == passes * 2 * positions * pairs * tiles)
            #expect(row.directOperations == passes * 2 * 9 * pairs * Double(shape.output.pixels))
            #expect(abs(row.phases.reduce(0, +) - row.seconds) <= 1e-9)
            for phase in [StepProfile.Phase.filters, .transforms, .products] {
                // With several threads the one that keeps the profile may get none of the parts.
                #expect(row.phases[phase.rawValue] > 0 || threads > 1, "\(row.layer) \(row.pass): \(phase)")
            }
        }
    }

    private func wait(milliseconds: Int) {
        let clock = ContinuousClock()
        let end = clock.now + .milliseconds(milliseconds)
        while clock.now < end {}
    }
}
