import Foundation

/// The memory that this process may take, and the refusal of what would not fit in it, before any of it is taken: the
/// kernel hands out more than it has, and later kills whoever writes to it.
package enum MachineMemory {
    /// The variable that sets it, in MiB, where the machine's own answer is not wanted.
    package static let variable = "LOCKSTEP_MEMORY_MB"

    /// Bytes that are free for programs: what the kernel says is available, less where a control group (a container, a
    /// batch system's job) or `ulimit -v` allows less.
    package static func available() throws -> Double {
        if let set = try set() { return set }
        return min(free, groupLimits.map { $0.limit - $0.used }.min() ?? .infinity, addressSpace)
    }

    /// Of a machine's memory, what a run may plan to take.
    package static let share = 0.8

    /// Bytes of the machine, or of the control group.
    package static func total() throws -> Double {
        if let set = try set() { return set }
        let machine = Double(ProcessInfo.processInfo.physicalMemory)
        return min(machine, groupLimits.map(\.limit).min() ?? .infinity, addressSpace)
    }

    /// Throws `Failure.request` where there is not as much.
    ///
    /// - Parameters:
    ///   - what: needs it, with its file or key: "a.png (10×10 pixels)".
    ///   - advice: what to do.
    package static func require(_ bytes: Double, for what: String, advice: String) throws {
        // To ask the system takes longer than to read a small image.
        guard bytes > anyMachine || getenv(variable) != nil else { return }
        let available = try available()
        guard bytes > available else { return }
        throw Failure.request(
            "\(what) needs \(bytes < 1e15 ? "about \(size(bytes)) of" : "far more than any machine's") memory, and "
                + "\(size(max(available, 0))) are free: \(advice) (\(variable) sets how much may be taken)")
    }

    /// Bytes that any machine has.
    private static let anyMachine = 64e6

    /// Bytes as a person says them: "12 MiB", "1.5 GiB".
    package static func size(_ bytes: Double) -> String {
        bytes < 1e9
            ? "\(Int((bytes / 1_048_576).rounded(.up))) MiB"
            : "\(decimals(bytes / 1_073_741_824, 1)) GiB"
    }

    // MARK: - What the system says

    private static func set() throws -> Double? {
        guard let text = getenv(variable).map({ String(cString: $0) }), !text.isEmpty else { return nil }
        guard let megabytes = Int(text), megabytes > 0 else {
            throw Failure.request("\(variable)=\(text): give a whole number of MiB, more than 0")
        }
        return Double(megabytes) * 1_048_576
    }

    private static func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    private static var free: Double {
        let line = text("/proc/meminfo")?.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap { Double($0) }
        return kibibytes.map { $0 * 1024 } ?? Double(ProcessInfo.processInfo.physicalMemory)
    }

    /// What is left of `ulimit -v`.
    private static var addressSpace: Double {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < 1 << 62 else {
            return .infinity
        }
        let pages = text("/proc/self/statm")?.split(separator: " ").first.flatMap { Double($0) } ?? 0
        return Double(limit.rlim_cur) - pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// The limits of the control groups that this process is in, those above them included, and what is used of each; files
    /// that the kernel keeps in memory, and gives up at need, aside. Version 2 of the interface, or 1.
    private static var groupLimits: [(limit: Double, used: Double)] {
        (text("/proc/self/cgroup") ?? "").split(separator: "\n").flatMap { line -> [(limit: Double, used: Double)] in
            // "0::/a/b", or "5:memory:/a/b".
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return [] }
            let isUnified = parts[1].isEmpty
            guard isUnified || parts[1].split(separator: ",").contains("memory") else { return [] }
            let root = isUnified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
            let (limit, used) =
                isUnified ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes")
            var folders = [root]
            for name in parts[2].split(separator: "/") { folders.append("\(folders[folders.count - 1])/\(name)") }
            return folders.compactMap { folder in
                func number(_ name: String) -> Double? {
                    text("\(folder)/\(name)").flatMap { Double($0.filter { !$0.isWhitespace }) }
                }
                guard let limit = number(limit), limit < 1e18 else { return nil }
                let kept = text("\(folder)/memory.stat")?.split(separator: "\n")
                    .first { $0.hasPrefix("inactive_file ") || $0.hasPrefix("total_inactive_file ") }
                    .flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }
                return (limit, max(0, (number(used) ?? 0) - (kept ?? 0)))
            }
        }
    }
}
