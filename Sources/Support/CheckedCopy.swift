import Glibc

/// Copies of memory with a hash of what was copied, in one pass over it.
///
/// The hash finds what memory, a torn write or another version of the bytes has changed; it is no defence against
/// somebody who means harm. Every change of one word changes it, others do but for one in 2^64.
package enum CheckedCopy {
    /// Bytes that are hashed for themselves: small enough to be copied out of the caches.
    package static let blockBytes = 256 << 10

    /// How many blocks so many bytes make.
    package static func blocks(of bytes: Int) -> Int { (bytes + blockBytes - 1) / blockBytes }

    /// The hash of a block, which is copied to `target`, where that is given.
    ///
    /// - Parameters:
    ///   - block: its number, so that blocks that have changed places are found.
    ///   - bytes: all the bytes of which it is one.
    package static func block(
        _ block: Int, of bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer? = nil
    ) -> UInt64 {
        guard let base = bytes.baseAddress else { return hash(UnsafeRawBufferPointer(start: nil, count: 0), seed: 0) }
        let offset = block * blockBytes
        let count = min(blockBytes, bytes.count - offset)
        let part = UnsafeRawBufferPointer(start: base + offset, count: count)
        let value = hash(part, seed: UInt64(block))
        if let target { memcpy(target + offset, base + offset, count) }
        return value
    }

    /// Eight chains, which a processor computes side by side.
    package static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        var (a, b, c, d) = (seed, seed &+ 1, seed &+ 2, seed &+ 3)
        var (e, f, g, h) = (seed &+ 4, seed &+ 5, seed &+ 6, seed &+ 7)
        var rest = bytes.count
        if var place = bytes.baseAddress {
            while rest >= 64 {
                let words = place.loadUnaligned(as: SIMD8<UInt64>.self)
                (a, b, c, d) = (mixed(a, words[0]), mixed(b, words[1]), mixed(c, words[2]), mixed(d, words[3]))
                (e, f, g, h) = (mixed(e, words[4]), mixed(f, words[5]), mixed(g, words[6]), mixed(h, words[7]))
                place += 64
                rest &-= 64
            }
            while rest > 0 {
                a = mixed(a, UInt64(place.load(as: UInt8.self)))
                place += 1
                rest &-= 1
            }
        }
        var value = mixed(seed, UInt64(bytes.count))
        for chain in [a, b, c, d, e, f, g, h] { value = mixed(value, chain) }
        return value
    }

    /// A step of a chain: reversible in both, and bits of any place reach all others in a few steps.
    @inline(__always)
    private static func mixed(_ chain: UInt64, _ word: UInt64) -> UInt64 {
        let product = (chain ^ word) &* 0x9E37_79B1_85EB_CA87
        return product << 29 | product >> 35
    }
}
