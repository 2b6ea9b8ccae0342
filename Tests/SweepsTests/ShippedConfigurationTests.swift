import Configurations
import Foundation
import Sweeps
import Testing

/// The files in `configs` are read as they are given out.
@Suite struct ShippedConfigurationTests {
    private static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("configs").path

    private static func files(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".yaml") }.sorted()
    }

    @Test func everyConfigurationIsValid() throws {
        let files = try Self.files(in: Self.folder)
        #expect(files.contains("isbi2012-small.yaml") && files.contains("own-images.yaml"))
        for file in files { #expect(throws: Never.self) { try Configuration.load(path: "\(Self.folder)/\(file)") } }
    }

    @Test func everyTrialOfEverySweepIsValid() throws {
        let files = try Self.files(in: Self.folder + "/sweeps")
        #expect(files.contains("sample-momentum.yaml"))
        for file in files {
            #expect(throws: Never.self) {
                try SweepRunner(
                    path: "\(Self.folder)/sweeps/\(file)", resume: false,
                    launcher: MPILauncher(executable: "lockstep"))
            }
        }
    }
}
