import Network
import Testing

/// How much a network takes is told for any that a configuration or a file can name, without a trap.
@Suite struct MemoryBoundTests {
    @Test("the largest of everything", arguments: [UNetArchitecture.Padding.valid, .same])
    func largest(_ padding: UNetArchitecture.Padding) {
        for normalization in UNetArchitecture.Normalization.allCases {
            for skip in UNetArchitecture.Skip.allCases {
                let most = UNetArchitecture(
                    inputChannels: UNetArchitecture.mostChannels, classes: UNetArchitecture.mostChannels,
                    baseChannels: UNetArchitecture.mostChannels, depth: UNetArchitecture.mostDepth, padding: padding,
                    skip: skip, normalization: normalization)
                #expect(most.impossibility == nil)
                let side = most.geometry.legalInput(atLeast: UNetArchitecture.mostTile - (1 << 16))
                #expect(most.trainingBytes(height: side, width: side, slots: 1 << 20, isAveraged: true) > 1e18)
                #expect(most.predictionBytes(height: side, width: side) > 1e16)
                #expect(ParameterLayout(most).count > 1 << 58)
            }
        }
    }

    @Test func whatNoNetworkCanHave() {
        for (change, word) in [
            ({ $0.baseChannels = 1 << 60 }, "first level"), ({ $0.baseChannels = 0 }, "first level"),
            ({ $0.depth = 70 }, "poolings"),
            ({ $0.classes = 1 }, "classes"), ({ $0.classes = .max }, "classes"),
            ({ $0.inputChannels = 0 }, "input channels"),
        ] as [((inout UNetArchitecture) -> Void, String)] {
            var architecture = UNetArchitecture()
            change(&architecture)
            #expect(architecture.impossibility?.contains(word) == true)
        }
        #expect(UNetArchitecture().impossibility == nil)
    }

    @Test func predictionTakesLessThanTraining() {
        let paper = UNetArchitecture()
        let training = paper.trainingBytes(height: 572, width: 572, slots: 1)
        #expect(paper.predictionBytes(height: 572, width: 572) < training && training < 2e9)
    }
}
