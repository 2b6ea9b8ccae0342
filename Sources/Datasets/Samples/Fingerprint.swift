import Foundation
import Kernels

extension Tensor {
    /// Whether all values are the same.
    var isConstant: Bool { values.prefix(count).allSatisfy { $0 == base[0] } }

    /// A number that tensors of other values hardly share: a multiplicative hash of their bits and shape, fast rather than
    /// safe from people who want two to be alike.
    var fingerprint: UInt64 {
        // Four chains, since each multiplication waits for the one before.
        var lanes = SIMD4<UInt64>(UInt64(height), UInt64(width), UInt64(channels), 1)
        let base = base
        let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
        var i = 0
        while i &+ 4 <= count {
            let bits = SIMD4<UInt64>(
                UInt64(base[i].bitPattern), UInt64(base[i &+ 1].bitPattern), UInt64(base[i &+ 2].bitPattern),
                UInt64(base[i &+ 3].bitPattern))
            lanes = (lanes ^ bits) &* factor
            lanes ^= lanes &>> 29
            i &+= 4
        }
        while i < count {
            lanes[0] = (lanes[0] ^ UInt64(base[i].bitPattern)) &* factor
            lanes[0] ^= lanes[0] &>> 29
            i &+= 1
        }
        return (0..<4).reduce(factor) { ($0 ^ lanes[$1]) &* factor ^ (lanes[$1] &>> 31) }
    }
}

/// What tells a file from all others of the machine, whatever path leads to it: by links too.
struct FileIdentity: Hashable {
    private let device: UInt64
    private let number: UInt64

    /// nil where there is no such file.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (device, number) = (UInt64(status.st_dev), UInt64(status.st_ino))
    }

    /// Whether two paths lead to one file or folder.
    static func areSame(_ a: String, _ b: String) -> Bool {
        guard let first = FileIdentity(a), let second = FileIdentity(b) else { return false }
        return first == second
    }

    var fingerprint: UInt64 { (device &* 0x9E37_79B9_7F4A_7C15 ^ number) &* 0xBF58_476D_1CE4_E5B9 }
}

extension ImagePage {
    /// A number that other images hardly share, whatever path leads to their file.
    var fileFingerprint: UInt64 {
        (FileIdentity(path)?.fingerprint ?? UInt64(bitPattern: Int64(path.hashValue))) &+ UInt64(page ?? 0)
    }
}
