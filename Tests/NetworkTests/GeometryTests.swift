import Kernels
import Network
import Testing

@Suite struct GeometryTests {
    /// The output's side by walking through the network layer by layer; nil where a pooling leaves a remainder or
    /// nothing is left.
    private func walk(_ input: Int, depth: Int, padding: UNetArchitecture.Padding) -> Int? {
        let shrink = padding == .valid ? 4 : 0
        var side = input
        for level in 0...depth {
            side -= shrink
            guard side > 0 else { return nil }
            if level < depth {
                guard side % 2 == 0 else { return nil }
                side /= 2
            }
        }
        for _ in 0..<depth {
            side = 2 * side - shrink
            guard side > 0 else { return nil }
        }
        return side
    }

    @Test("legal sides and their outputs are those that the layers allow", arguments: 0...5)
    func legalSides(depth: Int) {
        for padding in UNetArchitecture.Padding.allCases {
            let geometry = UNetGeometry(depth: depth, padding: padding)
            for side in 0...700 {
                let output = walk(side, depth: depth, padding: padding)
                #expect(geometry.isLegal(input: side) == (output != nil), "\(padding), depth \(depth), side \(side)")
                if let output { #expect(geometry.output(input: side) == output) }
            }
        }
    }

    @Test("margins are the settled ones", arguments: [(1, 8), (2, 20), (3, 44), (4, 92), (5, 188)])
    func margins(depth: Int, margin: Int) {
        #expect(UNetGeometry(depth: depth, padding: .valid).margin == margin)
        #expect(UNetGeometry(depth: depth, padding: .same).margin == 0)
    }

    @Test("the paper's network makes 388 of 572")
    func paper() {
        let geometry = UNetArchitecture().geometry
        #expect(geometry.isLegal(input: 572))
        #expect(geometry.output(input: 572) == 388)
    }

    @Test("the next legal side is the smallest that is large enough", arguments: 0...4)
    func nextLegal(depth: Int) {
        for padding in UNetArchitecture.Padding.allCases {
            let geometry = UNetGeometry(depth: depth, padding: padding)
            let legal = (1...1200).filter { geometry.isLegal(input: $0) }
            for side in 0...600 {
                #expect(geometry.legalInput(atLeast: side) == legal.first { $0 >= side })
                #expect(
                    geometry.legalInput(outputAtLeast: side) == legal.first { geometry.output(input: $0) >= side })
            }
        }
    }

    @Test("an impossible side is answered with the nearest legal ones")
    func nearest() {
        let paper = UNetArchitecture().geometry
        #expect(paper.nearestLegal(to: 573) == "572 or 588")
        #expect(paper.nearestLegal(to: 571) == "556 or 572")
        #expect(paper.nearestLegal(to: 20) == "188")
        #expect(UNetGeometry(depth: 2, padding: .same).nearestLegal(to: 5) == "4 or 8")
        #expect(UNetGeometry(depth: 2, padding: .same).nearestLegal(to: 3) == "4")
    }

    @Test("the network refuses an image of an impossible size, or with other channels")
    func refusals() async {
        await #expect(processExitsWith: .failure) {
            let network = UNet(UNetArchitecture(baseChannels: 1, depth: 2), engine: Engine(.native, threads: 1))
            let parameters = ParameterBuffer(network.layout)
            let image = Tensor(44, 46, 1)
            _ = network.forward(image.view, parameters: parameters.base)
        }
        await #expect(processExitsWith: .failure) {
            let network = UNet(UNetArchitecture(baseChannels: 1, depth: 2), engine: Engine(.native, threads: 1))
            let parameters = ParameterBuffer(network.layout)
            let image = Tensor(44, 48, 2)
            _ = network.forward(image.view, parameters: parameters.base)
        }
    }
}
