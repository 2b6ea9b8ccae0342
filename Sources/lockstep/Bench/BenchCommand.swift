import ArgumentParser
import Communication
import Kernels
import Network
import Support

struct BenchCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Times training steps on random images.",
        discussion: """
            Effective GFLOP/s count the operations of direct convolutions. Under mpirun every rank trains, and the share \
            of communication is shown. Peak memory is one rank's.
            """)
    static let usesRanks = true

    @Option(help: "Side of the input in pixels.")
    var size = 572

    @Option(help: "Channels of the first level.")
    var base = 64

    @Option(help: "Number of poolings.")
    var depth = 4

    @Option(help: "Images of a step, over all ranks (default: one each).")
    var batch: Int?

    @Option(help: "Threads of each rank.")
    var threads = 1

    @Option(help: "Steps that are timed, after one that is not.")
    var steps = 3

    @Option(help: "valid (the paper's) or same.")
    var padding = UNetArchitecture.Padding.valid

    @Option(help: "What the decoder takes from the encoder: concatenate, add or none.")
    var skip = UNetArchitecture.Skip.concatenate

    @Option(help: "none, or group: group normalisation after each 3×3 convolution.")
    var normalization = UNetArchitecture.Normalization.none

    @Option(help: "native or openblas.")
    var engine = Engine.Kind.native

    @Option(help: "How 3×3 layers are computed: automatic (as each is best served), direct or winograd.")
    var convolution = Engine.Convolution.automatic

    @Flag(inversion: .prefixedNo, help: "Sends gradients while the backward pass still runs.")
    var overlap = true

    @Option(help: ArgumentHelp("MiB of gradients that travel together.", valueName: "mb"))
    var bucketMB = 16.0

    @Option(help: "none, or bf16: gradients travel in half the bytes.")
    var compression = GradientCompression.none

    @Flag(help: "Adds a table of each layer and pass.")
    var layers = false

    @Flag(help: "Prints the figures as JSON.")
    var json = false

    func validate() throws {
        for (name, value, most) in [
            ("base", base, UNetArchitecture.mostChannels), ("size", size, UNetArchitecture.mostTile),
            ("threads", threads, 1024), ("steps", steps, 1 << 20), ("batch", batch ?? 1, 1 << 20),
        ] where value < 1 || value > most {
            throw ValidationError("--\(name) \(value): give 1 to \(most)")
        }
        guard bucketMB > 0 && bucketMB <= 4096 else {
            throw ValidationError("--bucket-mb \(bucketMB): give more than 0 and at most 4096")
        }
        guard engine == .native || convolution != .winograd else {
            throw ValidationError("--convolution winograd is the native engine's: leave out --engine openblas")
        }
        guard (0...12).contains(depth) else { throw ValidationError("--depth \(depth): give 0 to 12") }
    }

    func run(in job: Job) throws {
        let architecture = UNetArchitecture(
            baseChannels: base, depth: depth, padding: padding, skip: skip, normalization: normalization)
        let outcome = try Benchmark(
            architecture: architecture, size: size, batch: batch ?? job.world.size, threads: threads, steps: steps,
            engine: engine, convolution: convolution, layers: layers,
            communication: .init(overlap: overlap, bucketMegabytes: bucketMB, compression: compression)
        ).run(job.world, watch: job.watch)
        try job.answer(text(outcome), json: json ? outcome : nil)
    }

    private func text(_ outcome: Benchmark.Outcome) -> String {
        var rows: [[String]] = [
            [
                "network",
                "base \(base), depth \(depth), \(padding), skip \(skip), normalization \(normalization), \(grouped(outcome.parameters)) parameters",
            ],
            ["input, output", "\(size)×\(size), \(outcome.outputSize)×\(outcome.outputSize)"],
            [
                "ranks, threads",
                "\(outcome.ranks) × \(outcome.threads), \(batch ?? outcome.ranks) image(s) a step",
            ],
            ["step", "\(outcome.stepSeconds.formatted(.number.precision(.significantDigits(4)))) s"],
            ["images/s", outcome.imagesPerSecond.formatted(.number.precision(.significantDigits(4)))],
            ["GFLOP/s", "\(outcome.effectiveGflops.formatted(.number.precision(.fractionLength(1)))) effective"],
            [
                "peak memory",
                "\(Int(outcome.peakMebibytes)) MiB, \(Int(outcome.mebibytesBefore)) of them before the network",
            ],
        ]
        if outcome.ranks > 1 {
            let percent = (100 * outcome.communicationShare).formatted(.number.precision(.fractionLength(1)))
            rows.append(["communication", "\(percent) % of the step"])
        }
        return aligned(rows, left: 2) + (outcome.layers.map { "\n\n" + table($0) } ?? "")
    }

    private func table(_ layers: [Benchmark.Layer]) -> String {
        func figure(_ value: Double, _ digits: Int = 1) -> String {
            value == 0 ? "" : value.formatted(.number.grouping(.never).precision(.fractionLength(digits)))
        }
        let head = ["layer", "pass", "kernel", "ms", "filters", "transforms", "products", "GFLOP/s", "effective", "%"]
        let rows = layers.map { row in
            [
                row.layer, row.pass, row.kernel, figure(row.milliseconds, 2), figure(row.filters, 2),
                figure(row.transforms, 2), figure(row.products, 2), figure(row.realGflops),
                figure(row.effectiveGflops), figure(100 * row.share),
            ]
        }
        return aligned([head] + rows, left: 3)
    }
}
