internal import COpenBLAS

/// The layers through OpenBLAS's products: a band of pixels is laid out as a matrix of 3×3 patches and multiplied by
/// the weights.
///
/// Its bits depend on OpenBLAS's version and on the kind of CPU.
public struct OpenBLASEngine: Engine {
    public let team: ThreadTeam

    public init(threads: Int) {
        // The team's threads call OpenBLAS side by side; it must not add threads of its own to each.
        openblas_set_num_threads(1)
        team = ThreadTeam(threads: threads)
    }

    /// Threads that OpenBLAS itself uses in one product: 1, unless it is built in a way that ignores what it is told.
    public static var libraryThreads: Int { Int(openblas_get_num_threads()) }

    /// OpenBLAS's version and the CPU it is running for, in its own words.
    public static var libraryDescription: String {
        let version = String(cString: openblas_get_config()).split(separator: " ").prefix(2).joined(separator: " ")
        return "\(version), \(String(cString: openblas_get_corename()))"
    }
}
