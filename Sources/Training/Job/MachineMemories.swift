import Checkpoints
import Communication
import Foundation
import Support

/// The memories of a job's machines that outlive its processes, and the rank that looks after each: the machine's first
/// worker, or where it has none its first rank.
struct MachineMemories {
    let memory: MemoryFolder
    /// The ranks that look after a memory, ascending.
    let stewards: [Int]
    /// Each rank's machine.
    let hosts: [String]
    let isSteward: Bool

    /// Called by all ranks.
    static func gather(
        _ world: any Communicator, _ layout: ProcessLayout, _ memory: MemoryFolder
    ) throws -> MachineMemories {
        struct Place: Codable {
            let memory: String
            let host: String
        }
        let host = ProcessInfo.processInfo.hostName
        let places = try world.gatherFromAll(Messages.encode(Place(memory: memory.identity ?? host, host: host)))
            .map { try Messages.decode(Place.self, from: $0) }
        let machines = Dictionary(grouping: places.indices) { places[$0].memory }
        let stewards = machines.values.compactMap { ranks in
            ranks.first { layout.worker(ofRank: $0) != nil } ?? ranks.first
        }
        return MachineMemories(
            memory: memory, stewards: stewards.sorted(), hosts: places.map(\.host),
            isSteward: stewards.contains(world.rank))
    }

    /// The states of a run that are kept here, newest first. Another's with the same identity, in a copy of its folder say,
    /// are none of its own.
    func states(of run: KeptState.Run) -> [(name: String, state: KeptState)] {
        memory.names(run: run.run).compactMap { name in
            memory.open(name).flatMap { KeptState($0) }.map { (name, $0) }
        }.filter { $0.state.run == run }.sorted { $0.state.step > $1.state.step }
    }

    /// Removes the files of a run, whoever made them, but for some: the run is here now, and needs them no more.
    func remove(_ run: KeptState.Run, but kept: Set<String> = []) {
        guard isSteward else { return }
        for name in memory.names(run: run.run) where !kept.contains(name) {
            guard let file = memory.open(name) else { continue }
            // One that says nothing is being written to, or was when its process was killed.
            let isOwn = KeptState(file).map { $0.run.folder == run.folder } ?? !file.isHeld
            if isOwn { memory.remove(name) }
        }
    }

    /// Removes what runs have left whose processes are gone, all but one's. A run that somebody starts anew when it is lost
    /// is not gone in between: where that is another machine's process, it has two minutes.
    func sweep(but run: String?) {
        guard isSteward else { return }
        let own = Set(run.map { memory.names(run: $0) } ?? [])
        for name in memory.names() where !own.contains(name) {
            guard let file = memory.open(name), !file.isHeld else { continue }
            if let supervisor = KeptState(file)?.supervisor {
                if supervisor.isRunning("supervise") ?? (file.age < Self.supervisorPause) { continue }
            }
            memory.remove(name)
        }
    }

    /// Seconds: `launch/supervise` pauses for at most half as long.
    private static let supervisorPause = 120.0
}

extension MemoryFolder {
    /// What tells this memory from all others; nil where there is none.
    fileprivate var identity: String? {
        guard exists, let place = FileIdentity(folder) else { return nil }
        // Another for each start of each machine.
        let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
        return "\(boot)\(place.fingerprint)"
    }
}

extension FileHandle {
    /// Whether another process, or this one by another opening, has locked the file; the look takes a shared lock for some
    /// microseconds.
    fileprivate var isHeld: Bool {
        guard flock(fileDescriptor, LOCK_SH | LOCK_NB) == 0 else { return errno == EWOULDBLOCK }
        flock(fileDescriptor, LOCK_UN)
        return false
    }

    /// Seconds since the file was last written to.
    fileprivate var age: Double {
        var status = stat()
        guard fstat(fileDescriptor, &status) == 0 else { return 0 }
        return Date().timeIntervalSince1970 - Double(status.st_mtim.tv_sec)
    }
}
