import Foundation
import TestSupport
import Testing

/// Hosts on this machine, made and removed by the script `cluster` beside this file.
final class Cluster {
    private static let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "cluster").path
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Whether this machine lets a test make network namespaces.
    static let isPermitted: Bool = {
        guard (try? call(["--id", "try\(getpid())", "up", "1"])) == 0 else { return false }
        return (try? call(["--id", "try\(getpid())", "down"])) == 0
    }()

    /// Other tests, and other runs of these, have clusters of other names.
    private let identifier = "t\(getpid())x\(Int.random(in: 0..<100_000))"

    /// Makes `node1` to `nodeN`.
    init(hosts: Int) throws {
        try #require(try Self.call(["--id", identifier, "up", "\(hosts)"]) == 0)
    }

    deinit { _ = try? Self.call(["--id", identifier, "down"]) }

    /// Starts one of the scripts in `launch` on the first host, with the tests' own program.
    func start(_ script: String, _ arguments: [String], in place: Place) throws -> RunningProgram {
        let words = [Self.root.appending(path: "launch/\(script)").path, "--program", Program.executable] + arguments
        return try RunningProgram([Self.script, "--id", identifier, "on", "node1"] + words, in: place.folder)
    }

    /// Runs the tests' own program with ranks on one host after the other in turn.
    func run(_ arguments: [String], ranks: Int, in place: Place) throws -> Program.Outcome {
        let words = [Self.script, "--id", identifier, "run", "\(ranks)", Program.executable]
        return try RunningProgram(words + arguments, in: place.folder).outcome()
    }

    /// Bytes that have left a host by its link.
    func bytesSent(by host: String, in place: Place) throws -> Int {
        let words = [Self.script, "--id", identifier, "on", host, "cat", "/sys/class/net/eth0/statistics/tx_bytes"]
        let outcome = try RunningProgram(words, in: place.folder).outcome()
        return try #require(Int(outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    /// Takes away a host's link and all that runs on it.
    func lose(_ host: String) throws { try #require(try Self.call(["--id", identifier, "lose", host]) == 0) }

    /// Takes a host's link away, and gives it back; what runs there goes on.
    func unplug(_ host: String) throws { try #require(try Self.call(["--id", identifier, "unplug", host]) == 0) }
    func plug(_ host: String) throws { try #require(try Self.call(["--id", identifier, "plug", host]) == 0) }

    private static func call(_ arguments: [String]) throws -> Int32 {
        try RunningProgram([script] + arguments, in: TemporaryFolder()).outcome().status
    }
}
