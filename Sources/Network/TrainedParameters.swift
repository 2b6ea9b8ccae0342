/// Which parts of a flat buffer are trained, and which are frozen: those keep their bits.
public struct TrainedParameters: Sendable, Hashable {
    /// In the order of the buffer; neighbours are one range.
    public let trained: [Range<Int>]
    public let frozen: [Range<Int>]

    /// - Parameter prefixes: what is frozen, by the beginning of its name up to a dot: `encoder.0` is all of that level,
    ///   `decoder.1.up` one layer. Each is one of `prefixes(of:)`.
    public init(_ layout: ParameterLayout, freezing prefixes: [String] = []) {
        var (trained, frozen): ([Range<Int>], [Range<Int>]) = ([], [])
        func add(_ range: Range<Int>, to ranges: inout [Range<Int>]) {
            if let last = ranges.last, last.upperBound == range.lowerBound {
                ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                ranges.append(range)
            }
        }
        for entry in layout.entries {
            let range = entry.offset..<entry.offset + entry.count
            let isFrozen = prefixes.contains { entry.name == $0 || entry.name.hasPrefix($0 + ".") }
            if isFrozen { add(range, to: &frozen) } else { add(range, to: &trained) }
        }
        self.trained = trained
        self.frozen = frozen
    }

    /// All that a network's tensors can be called by: `encoder`, `encoder.0`, `encoder.0.conv1`, ….
    public static func prefixes(of layout: ParameterLayout) -> Set<String> {
        Set(
            layout.entries.flatMap { entry in
                let parts = entry.name.split(separator: ".")
                return (1...parts.count).map { parts.prefix($0).joined(separator: ".") }
            })
    }

    /// The offset of the first trained value: the backward pass ends there.
    var first: Int { trained.first?.lowerBound ?? .max }

    /// Sets the frozen values of a gradient in `range` to 0, so that they count in no norm and in no sum.
    func clearFrozen(_ gradient: UnsafeMutablePointer<Float>, in range: Range<Int>) {
        for part in frozen {
            let own = part.clamped(to: range)
            (gradient + own.lowerBound).update(repeating: 0, count: own.count)
        }
    }
}
