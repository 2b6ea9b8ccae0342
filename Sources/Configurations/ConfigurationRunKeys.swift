// The sections that say how a run is carried out; see `ConfigurationKeys.swift`.

extension Configuration.Checkpoint {
    static let keys = ConfigurationSection<Self>(
        .flow,
        [
            .key("every", \.every, .integer, .atLeast(1), meaning: "Steps from one checkpoint to the next."),
            .key(
                "keep", \.keep, .integer, .atLeast(1),
                meaning: "How many of the latest checkpoints are kept, beside the best."),
            .key(
                "memory", \.memory, .truth,
                meaning:
                    "Whether each machine keeps the last step's state in memory (/dev/shm), where there is room for it twice: a run that was lost goes on from there. It costs at most 2 % of the time; where steps are too short for that, not every step is kept."
            ),
        ])
}

extension Configuration.Validation {
    static let keys = ConfigurationSection<Self>(
        .block,
        [
            .key("every", \.every, .integer, .atLeast(1), meaning: "Steps from one validation to the next."),
            .key(
                "metric", \.metric, .word,
                meaning:
                    "The score by which the best checkpoint is chosen. Scores of objects and borders are measured only if this is one of them."
            ),
            .key(
                "on", \.place, .word,
                meaning:
                    "Who predicts the validation images: the coordinator while the workers train on, or the workers, which train on afterwards."
            ),
            .key(
                "patience", \.patience, .integer, .atLeast(0),
                meaning: "The run ends after so many validations in a row without a better one; 0: never."),
        ])
}

extension Configuration.Run {
    static let keys = ConfigurationSection<Self>(
        .block,
        [
            .key(
                "threads", \.threads, .threads,
                .each(.within(1...1024), of: { if case .count(let count) = $0 { [count] } else { [] } }),
                meaning: "Threads that each rank computes with; auto: the machine's cores, shared among its ranks."),
            .key(
                "coordinator", \.coordinator, .word,
                meaning:
                    "With two ranks or more, whether rank 0 only coordinates (dedicated) or trains as well (shared)."),
            .key(
                "output", \.output, .text, .filled("must be a folder, not empty"),
                meaning: "The folder that runs have theirs in."),
            .key(
                "engine", \.engine, .engine,
                meaning:
                    "What computes convolutions: native, the program's own kernels with the same bits on every CPU, or openblas."
            ),
            .key(
                "replica_check_every", \.replicaCheckEvery, .integer, .atLeast(1),
                meaning: "Steps from one comparison of the workers' weights to the next."),
            .key(
                "audit", \.audit, .number, .must("0, or 0.000001 to 1") { $0 == 0 || $0 >= 1e-6 && $0 <= 1 },
                meaning:
                    "Of all images of all batches, the share whose gradient a second worker computes again, to compare the bits: a machine that computes wrongly is named. 0.01 costs a hundredth of the time; 0: none. Takes two workers or more."
            ),
            .key(
                "fault_timeout", \.faultTimeout, .number, .within(0...1e6, "seconds"),
                meaning:
                    "Time within which every rank ends once one is lost or stopped; ten times that where an image hangs, forty where a checkpoint does; 0: ranks are not watched."
            ),
            .key("trace", \.trace, .truth, meaning: "Whether to write a timeline of all ranks."),
        ])
}

extension Configuration.Communication {
    static let keys = ConfigurationSection<Self>(
        .block,
        [
            .key(
                "overlap", \.overlap, .truth,
                meaning:
                    "Whether parts of a gradient are sent while the rest of it is computed. Results do not depend on it."
            ),
            .key(
                "host_sums", \.hostSums, .truth,
                meaning:
                    "Whether workers of one host add up their gradients in memory that they share, so that the host sends one sum. Results do not depend on it, unless compressed."
            ),
            .key(
                "route", \.route, .word,
                meaning:
                    "Which way gradients go between hosts: direct, each to each; halving, by pairs, with fewer messages for many hosts; automatic. Results do not depend on it."
            ),
            .key(
                "bucket_mb", \.bucketMegabytes, .number, .above(0, atMost: 4096),
                meaning: "The largest size in MiB of a part that is sent."),
            .key(
                "compression", \.compression, .word,
                meaning:
                    "bf16 halves the bytes that are sent; results then depend on the workers and on which share a host."
            ),
        ])
}
