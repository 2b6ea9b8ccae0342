import Foundation

/// What a launcher left in the environment, known before MPI is started.
public enum LaunchEnvironment {
    /// This process's rank and the number of ranks; nil where no `mpirun` started it.
    public static var place: (rank: Int, size: Int)? {
        let environment = ProcessInfo.processInfo.environment
        // Open MPI's own launcher; PMIx (srun --mpi=pmix) names the rank, and Slurm the number of tasks.
        for (rankKey, sizeKey) in [("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMIX_RANK", "SLURM_NTASKS")] {
            if let rank = environment[rankKey].flatMap(Int.init), let size = environment[sizeKey].flatMap(Int.init) {
                return (rank, size)
            }
        }
        return nil
    }

    /// Ranks of this job on this machine.
    public static var localRanks: Int {
        let environment = ProcessInfo.processInfo.environment
        return environment["OMPI_COMM_WORLD_LOCAL_SIZE"].flatMap(Int.init)
            ?? environment["SLURM_NTASKS_PER_NODE"].flatMap(Int.init) ?? 1
    }
}
