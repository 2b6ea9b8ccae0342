import ArgumentParser
import Checkpoints
import Communication
import Configurations
import Foundation
import Kernels
import Network
import Preparation
import Support

struct InitCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Writes a configuration for a folder of images and labels.",
        discussion: """
            Looks at DIR: its images (size, channels, bit depth, stacks), its labels (masks, class numbers, object numbers, \
            colours) and how they pair. Then it writes a commented YAML file that fits them and this machine, says what \
            it found and why it chose, and what is in doubt. The file is checked as lockstep doctor does before it is \
            written; one that is there already is left alone.

            Images and labels may lie in folders of their own (images and labels, img and masks, imagesTr and labelsTr), \
            in such folders below train, val and test or beside them, or side by side (a.png and a_mask.png). Images \
            are PNG, TIFF or JPEG, labels PNG or TIFF. Class names are read from a file classes.txt, label_colors.txt or \
            class_dict.csv in DIR: a name a line, or a name and its red, green and blue.

            lockstep init my-cells; launch/train my-cells.yaml
            """)

    @Argument(help: "The folder of your images and labels; or one image file, with --labels.")
    var dir: String

    @Option(help: "Where the labels are, if their names do not say so: a folder, a file or a path with wildcards.")
    var labels: String?

    @Option(help: "The file to write (default: the folder's name with .yaml, where you are).")
    var output: String?

    @Flag(help: "Prints what was found and chosen as JSON.")
    var json = false

    func run(in job: Job) throws {
        let name = Self.name(of: dir)
        let path = output ?? "\(name).yaml"
        try Self.checkFree(path)
        defer { job.console.endProgress() }
        let found = try FoundData(dir, labels: labels) { job.console.progress($0) }
        job.console.progress("measuring this machine")
        let choices = Choices(found, try Self.machine(), name: Self.unused(name))
        let text = CommentedConfiguration(choices, of: found, path: path).text
        let written = try Configuration.decode(yaml: text, name: path)
        precondition(written == choices.configuration, "the text of \(path) does not read back as what was chosen")
        job.console.progress("reading every image and label as a training does")
        let check = try Self.write(text, to: path)
        job.console.endProgress()
        let answer = InitAnswer(found, choices, check, path: path)
        try job.answer(answer.text, json: json ? answer : nil, isSaved: true)
    }

    // MARK: - Names

    /// What the run is called: the folder's name, less what makes trouble in names of files.
    private static func name(of folder: String) -> String {
        let last = (realPath(folder) as NSString).lastPathComponent
        let stem = isFolder(folder) == false ? (last as NSString).deletingPathExtension : last
        let plain = String(stem.map { $0.isLetter || $0.isNumber || "._-".contains($0) ? $0 : "-" })
        let name = String(plain.drop { ".-".contains($0) })
        return name.isEmpty ? "images" : name
    }

    /// The name, or the first with a number behind it that no run has.
    private static func unused(_ name: String) -> String {
        numbered(name, "") { RunDirectory("\(Configuration.Run().output)/\($0)").holdsRun }
    }

    private static func numbered(_ stem: String, _ end: String, isTaken: (String) -> Bool) -> String {
        guard isTaken(stem + end) else { return stem + end }
        var number = 2
        while isTaken("\(stem)-\(number)\(end)") { number += 1 }
        return "\(stem)-\(number)\(end)"
    }

    private static func checkFree(_ path: String) throws {
        guard !path.isEmpty else { throw Failure.request("--output is empty: name the file to write") }
        let isThere = { (path: String) in isFolder(path) != nil }
        if isFolder(path) == true {
            throw Failure.request("\(path) is a folder: give --output the name of a file, such as \(path)/my.yaml")
        }
        guard !isThere(path) else {
            let end = (path as NSString).pathExtension
            let free = numbered(
                (path as NSString).deletingPathExtension, end.isEmpty ? "" : ".\(end)", isTaken: isThere)
            throw Failure.request(
                "\(path) is there already, and is not overwritten: choose another name, such as --output \(free)")
        }
        let folder = parentFolder(path)
        guard folder.isEmpty || isFolder(folder) == true else {
            throw Failure.request("folder \(folder) (--output) does not exist: make it, or correct the path")
        }
    }

    // MARK: - Machine and check

    /// Cores, memory and speed, measured by a few steps of a small network.
    private static func machine() throws -> Machine {
        let outcome = try Benchmark(
            architecture: UNetArchitecture(baseChannels: 16, depth: 3, padding: .same, normalization: .group),
            size: 256,
            batch: 1, threads: 1, steps: 3
        ).run(SoloCommunicator())
        return Machine(
            cores: Processors.available, memory: try MachineMemory.total(),
            operationsPerSecond: 1e9 * outcome.effectiveGflops)
    }

    /// Writes the file once a training of it could begin; returns what a look at everything showed.
    ///
    /// Throws a `Failure`, and leaves no file, where it could not.
    private static func write(_ text: String, to path: String) throws -> PreflightCheck {
        let folder = parentFolder(path)
        guard access(folder.isEmpty ? "." : folder, W_OK | X_OK) == 0 else {
            throw AtomicFile.failure(path, Failure.systemReason(errno))
        }
        // Not beside the file: the look at all data may take minutes, and who stops it finds nothing left there.
        let draft = "\(FileManager.default.temporaryDirectory.path)/lockstep-init-\(UUID().uuidString).yaml"
        defer { unlink(draft) }
        try AtomicFile.write(text, to: draft)
        let check = PreflightCheck(mpi: nil, configuration: draft)
        if let wrong = check.findings.first(where: { $0.verdict == .bad }) {
            throw Failure(check.exitStatus == 2 ? .request : .running, wrong.words)
        }
        try AtomicFile.write(text, to: path)
        return check
    }
}

/// What `init` found, chose and wrote.
private struct InitAnswer: Encodable {
    let found: FoundData
    let chosen: [Choices.Reason]
    /// What only a person can settle.
    let notes: [String]
    let output: String
    let name: String
    /// The next command.
    let next: String

    init(_ found: FoundData, _ choices: Choices, _ check: PreflightCheck, path: String) {
        self.found = found
        chosen = choices.reasons
        let doubts = check.findings.filter { $0.verdict == .doubtful && ["data", ""].contains($0.subject) }.map(\.words)
        notes = found.notes + choices.notes + doubts.filter { !found.notes.contains($0) }
        output = path
        name = choices.configuration.name
        next = "launch/train \(path.shellWord)"
    }

    private enum Keys: CodingKey { case found, chosen, notes, output, name, next }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(found, forKey: .found)
        try container.encode(chosen, forKey: .chosen)
        try container.encode(notes, forKey: .notes)
        try container.encode(output, forKey: .output)
        try container.encode(name, forKey: .name)
        try container.encode(next, forKey: .next)
    }

    var text: String {
        var lines = ["found in \(found.root)"]
        lines += alignedLines(found.rows.map { ["  " + $0.subject, $0.words] }, left: 2, minimumWidths: [13])
        lines.append("chosen")
        lines += alignedLines(chosen.map { ["  " + $0.key, $0.choice, $0.why] }, left: 3)
        lines += notes.map { "note: \($0)" }
        lines += [
            "wrote \(output)", "next: \(next)   (without Open MPI: lockstep train \(output.shellWord))",
            "then: lockstep predict \("runs/\(name)".shellWord) --input FOLDER --output FOLDER",
        ]
        return lines.joined(separator: "\n")
    }
}
