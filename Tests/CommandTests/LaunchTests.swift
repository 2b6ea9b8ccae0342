import Foundation
import Testing

/// What the scripts in `launch` answer before they build anything.
@Suite struct LaunchTests {
    /// Runs a script from another folder; its exit status, standard output and standard error.
    static func run(_ script: String, _ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let process = Process()
        process.executableURL = root.appending(path: script)
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: "/")
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let texts = try [output, errors].map {
            String(decoding: try $0.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        }
        process.waitUntilExit()
        return (process.terminationStatus, texts[0], texts[1])
    }

    @Test(arguments: ["0", "-1", "two", "", "1.5", "1000000"]) func refusesNumbersOfWorkers(value: String) throws {
        for arguments in [["--workers", value], ["--workers=\(value)"]] {
            let (status, output, errors) = try Self.run("launch/train", ["some.yaml"] + arguments)
            #expect(status == 2)
            #expect(output.isEmpty)
            #expect(errors == "error: --workers \(value): give a whole number from 1 to 999\n")
        }
    }

    @Test func refusesWorkersWithoutANumber() throws {
        let (status, _, errors) = try Self.run("launch/train", ["--workers"])
        #expect(status == 2)
        #expect(errors.hasPrefix("error: ") && errors.filter { $0 == "\n" }.count == 1)
    }

    @Test(arguments: ["launch/train", "launch/test", "launch/setup", "launch/bench"]) func explains(script: String)
        throws
    {
        let (status, output, errors) = try Self.run(script, ["--help"])
        #expect(status == 0)
        #expect(output.hasPrefix("usage: \(script)"))
        #expect(errors.isEmpty)
    }
}
