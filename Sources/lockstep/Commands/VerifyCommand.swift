import ArgumentParser
import Support
import Training

struct VerifyCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Computes part of a run again, and compares.",
        discussion: """
            A run that has ended is compared with its provenance.json, file by file: its configuration, every image and \
            label, its checkpoints and its log. Then the steps between two of its checkpoints are trained again, beside \
            the run, which is left as it is: weights, momentum and losses must be the same, bit for bit. Under mpirun \
            the ranks share the work; their number, threads and machine need not be those of the run.

            Start it in the folder in which the run was started: paths in its configuration are relative to that. \
            Status 1 where something differs (or where this command fails while running: --json says "verified"), 2 where \
            the run cannot be replayed: one that was given in minutes, was computed by another version of the engine, or \
            went on otherwise in between. Scores are not computed again, nor are train.log, environment.json and pictures \
            compared.
            """)
    static let usesRanks = true

    @Argument(help: ArgumentHelp("The folder of a run that has ended.", valueName: "run"))
    var run: String

    @Option(
        help: ArgumentHelp(
            "The step to begin from: a checkpoint's, or 0 for the whole run (default: the oldest checkpoint that is there).",
            valueName: "step"))
    var from: Int?

    @Option(
        help: ArgumentHelp(
            "The step to end at, a checkpoint's (default: the newest).", valueName: "step"))
    var to: Int?

    @Flag(help: "Prints what was found as JSON.")
    var json = false

    func run(in job: Job) throws {
        if run.isEmpty { throw Failure.request("RUN is empty: name the folder of a run that has ended") }
        if let from, from < 0 { throw Failure.request("--from \(from): give a checkpoint's step, or 0") }
        if let to, to < 1 { throw Failure.request("--to \(to): give a checkpoint's step") }
        let outcome = try RunVerification(
            of: run, world: job.world, localRanks: job.localRanks, console: job.console
        ).run(from: from, to: to)
        try job.answer(Self.text(outcome), json: json ? Answer(outcome) : nil)
        guard let first = outcome.differences.first else { return }
        let more = outcome.differences.count == 1 ? "" : " (and \(outcome.differences.count - 1) more)"
        throw Failure.running(
            "\(run.shellWord) is not what it says it is: \(first)\(more); look for who or what changed it, or train it anew"
        )
    }

    private static func text(_ outcome: RunVerification.Outcome) -> String {
        var lines: [String] = []
        if let files = outcome.files {
            lines.append("files:     \(files) as provenance.json has them")
        } else if outcome.differences.isEmpty {
            lines.append(
                "files:     not compared, since the run has no provenance.json: it has not ended, or is of an older program"
            )
        }
        for state in outcome.checkpoints {
            let isSame = state.recorded == state.replayed
            lines.append(
                "step \(state.step): computed again, \(isSame ? "the same" : "another") SHA-256 \(state.replayed.prefix(16))…"
                    + (isSame ? "" : ", not \(state.recorded.prefix(16))…"))
        }
        if outcome.losses > 0 { lines.append("losses:    \(outcome.losses) as in metrics.jsonl") }
        lines += outcome.differences.map { "differs:   \($0.printable())" }
        if outcome.differences.isEmpty {
            lines.append("verified:  steps \(outcome.from) to \(outcome.to), bit for bit")
        }
        return lines.joined(separator: "\n")
    }

    private struct Answer: Encodable {
        let run: String
        let from: Int
        let to: Int
        let verified: Bool
        let files: Int?
        let losses: Int
        let checkpoints: [RunVerification.Outcome.State]
        let differences: [String]

        init(_ outcome: RunVerification.Outcome) {
            (run, from, to) = (outcome.run, outcome.from, outcome.to)
            verified = outcome.differences.isEmpty
            (files, losses) = (outcome.files, outcome.losses)
            (checkpoints, differences) = (outcome.checkpoints, outcome.differences)
        }
    }
}
