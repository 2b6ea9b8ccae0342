import Glibc

/// What tells a file from all others of the machine, whatever path leads to it: by links too.
package struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let number: UInt64

    /// nil where there is no such file.
    package init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (device, number) = (UInt64(status.st_dev), UInt64(status.st_ino))
    }

    /// Whether two paths lead to one file or folder.
    package static func areSame(_ a: String, _ b: String) -> Bool {
        guard let first = FileIdentity(a), let second = FileIdentity(b) else { return false }
        return first == second
    }

    package var fingerprint: UInt64 { (device &* 0x9E37_79B9_7F4A_7C15 ^ number) &* 0xBF58_476D_1CE4_E5B9 }
}
