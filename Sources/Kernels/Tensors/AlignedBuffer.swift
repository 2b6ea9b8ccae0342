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

    deinit {
        if bytes < Self.hugePage { base.deallocate() } else { munmap(base, bytes) }
    }

    private static var hugePage: Int { 2 << 20 }
    private var bytes: Int { Self.bytes(count) }

    /// With the cache line behind it, in whole pages.
    private static func bytes(_ count: Int) -> Int {
        let (page, cacheLine) = (4096, 64)
        return (count * MemoryLayout<Element>.stride + cacheLine + page - 1) / page * page
    }

    private static func allocate(_ count: Int) -> UnsafeMutablePointer<Element> {
        let bytes = bytes(count)
        if bytes >= hugePage { return map(bytes).bindMemory(to: Element.self, capacity: count) }
        let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        return raw.bindMemory(to: Element.self, capacity: count)
    }

    /// Zeros that nobody has touched: the memory is taken where the thread runs that works on it first.
    private static func map(_ bytes: Int) -> UnsafeMutableRawPointer {
        guard
            let raw = mmap(nil, bytes + hugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            raw != MAP_FAILED
        else { endWithoutMemory(bytes) }
        // What is before and behind whole huge pages goes back.
        let start = raw + (hugePage - Int(bitPattern: raw) % hugePage) % hugePage
        if start > raw { munmap(raw, start - raw) }
        let end = start + bytes
        let rest = raw + (bytes + hugePage) - end
        if rest > 0 { munmap(end, rest) }
        madvise(start, bytes, MADV_HUGEPAGE)
        return start
    }

    /// Ends the process with one line: commands reckon before they begin, and others may have taken the memory since.
    private static func endWithoutMemory(_ bytes: Int) -> Never {
        let line =
            "error: the system gives no \(bytes >> 20) MiB more of memory: look at ulimit -v and at what else runs, or "
            + "lower model.base_channels or data.tile\n"
        _ = line.withCString { write(2, $0, strlen($0)) }
        _exit(1)
    }
}
