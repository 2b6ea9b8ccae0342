import Glibc

/// Owns memory for `count` values, at first zeros, and frees it with itself: `base` is valid as long as the buffer lives.
///
/// The memory is aligned to a cache line and followed by one, so that the last values can be read as a whole vector. Large
/// buffers ask for huge pages, since a Winograd tile touches dozens of rows at once, more than the first-level TLB has
/// entries for.
package struct AlignedBuffer<Element: BitwiseCopyable>: ~Copyable {
    package let base: UnsafeMutablePointer<Element>
    package let count: Int

    /// - Parameter count: values of a type for which all bits 0 mean zero.
    package init(_ count: Int) {
        base = Self.allocate(count)
        self.count = count
    }

    deinit { base.deallocate() }

    private static func allocate(_ count: Int) -> UnsafeMutablePointer<Element> {
        let (hugePage, cacheLine) = (2 << 20, 64)
        let bytes = count * MemoryLayout<Element>.stride + cacheLine
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: bytes, alignment: bytes < hugePage ? cacheLine : hugePage)
        if bytes >= hugePage { madvise(raw, bytes, MADV_HUGEPAGE) }
        raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        return raw.bindMemory(to: Element.self, capacity: count)
    }
}
