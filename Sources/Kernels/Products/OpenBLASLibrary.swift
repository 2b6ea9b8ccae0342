internal import COpenBLAS

/// The OpenBLAS that is linked: its threads, version and CPU.
public enum OpenBLASLibrary {
    /// Threads that OpenBLAS itself uses in one product: 1, unless it is built in a way that ignores what it is told.
    public static var threads: Int {
        openblas_set_num_threads(1)
        return Int(openblas_get_num_threads())
    }

    /// Version, and the CPU that it is running for.
    public static var description: String {
        let version = String(cString: openblas_get_config()).split(separator: " ").prefix(2).joined(separator: " ")
        return "\(version), \(String(cString: openblas_get_corename()))"
    }
}
