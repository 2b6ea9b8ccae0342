import Foundation
import Support
import Testing

@Suite struct MachineMemoryTests {
    @Test func whatIsFreeIsSomeOfWhatThereIs() throws {
        let (available, total) = (try MachineMemory.available(), try MachineMemory.total())
        #expect(available > 1e6 && available <= total * 1.001)
        #expect(total <= Double(ProcessInfo.processInfo.physicalMemory))
    }

    @Test func whatDoesNotFitIsRefusedInOneLine() throws {
        try MachineMemory.require(1000, for: "a", advice: "b")
        for bytes in [1e14, 1e30, .infinity] {
            let failure = #expect(throws: Failure.self) {
                try MachineMemory.require(bytes, for: "model.base_channels 65536", advice: "lower it")
            }
            #expect(failure?.kind == .request)
            let message = failure?.message ?? ""
            #expect(message.hasPrefix("model.base_channels 65536 needs") && message.contains("lower it"))
            #expect(message.contains(MachineMemory.variable) && !message.contains("\n"))
        }
    }

    @Test func sizesAsAPersonSaysThem() {
        #expect(MachineMemory.size(1) == "1 MiB")
        #expect(MachineMemory.size(3 * 1_073_741_824) == "3.0 GiB")
        #expect(MachineMemory.size(5e8) == "477 MiB")
    }

    @Test("a table whose line or field never ends is refused where it begins")
    func tables() throws {
        let wide = String(repeating: "a,", count: 100_000)
        let long = String(repeating: "a", count: 1_000_000)
        for (text, words) in [
            (wide, "fields"), (wide + "\n", "fields"), ("a,b\n" + long, "characters"), ("a,b\n\"" + long, "characters"),
        ] {
            let flaw = #expect(throws: CSV.Flaw.self) { try CSV.records(text) }
            #expect(flaw?.problem.contains(words) == true && flaw?.line == (text.hasPrefix("a,b\n") ? 2 : 1))
        }
        let good = try CSV.records(String(repeating: "a,", count: 5000) + "\n" + String(repeating: "b", count: 50_000))
        #expect(good.map(\.fields.count) == [5001, 1])
    }

    @Test func noNameIsGuessedForWhatIsNone() {
        #expect(nearestName(to: "sted", among: ["seed", "name"]) == "seed")
        #expect(nearestName(to: String(repeating: "x", count: 1_000_000), among: ["seed"]) == nil)
    }
}
