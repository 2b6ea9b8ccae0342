import Foundation

/// What a launcher, a launch script or a test left in the environment.
package enum JobEnvironment {
    private static var variables: [String: String] { ProcessInfo.processInfo.environment }

    private static func number(_ name: String) -> Int? { variables[name].flatMap(Int.init) }

    /// This process's rank and the number of ranks, known before MPI is started; nil where no `mpirun` started it.
    package static var place: (rank: Int, size: Int)? {
        // Open MPI's own launcher; PMIx (srun --mpi=pmix) names the rank, and Slurm the number of tasks.
        for (rankKey, sizeKey) in [("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMIX_RANK", "SLURM_NTASKS")] {
            if let rank = number(rankKey), let size = number(sizeKey) { return (rank, size) }
        }
        return nil
    }

    /// Ranks of this job on this machine.
    package static var localRanks: Int {
        number("OMPI_COMM_WORLD_LOCAL_SIZE") ?? number("SLURM_NTASKS_PER_NODE") ?? 1
    }

    /// The network interfaces that Open MPI was told to use between hosts, or to leave alone, as it takes them:
    /// "eth0,10.0.0.0/16".
    package static var includedInterfaces: String? {
        variables["OMPI_MCA_btl_tcp_if_include"] ?? variables["OMPI_MCA_oob_tcp_if_include"]
    }
    package static var excludedInterfaces: String? {
        variables["OMPI_MCA_btl_tcp_if_exclude"] ?? variables["OMPI_MCA_oob_tcp_if_exclude"]
    }

    /// Columns of the terminal behind the pipe that `mpirun` puts there, as the launch script tells them.
    package static var terminalColumns: Int? { number("LOCKSTEP_TERMINAL") }

    /// Who starts the job anew when it is lost: `launch/supervise` says its machine and number, "node1:4711".
    package static var supervisor: ProcessPlace? { variables["LOCKSTEP_SUPERVISOR"].flatMap { ProcessPlace($0) } }

    /// The variable by which a test asks for a fault.
    package static let faultVariable = "LOCKSTEP_FAULT"

    /// Seconds that a rank waits for the others to start; 0 = as long as it takes.
    package static var startTimeout: Double { variables["LOCKSTEP_START_TIMEOUT"].flatMap(Double.init) ?? 300 }

    /// The fault that a test asks for.
    package static var injectedFault: String? { variables[faultVariable] }

    /// The environment of an `mpirun` that this process starts: it may run as root, as this process may.
    package static var ofLaunchedJob: [String: String] {
        variables.merging(["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"]) { $1 }
    }

    /// How commands reach another host, as for Open MPI: words, then the host and the command; as `launch/hosts.sh` has
    /// it.
    package static var remoteShell: String {
        variables["LOCKSTEP_RSH"]
            ?? "ssh -o BatchMode=yes -o ConnectTimeout=5 -o ServerAliveInterval=10 -o ServerAliveCountMax=2"
    }

    /// The environment of an `mpirun` whose ranks are on other hosts, too: one that vanishes says nothing, and mpirun asks
    /// after 10 s of silence, and gives up 15 s later.
    package static var ofJobOnHosts: [String: String] {
        let patience = [
            "OMPI_MCA_oob_tcp_keepalive_time": "10", "OMPI_MCA_oob_tcp_keepalive_intvl": "5",
            "OMPI_MCA_oob_tcp_keepalive_probes": "3",
        ]
        return patience.merging(ofLaunchedJob) { $1 }
    }

    /// The variables that `mpirun` has to be told to hand on to other hosts; its own it knows.
    package static var handedOn: [String] {
        variables.keys.filter { name in
            name != "LOCKSTEP_TERMINAL"
                && (["PATH", "LD_LIBRARY_PATH"].contains(name)
                    || ["LOCKSTEP_", "OPENBLAS_"].contains { name.hasPrefix($0) })
        }.sorted()
    }

    /// The path of a program: looked for in PATH where it is a name without a folder; nil where it is not there.
    package static func executable(_ program: String) -> String? {
        if program.contains("/") { return program }
        return (variables["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").lazy
            .map { "\($0)/\(program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
