internal import CTarget
import Foundation

/// The instruction set that the kernels were compiled for.
public enum KernelTarget {
    public static var description: String { String(cString: lockstep_target()) }

    /// What the kernels need and this processor has not, by the names of `/proc/cpuinfo`: instructions that would end
    /// the program. Empty where all is well, or where the system does not say.
    public static var missingFeatures: [String] {
        let needed = String(cString: lockstep_needed_features()).split(separator: " ").map(String.init)
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        guard let flags = lines.first(where: { $0.hasPrefix("flags") }) else { return [] }
        let present = Set(flags.split(separator: " ").map(String.init))
        return needed.filter { !present.contains($0) }
    }
}
