import Foundation
import Images
import Support

extension RasterImage {
    /// A number that images of other samples hardly share, and never two that differ in a single one: a multiplicative hash
    /// of their bits and sizes, fast rather than safe from people who want two to be alike.
    var contentHash: UInt64 {
        switch content {
        case .integers(let samples): samples.withUnsafeBytes(hash)
        case .floats(let samples): samples.withUnsafeBytes(hash)
        }
    }

    /// `contentHash`; nil where all samples are the same.
    package var fingerprint: UInt64? { isEven ? nil : contentHash }

    /// Whether all samples are the same.
    var isEven: Bool {
        switch content {
        case .integers(let samples): samples.allSatisfy { $0 == samples[0] }
        case .floats(let samples): samples.allSatisfy { $0 == samples[0] }
        }
    }

    private func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        // Four chains, since each multiplication waits for the one before.
        var lanes = SIMD4<UInt64>(UInt64(height), UInt64(width), UInt64(channels), 1)
        let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
        let whole = bytes.count & ~31
        var i = 0
        while i < whole {
            lanes = (lanes ^ bytes.loadUnaligned(fromByteOffset: i, as: SIMD4<UInt64>.self)) &* factor
            lanes ^= lanes &>> 29
            i &+= 32
        }
        for i in whole..<bytes.count {
            lanes[i & 3] = (lanes[i & 3] ^ UInt64(bytes[i])) &* factor
            lanes[i & 3] ^= lanes[i & 3] &>> 29
        }
        // Every step can be undone, so that one sample that differs is never lost.
        return (0..<4).reduce(factor) { hash, lane in
            let product = (hash ^ lanes[lane]) &* factor
            return product ^ product &>> 31
        }
    }
}

extension ImagePage {
    /// A number that other images hardly share, whatever path leads to their file.
    var fileFingerprint: UInt64 {
        (FileIdentity(path)?.fingerprint ?? UInt64(bitPattern: Int64(path.hashValue))) &+ UInt64(page ?? 0)
    }
}
