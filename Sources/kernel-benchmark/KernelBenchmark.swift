import ArgumentParser
import CProcessor
import Foundation
import Kernels
import Support

/// The program: kernels one by one, checked against their references and then timed on one core.
@main
struct KernelBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernel-benchmark",
        abstract: "Checks each kernel against its reference, then times it on one core.",
        discussion: """
            A ratio is a kernel's speed as a share of what the core can do at best, measured in the same moments: of its \
            multiply-adds in registers for products (those of the direct sum are counted, so that Winograd's can be \
            above 1), of a large buffer's copy for the others (above 1 in the caches, or where what is written has \
            been read anyway).

            Exit status: 0 done, 1 a kernel is wrong or more than 25 % below its baseline, 2 the request is wrong.
            """)

    @Option(help: "Compares with the ratios in a file, and marks what is more than 25 % below.")
    var baseline: String?

    @Option(help: "Writes the ratios to a file, beside those of other targets that it has.")
    var writeBaseline: String?

    @Option(help: "Only kernels whose name contains this.")
    var only: String?

    @Option(help: "Repetitions of a row; those that take long are repeated less often, but three times at least.")
    var repetitions = 9

    @Flag(help: "Prints the figures as JSON.")
    var json = false

    func validate() throws {
        guard repetitions >= 3 else { throw ValidationError("--repetitions \(repetitions): give 3 or more") }
    }

    static func main() {
        lockstep_require_processor()
        do {
            let command = try parse()
            try command.run()
        } catch let failure as Failure {
            complain(failure.message)
            Foundation.exit(failure.exitStatus)
        } catch {
            guard exitCode(for: error) != .success else {
                print(fullMessage(for: error))
                Foundation.exit(0)
            }
            let message = message(for: error).split(separator: "\n").joined(separator: " ")
            complain("\(message); kernel-benchmark --help shows what there is")
            Foundation.exit(Failure.Kind.request.rawValue)
        }
    }

    func run() throws {
        let kernels = allKernels.filter { only == nil || $0.name.contains(only ?? "") }
        guard !kernels.isEmpty else {
            let names = allKernels.map(\.name).joined(separator: ", ")
            throw Failure.request("no kernel has \(only ?? "") in its name: there are \(names)")
        }
        let expected = try baseline.map { try Baseline(contentsOf: $0) }
        try check(kernels)
        let measurements = measure(kernels, expected ?? Baseline())
        if json { try printJSON(measurements) }
        if let writeBaseline {
            var written = Baseline()
            if FileManager.default.fileExists(atPath: writeBaseline) {
                written = try Baseline(contentsOf: writeBaseline)
            }
            written.record(measurements)
            try written.write(to: writeBaseline)
        }
        if let baseline, let expected, !expected.knowsTarget {
            Self.complain("no ratios for \(KernelTarget.description) in \(baseline): nothing was compared", prefix: "")
        }
        let below = measurements.count(where: \.isBelow)
        guard below == 0 else {
            throw Failure.running("\(below) of \(measurements.count) rows are more than 25 % below the baseline")
        }
    }

    /// Ends the program at the first result that is off.
    private func check(_ kernels: [any Benchmarked]) throws {
        for kernel in kernels {
            if let wrong = kernel.deviations().first(where: \.isTooLarge) {
                throw Failure.running(
                    "\(kernel.name): \(wrong.what) is off by \(wrong.distance), more than \(wrong.tolerance)")
            }
        }
    }

    private func measure(_ kernels: [any Benchmarked], _ expected: Baseline) -> [Measurement] {
        let yardsticks = Yardsticks()
        let effort = Effort(repetitions: repetitions)
        if !json { print("\(KernelTarget.description), one core\n\(Table.header)") }
        var measurements: [Measurement] = []
        for kernel in kernels {
            for problem in kernel.cases {
                func measured() -> Measurement {
                    expected.compared(Measurement.of(kernel, problem, yardsticks, effort: effort))
                }
                var measurement = measured()
                // Others may have used the memory or the other half of the core: only what is slow twice is slow.
                if measurement.isBelow {
                    let again = measured()
                    if again.ratio > measurement.ratio { measurement = again }
                }
                measurements.append(measurement)
                if !json { print(Table.row(measurement)) }
            }
        }
        return measurements
    }

    private func printJSON(_ measurements: [Measurement]) throws {
        struct Answer: Encodable {
            let target: String
            let kernels: [Measurement]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let answer = try encoder.encode(Answer(target: KernelTarget.description, kernels: measurements))
        print(String(decoding: answer, as: UTF8.self))
    }

    private static func complain(_ message: String, prefix: String = "error: ") {
        try? FileHandle.standardError.write(contentsOf: Data("\(prefix)\(message)\n".utf8))
    }
}
