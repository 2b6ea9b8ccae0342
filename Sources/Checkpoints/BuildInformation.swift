import Foundation
import Kernels

/// What this program is and runs on, for `--version`, checkpoints and `environment.json`.
public enum BuildInformation {
    public static let version = "0.5.0"

    /// The commit that it was built from, with `+` where files had changed since; `unknown` outside a checkout.
    public static let revision = sourceRevision

    /// What must be the same on all ranks of a job: version, commit and version of the engine. Not the CPU that it was built
    /// for, which changes no bit of the native engine's.
    public static var build: String { "version \(version), revision \(revision), engine \(Engine.version)" }

    /// The CPU that the kernels were compiled for.
    public static var target: String { KernelTarget.description }

    /// The BLAS that products go through, in its own words.
    public static var blas: String { OpenBLASLibrary.description }

    /// The CPU that the program runs on, in the system's words.
    public static var processor: String {
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        let name = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
        return name.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
    }
}
