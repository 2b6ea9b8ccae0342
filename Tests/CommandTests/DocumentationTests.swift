import Foundation
import Images
import TestSupport
import Testing

extension ProgramTests {
    /// The commands of the READMEs that people follow, run as they stand there, one after the other.
    @Suite struct Documentation {
        /// What a test makes of a command.
        private enum Way {
            /// Runs it with these words behind it, so that it takes seconds.
            case run(String)
            /// Leaves it out, and why.
            case leave(String)
        }

        /// By how a command begins, the first that fits. Every command of a README has its line here.
        private static let ways: [(beginning: String, way: Way)] = [
            ("launch/train my-images.yaml", .run("--program lockstep --workers 2 \(short)")),
            ("launch/train", .run("--program lockstep --set training.steps=4")),
            ("launch/test", .leave("it is what runs this")),
            ("launch/install", .run("--program lockstep --prefix installed")),
            ("launch/package", .leave("builds all anew: .ci/run package")),
            ("tar xf", .leave("as launch/package")),
            ("lockstep-0", .leave("as launch/package")),
            ("apt-get", .leave("changes the machine")),
            ("launch/cluster", .leave("needs several machines: ClusterTests")),
            ("launch/supervise", .leave("needs several machines: SuperviseTests")),
            ("mpirun", .run("\(short) --output runs/by-mpirun")),
            ("cp ", .run("")),
            ("lockstep init", .run("")),
            ("lockstep synthesize", .run("--count 6 --size 64")),
            ("lockstep sweep", .run("")),
            ("lockstep crossvalidate", .run(short)),
            ("lockstep doctor", .run(short)),
            ("lockstep import", .leave("needs another program's weights: InterchangeTests")),
            ("lockstep predict milesial", .leave("as lockstep import")),
            ("lockstep predict", .run("")),
            ("lockstep export", .run("")),
            ("lockstep evaluate", .run("")),
            ("lockstep inspect", .run("")),
            ("lockstep report", .run("")),
            ("lockstep train", .run(short)),
            ("lockstep layout", .run(short)),
            ("lockstep verify", .leave("needs a run that has ended: VerifyTests")),
            ("jq ", .leave("needs jq")),
        ]

        /// A training of a few steps with a tiny network.
        private static let short = """
            --set training.minutes=null --set training.steps=4 --set training.batch=4 --set model.base_channels=2 \
            --set model.depth=2 --set data.tile=52
            """

        /// More ranks than cores, as the README says.
        private static let surroundings =
            "export PATH=\"$PWD/bin:$PATH\" OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none;"

        private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()

        /// The commands in the blocks of a README that are meant for a shell; a line that ends in \ goes on in the next.
        static func commands(_ file: String) throws -> [String] {
            let text = try String(contentsOf: root.appending(path: file), encoding: .utf8)
            var (commands, isShell): ([String], Bool) = ([], false)
            for line in text.replacingOccurrences(of: "\\\n", with: " ").split(separator: "\n") {
                if line.hasPrefix("```") {
                    isShell = line == "```sh"
                } else if isShell {
                    // A remark begins behind spaces.
                    let command = line.prefix(upTo: line.range(of: "  #")?.lowerBound ?? line.endIndex)
                        .trimmingCharacters(in: .whitespaces)
                    if !command.isEmpty, !command.hasPrefix("#") { commands.append(command) }
                }
            }
            return commands
        }

        @Test("each command of a README ends well", arguments: ["README.md", "configs/README.md", "launch/README.md"])
        func commands(of file: String) throws {
            let place = try Place()
            try prepare(place)
            if file == "launch/README.md" {
                // What lockstep init has written there.
                try FileManager.default.copyItem(
                    atPath: place.folder.path("cells.yaml"), toPath: place.folder.path("my-images.yaml"))
            }
            let commands = try Self.commands(file)
            #expect(!commands.isEmpty)
            for command in commands {
                guard let way = Self.ways.first(where: { command.hasPrefix($0.beginning) })?.way else {
                    Issue.record("\(file): \(command): nothing here says how this is run")
                    continue
                }
                guard case .run(let addition) = way else { continue }
                let outcome = try RunningProgram(
                    ["bash", "-c", "\(Self.surroundings) \(command) \(addition)"], in: place.folder
                ).outcome(within: 120)
                try #require(outcome.status == 0, "\(file): \(command) \(addition): \(outcome.errors)")
            }
        }

        /// The images, runs and programs that the commands name.
        private func prepare(_ place: Place) throws {
            let files = FileManager.default
            try files.copyItem(atPath: Self.root.appending(path: "configs").path, toPath: place.folder.path("configs"))
            // The sweep as it is, of two steps a trial.
            let sweep = "configs/sweeps/sample-momentum.yaml"
            let text = try String(contentsOfFile: place.folder.path(sweep), encoding: .utf8)
            let steps = "{training.steps: 200, validation.every: 50, checkpoint.every: 50}"
            #expect(text.contains(steps))
            try place.folder.write(
                text.replacingOccurrences(of: steps, with: "{training.steps: 2, validation.every: 2, data.tile: 92}"),
                to: sweep)
            for name in ["launch", "README.md", ".readme"] {
                try files.createSymbolicLink(
                    atPath: place.folder.path(name), withDestinationPath: Self.root.appending(path: name).path)
            }
            try files.createDirectory(atPath: place.folder.path("bin"), withIntermediateDirectories: false)
            try files.createSymbolicLink(
                atPath: place.folder.path("bin/lockstep"), withDestinationPath: Program.executable)
            try files.copyItem(atPath: place.folder.path("cells"), toPath: place.folder.path("my-images"))
            try files.copyItem(atPath: place.folder.path("cells/images"), toPath: place.folder.path("new"))
            try place.succeed(["train", "cells.yaml", "--set", "training.steps=2"])
            for name in ["ctc", "em"] {
                try files.createSymbolicLink(atPath: place.folder.path("runs/\(name)"), withDestinationPath: "cells")
            }
            // The Cell Tracking Challenge's folders, and two stacks.
            for (kind, stack, frame) in [
                ("images", "test-volume", "02/t00"), ("labels", "test-labels", "02_ST/SEG/man_seg00"),
            ] {
                let pages = try (1...3).map { number in
                    let image = try PNG.read(place.folder.path("cells/\(kind)/cell-000\(number).png"))
                    return TinyTIFF.Page(64, image.samples.map(UInt8.init))
                }
                try place.folder.write(TinyTIFF.data(pages), to: "\(stack).tif")
                for (number, page) in pages.enumerated() {
                    try place.folder.write(TinyTIFF.data([page]), to: "ctc/\(frame)\(number).tif")
                }
            }
        }
    }
}
