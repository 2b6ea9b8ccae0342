/// The values of a label file with one sample a pixel.
package struct LabelHistogram {
    /// Those that occur, in their order, and how often.
    package let counts: [(value: UInt16, pixels: Int)]

    /// - Parameter maximum: full scale of the samples.
    package init(_ samples: [UInt16], maximum: UInt64) {
        // Neighbours are mostly alike, and one counter must not wait for itself: where there are few, each quarter of the
        // pixels has its own.
        let size = Int(min(maximum, 65535)) + 1
        let tables = size <= 256 ? 4 : 1
        var counters = [UInt32](repeating: 0, count: tables * size)
        samples.withUnsafeBufferPointer { samples in
            counters.withUnsafeMutableBufferPointer { counters in
                let quarter = tables == 4 ? samples.count / 4 : 0
                for i in 0..<quarter {
                    for table in 0..<4 { counters[table &* size &+ Int(samples[table &* quarter &+ i])] &+= 1 }
                }
                for i in 4 * quarter..<samples.count { counters[Int(samples[i])] &+= 1 }
            }
        }
        counts = (0..<size).compactMap { value in
            let pixels = (0..<tables).reduce(0) { $0 + Int(counters[$1 * size + value]) }
            return pixels > 0 ? (UInt16(value), pixels) : nil
        }
    }

    /// Those that are neither 0 nor `ignored`.
    func numbers(ignored: Int?) -> [UInt16] { counts.map(\.value).filter { $0 != 0 && Int($0) != ignored } }

    /// Whether all values lie near 0 or near the full scale, as compression with little loss leaves those of a mask of two
    /// values: 254 beside 255, and 1 beside 0.
    func isNearlyTwoValues(maximum: Int) -> Bool {
        let near = maximum / 16
        let inner = counts.map { Int($0.value) }.filter { $0 != 0 && $0 != maximum }
        return near > 0 && inner.contains { $0 >= maximum - near }
            && inner.allSatisfy { $0 <= near || $0 >= maximum - near }
    }
}
