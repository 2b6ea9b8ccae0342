import ArgumentParser
import Communication
import Configurations
import Kernels
import Network
import Support

struct BenchCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Times training steps, or predictions, on random images.",
        discussion: """
            Effective GFLOP/s count the operations of direct convolutions. Under mpirun every rank trains, and the share \
            of communication is shown. Peak memory is one rank's.

            With --inference, tiles are predicted as predict does it: --size is a tile's side, --batch how many there \
            are (they are computed side by side on the threads where that is faster), --steps how often they are \
            predicted. It runs in one process.

            With --critical-path, a step is predicted for numbers of threads that this machine may not have: the parts \
            that threads would share out are timed one after another, and scheduled on so many. Each section counts a fork \
            and join, at least 5 us, and no less than its bytes take over the memory's bandwidth. Leave the machine alone \
            meanwhile.

            lockstep bench --critical-path --base 16 --threads 1,2,4,...,64
            """)
    static let usesRanks = true

    @Flag(help: "Times predictions in place of training steps.")
    var inference = false

    @Flag(help: "Predicts a step for each number of --threads, and says which layers limit it.")
    var criticalPath = false

    @Option(help: "What a node's memory gives all cores together, in GB/s; for --critical-path.")
    var memoryBandwidth = CriticalPath.usualMemoryBandwidth / 1e9

    @Option(help: "Side of the input in pixels.")
    var size = 572

    @Option(help: "Channels of the first level.")
    var base = 64

    @Option(help: "Number of poolings.")
    var depth = 4

    @Option(help: "Images of a step, over all ranks (default: one each); with --inference, tiles (default: 1).")
    var batch: Int?

    @Option(help: "Threads of each rank (default: 1); with --critical-path, numbers of them (default: 1,2,4,...,128).")
    var threads: CountList?

    @Option(help: "Steps that are timed, after one that is not; with --inference, passes over all tiles.")
    var steps = 3

    @Option(help: "valid (the paper's) or same.")
    var padding = UNetArchitecture.Padding.valid

    @Option(help: "What the decoder takes from the encoder: concatenate, add or none.")
    var skip = UNetArchitecture.Skip.concatenate

    @Option(help: "none, or group: group normalisation after each 3×3 convolution.")
    var normalization = UNetArchitecture.Normalization.none

    @Option(help: "native or openblas.")
    var engine = Engine.Kind.native

    @Option(help: "How 3×3 layers are computed: automatic (as each is best served), direct, winograd4 or winograd6.")
    var convolution = Engine.Convolution.automatic

    @Flag(
        inversion: .prefixedNo,
        help: "Whether gradients are sent while the backward pass still runs (default: they are).")
    var overlap: Bool?

    @Flag(
        inversion: .prefixedNo,
        help: "Whether ranks of one host add up gradients in memory that they share (default: they do).")
    var hostSums: Bool?

    @Option(help: "Which way gradients go between hosts: automatic, direct or halving.")
    var route: GradientRoute?

    @Option(help: ArgumentHelp("MiB of gradients that travel together (default: 16).", valueName: "mb"))
    var bucketMB: Double?

    @Option(help: "none, or bf16: gradients travel in half the bytes (default: none).")
    var compression: GradientCompression?

    @Flag(help: "Adds a table of each layer and pass; with --inference, of one tile after another.")
    var layers = false

    @Flag(help: "Prints the figures as JSON.")
    var json = false

    func validate() throws {
        for (name, value, most) in [
            ("base", base, UNetArchitecture.mostChannels), ("size", size, UNetArchitecture.mostTile),
            ("steps", steps, 1 << 20), ("batch", batch ?? 1, 1 << 20),
        ] where value < 1 || value > most {
            throw ValidationError("--\(name) \(value): give 1 to \(most)")
        }
        if let bucketMB, !(bucketMB > 0 && bucketMB <= 4096) {
            throw ValidationError("--bucket-mb \(bucketMB): give more than 0 and at most 4096")
        }
        let given = [
            ("--overlap", overlap != nil), ("--host-sums", hostSums != nil), ("--route", route != nil),
            ("--bucket-mb", bucketMB != nil),
            ("--compression", compression != nil),
        ]
        if inference, let (name, _) = given.first(where: \.1) {
            throw ValidationError("\(name) is about gradients, and --inference has none: leave one of them out")
        }
        let counts = threads?.counts ?? []
        if let count = counts.first(where: { $0 > 1024 }) {
            throw ValidationError("--threads \(count): give 1 to 1024")
        }
        if counts.count > 1, !criticalPath {
            throw ValidationError("--threads takes several numbers with --critical-path alone: give one of them")
        }
        guard memoryBandwidth > 0, memoryBandwidth.isFinite else {
            throw ValidationError("--memory-bandwidth \(memoryBandwidth): give GB/s above 0")
        }
        if criticalPath {
            for (name, isGiven) in [
                ("--inference", inference), ("--layers", layers), ("--engine openblas", engine == .openblas),
            ] + given where isGiven { throw ValidationError("--critical-path goes without \(name)") }
        }
        guard engine == .native || !convolution.isWinograd else {
            throw ValidationError(
                "--convolution \(convolution.rawValue) is the native engine's: leave out --engine openblas")
        }
        guard (0...12).contains(depth) else { throw ValidationError("--depth \(depth): give 0 to 12") }
    }

    func run(in job: Job) throws {
        let architecture = UNetArchitecture(
            baseChannels: base, depth: depth, padding: padding, skip: skip, normalization: normalization)
        if inference { return try predict(architecture, in: job) }
        let usual = Configuration.Communication()
        let benchmark = Benchmark(
            architecture: architecture, size: size, batch: batch ?? job.world.size, threads: rankThreads, steps: steps,
            engine: engine, convolution: convolution, layers: layers,
            communication: .init(
                overlap: overlap ?? usual.overlap, hostSums: hostSums ?? usual.hostSums, route: route ?? usual.route,
                bucketMegabytes: bucketMB ?? usual.bucketMegabytes, compression: compression ?? usual.compression))
        if criticalPath { return try predictThreads(benchmark, in: job) }
        let outcome = try benchmark.run(job.world, watch: job.watch)
        if let remark = outcome.remark { job.console.logger.notice("\(remark)") }
        try job.answer(text(outcome), json: json ? outcome : nil)
    }

    private var rankThreads: Int { threads?.counts.first ?? 1 }

    private func predictThreads(_ benchmark: Benchmark, in job: Job) throws {
        guard job.world.size == 1 else {
            throw Failure.request("bench --critical-path runs in one process: start it without mpirun")
        }
        let outcome = try CriticalPath(
            benchmark: benchmark, threads: threads?.counts ?? [1, 2, 4, 8, 16, 32, 64, 128],
            memoryBandwidth: memoryBandwidth * 1e9
        ).run()
        try job.answer(CriticalPathText.text(outcome, bandwidth: memoryBandwidth), json: json ? outcome : nil)
    }

    private func predict(_ architecture: UNetArchitecture, in job: Job) throws {
        guard job.world.size == 1 else {
            throw Failure.request("bench --inference runs in one process: start it without mpirun")
        }
        let outcome = try InferenceBenchmark(
            architecture: architecture, size: size, tiles: batch ?? 1, passes: steps,
            engine: Engine(
                engine, threads: rankThreads, convolution: convolution, profile: layers ? StepProfile() : nil)
        ).run()
        try job.answer(text(outcome), json: json ? outcome : nil)
    }

    private func text(_ outcome: InferenceBenchmark.Outcome) -> String {
        func figure(_ value: Double) -> String { value.formatted(.number.precision(.significantDigits(4))) }
        let rows =
            network(parameters: outcome.parameters, outputSize: outcome.outputSize) + [
                [
                    "tiles, threads",
                    "\(outcome.tiles) a pass, \(outcome.tilesAtOnce) at once on \(outcome.threadsPerTile) thread(s) each",
                ],
                ["tile", "\(figure(outcome.tileSeconds)) s"],
                ["pixels/s", "\(figure(outcome.pixelsPerSecond)) of output"],
                gflops(outcome.effectiveGflops), memory(outcome.peakMebibytes, before: outcome.mebibytesBefore),
            ]
        return aligned(rows, left: 2) + (outcome.layers.map { "\n\n" + table($0) } ?? "")
    }

    private func network(parameters: Int, outputSize: Int) -> [[String]] {
        [
            [
                "network",
                "base \(base), depth \(depth), \(padding), skip \(skip), normalization \(normalization), \(grouped(parameters)) parameters",
            ],
            ["input, output", "\(size)×\(size), \(outputSize)×\(outputSize)"],
        ]
    }

    private func gflops(_ value: Double) -> [String] {
        ["GFLOP/s", "\(value.formatted(.number.precision(.fractionLength(1)))) effective"]
    }

    private func memory(_ peak: Double, before: Double) -> [String] {
        ["peak memory", "\(Int(peak)) MiB, \(Int(before)) of them before the network"]
    }

    private func text(_ outcome: Benchmark.Outcome) -> String {
        var rows = network(parameters: outcome.parameters, outputSize: outcome.outputSize)
        rows += [
            [
                "ranks, threads",
                "\(outcome.ranks) × \(outcome.threads), \(batch ?? outcome.ranks) image(s) a step",
            ],
            ["step", "\(outcome.stepSeconds.formatted(.number.precision(.significantDigits(4)))) s"],
            ["images/s", outcome.imagesPerSecond.formatted(.number.precision(.significantDigits(4)))],
            gflops(outcome.effectiveGflops), memory(outcome.peakMebibytes, before: outcome.mebibytesBefore),
        ]
        if outcome.ranks > 1 {
            let percent = (100 * outcome.communicationShare).formatted(.number.precision(.fractionLength(1)))
            rows.append(["communication", "\(percent) % of the step"])
        }
        return aligned(rows, left: 2) + (outcome.layers.map { "\n\n" + table($0) } ?? "")
    }

    private func table(_ layers: [BenchmarkLayer]) -> String {
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
