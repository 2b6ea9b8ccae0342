import Foundation
import Support

/// The safetensors format: eight bytes of header length, a JSON header that names each tensor's type, shape and place,
/// then the bytes (huggingface/safetensors, format version of 2023). 32-bit floats only.
///
/// What torch's wrappers put before every name (`module.`, `_orig_mod.`) is taken off.
public struct SafetensorsFile {
    public struct Tensor: Sendable, Equatable {
        public let name: String
        public let shape: [Int]
        /// Place of the bytes in the file.
        let range: Range<Int>

        public var count: Int { shape.reduce(1, *) }
    }

    public let path: String
    /// Where the file itself is that `path` led to when it was opened: a live run's links soon lead elsewhere.
    let place: String
    /// Sorted by name.
    public let tensors: [Tensor]
    public let metadata: [String: String]
    private let contents: Data

    /// Reads a file, and checks that it is whole. Nothing is taken of memory but for the file's own bytes.
    ///
    /// - Parameter isLeftOut: whether a tensor of this name is passed over, of whatever type it is.
    public init(reading path: String, leavingOut isLeftOut: (String) -> Bool = { _ in false }) throws {
        func bad(_ what: String) -> Failure {
            .request("\(path) is no usable safetensors file: \(what)")
        }
        self.path = path
        let file = try InputFile(path, called: path, missing: "does not exist: name a checkpoint, a .safetensors file")
        place = file.place ?? realPath(path)
        try MachineMemory.require(
            Double(file.size), for: "\(path) of \(grouped(file.size)) bytes", advice: "name a checkpoint that fits")
        // Read and not mapped: what the disk refuses, or somebody cuts off, is then an error and no signal.
        let contents = try file.contents(atMost: .max, as: "a checkpoint")
        self.contents = contents
        func foreign(_ what: String) -> Failure { ForeignFile.refusal(of: path, contents) ?? bad(what) }
        guard contents.count >= 8 else { throw foreign("it has only \(contents.count) bytes") }
        let headerCount = contents.prefix(8).enumerated().reduce(UInt64(0)) {
            $0 | UInt64($1.element) << (8 * $1.offset)
        }
        guard headerCount <= UInt64(contents.count - 8) else { throw foreign("its header is cut off") }
        guard headerCount <= UInt64(SafetensorsHeader.mostBytes) else {
            throw bad("its header has more than \(grouped(SafetensorsHeader.mostBytes)) bytes, the most of the format")
        }
        let start = 8 + Int(headerCount)
        let header: SafetensorsHeader
        do {
            header = try contents.withUnsafeBytes {
                try SafetensorsHeader(UnsafeRawBufferPointer(rebasing: $0[8..<start]))
            }
        } catch let flaw as SafetensorsHeader.Flaw {
            throw foreign(flaw.problem)
        }
        metadata = header.metadata
        var tensors: [Tensor] = []
        var places: [(name: String, range: Range<Int>)] = []
        let entries = header.entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let names = entries.map(\.name)
        let wrapper = Self.wrapper(of: names)
        for entry in entries {
            let name = entry.name.shortened
            let isLeftOut = isLeftOut(entry.name)
            guard entry.type == "F32" || isLeftOut else {
                throw Self.failure(ofType: entry.type, name, among: names, path: path)
            }
            guard entry.end <= contents.count - start else {
                throw bad("it ends before \(name) does: it was cut off, copy it again")
            }
            places.append((name, start + entry.begin..<start + entry.end))
            if isLeftOut { continue }
            guard Self.byteCount(entry.shape) == entry.end - entry.begin else {
                throw bad("\(name) has shape \(entry.shape) but \(entry.end - entry.begin) bytes")
            }
            let isWrapped = !wrapper.isEmpty && entry.name.hasPrefix(wrapper)
            tensors.append(
                Tensor(
                    name: isWrapped ? String(entry.name.dropFirst(wrapper.count)) : entry.name, shape: entry.shape,
                    range: start + entry.begin..<start + entry.end))
        }
        // The format allows no bytes that belong to no tensor or to two.
        var end = start
        for place in places.sorted(by: {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }) {
            guard place.range.lowerBound == end else {
                throw bad("\(place.name) does not begin where the tensor before it ends: write it again")
            }
            end = place.range.upperBound
        }
        guard end == contents.count else { throw bad("\(contents.count - end) bytes at its end are of no tensor") }
        self.tensors = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// What torch's DataParallel, DistributedDataParallel and compile put before every name of a model.
    static let wrappers = ["module.", "_orig_mod."]

    /// What all weights' names have before them from such wrappers, one in the other perhaps.
    private static func wrapper(of names: [String]) -> String {
        let names = names.filter { name in !Checkpoint.statePrefixes.contains(where: name.hasPrefix) }
        var found = ""
        // One in the other in the other is as deep as any program goes.
        while !names.isEmpty, found.count < 64,
            let next = wrappers.first(where: { wrapper in names.allSatisfy { $0.hasPrefix(found + wrapper) } })
        {
            found += next
        }
        return found
    }

    /// The refusal of a tensor that is not of 32-bit floats.
    private static func failure(ofType type: String, _ name: String, among names: [String], path: String) -> Failure {
        // Its counter of batches is an integer: what it belongs to is the better reason.
        if let failure = batchNormalization(in: names, path: path) { return failure }
        let start = "\(path) is no usable safetensors file: \(name) is \(type), and only F32 is read: "
        guard type.contains("F") && !type.hasPrefix("F8") else {
            return .request(
                start + "where it is a counter or an index, leave it out of the file; quantised weights are not read")
        }
        return .request(
            start + "convert it in Python, `from safetensors.torch import load_file, save_file; "
                + "save_file({k: v.float() for k, v in load_file(\"in.safetensors\").items()}, \"out.safetensors\")`")
    }

    /// Bytes of a tensor of this shape; nil where no file holds so many.
    private static func byteCount(_ shape: [Int]) -> Int? {
        var count = 4
        for side in shape {
            let (product, isTooLarge) = count.multipliedReportingOverflow(by: side)
            guard !isTooLarge else { return nil }
            count = product
        }
        return count
    }

    public func tensor(_ name: String) -> Tensor? {
        // Sorted by name, and there may be many.
        var (low, high) = (0, tensors.count)
        while low < high {
            let middle = (low + high) / 2
            if tensors[middle].name.utf8.lexicographicallyPrecedes(name.utf8) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < tensors.count && tensors[low].name == name ? tensors[low] : nil
    }

    /// A tensor's values, in the file's order.
    public func values(_ tensor: Tensor) -> [Float] {
        [Float](unsafeUninitializedCapacity: tensor.count) { buffer, count in
            _ = contents[tensor.range].copyBytes(to: buffer)
            count = tensor.count
        }
    }

    /// A tensor's bytes, in the file's order.
    public func bytes(_ tensor: Tensor) -> Data { contents[tensor.range] }

    /// A tensor to write: `fill` gives its values in the file's order.
    public struct Source {
        public let name: String
        public let shape: [Int]
        public let fill: (UnsafeMutablePointer<Float>) -> Void

        public init(name: String, shape: [Int], fill: @escaping (UnsafeMutablePointer<Float>) -> Void) {
            self.name = name
            self.shape = shape
            self.fill = fill
        }

        var count: Int { shape.reduce(1, *) }
    }

    /// Writes a file, whole or not at all; `temporary` as in `AtomicFile.write`.
    public static func write(
        _ sources: [Source], metadata: [String: String], to path: String, by temporary: String? = nil
    ) throws {
        var header: [String: Any] = ["__metadata__": metadata]
        var offset = 0
        for source in sources {
            header[source.name] = [
                "dtype": "F32", "shape": source.shape, "data_offsets": [offset, offset + source.count * 4],
            ]
            offset += source.count * 4
        }
        var json = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys, .withoutEscapingSlashes])
        // Spaces bring the tensors to a multiple of eight bytes, as the format asks.
        json.append(Data(repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8))
        let count = UInt64(json.count)
        try AtomicFile.write(path, by: temporary) { file in
            try file.write(contentsOf: Data((0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }))
            try file.write(contentsOf: json)
            for source in sources {
                guard source.count > 0 else { continue }
                try withUnsafeTemporaryAllocation(of: Float.self, capacity: source.count) { values in
                    guard let base = values.baseAddress else { return }
                    source.fill(base)
                    try file.write(
                        contentsOf: Data(bytesNoCopy: base, count: source.count * 4, deallocator: .none))
                }
            }
        }
    }
}
