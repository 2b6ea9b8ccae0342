import Network
import Testing

@Suite struct UNetGeometryTests {
    /// The output's side of a network of valid convolutions, by going through its layers; nil where one is impossible.
    private func simulatedValid(_ input: Int, depth: Int) -> Int? {
        var side = input
        for _ in 0..<depth {
            side -= 4
            guard side > 0, side % 2 == 0 else { return nil }
            side /= 2
        }
        side -= 4
        guard side > 0 else { return nil }
        for _ in 0..<depth {
            side = 2 * side - 4
            guard side > 0 else { return nil }
        }
        return side
    }

    @Test func marginsOfThePaper() {
        let margins = (1...5).map { UNetGeometry(depth: $0, padding: .valid).margin }
        #expect(margins == [8, 20, 44, 92, 188])
        let paper = UNetGeometry(depth: 4, padding: .valid)
        #expect(paper.output(input: 572) == 388)
        #expect(paper.legalInput(outputAtLeast: 388) == 572)
        #expect(paper.legalInput(outputAtLeast: 389) == 588)
        #expect(paper.nearestLegal(to: 580) == "572 or 588")
    }

    @Test("Legal sides are those that the layers take", arguments: 0...5)
    func legalSides(depth: Int) {
        let geometry = UNetGeometry(depth: depth, padding: .valid)
        var legal: [(input: Int, output: Int)] = []
        for side in 0...700 {
            let output = simulatedValid(side, depth: depth)
            #expect(geometry.isLegal(input: side) == (output != nil), "\(side)")
            if let output {
                legal.append((side, output))
                #expect(geometry.output(input: side) == output && side - output == 2 * geometry.margin, "\(side)")
            }
        }
        #expect(geometry.smallestInput == legal[0].input)
        for side in 0...300 {
            #expect(geometry.legalInput(atLeast: side) == legal.first { $0.input >= side }?.input, "\(side)")
            #expect(geometry.legalInput(outputAtLeast: side) == legal.first { $0.output >= side }?.input, "\(side)")
        }
    }

    @Test("With zeros around, multiples of 2^depth are legal", arguments: 0...5)
    func same(depth: Int) {
        let geometry = UNetGeometry(depth: depth, padding: .same)
        #expect(geometry.margin == 0 && geometry.stride == 1 << depth)
        for side in 0...200 {
            let isLegal = side > 0 && side % (1 << depth) == 0
            #expect(geometry.isLegal(input: side) == isLegal, "\(side)")
            if isLegal { #expect(geometry.output(input: side) == side) }
            let next = (max(side, 1)...).first { $0 % (1 << depth) == 0 }
            #expect(geometry.legalInput(outputAtLeast: side) == next, "\(side)")
        }
    }
}
