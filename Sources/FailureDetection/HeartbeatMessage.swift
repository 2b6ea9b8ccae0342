/// What the ranks' failure detectors send each other: frames of a kind (1 byte), a length (2 bytes) and as many bytes,
/// numbers little-endian.
package enum HeartbeatMessage: Equatable {
    /// A rank connects; `token` shows that it belongs to the job.
    case hello(token: UInt64, rank: Int, host: String)
    /// Rank 0's answer.
    case welcome(token: UInt64)
    /// What a rank does.
    case status(RankStatus)
    /// The heartbeat: what rank 0 does, which rank reports should it be lost, and what the user can do then.
    case beat(RankStatus, successor: Int, advice: String)
    /// A rank cannot go on.
    case failing(String)
    /// A rank has done all its work.
    case goodbye
    /// End: what is wrong was said already.
    case end

    private var kind: UInt8 {
        switch self {
        case .hello: 1
        case .welcome: 2
        case .status: 3
        case .beat: 4
        case .failing: 5
        case .goodbye: 6
        case .end: 7
        }
    }

    /// The frame.
    package var bytes: [UInt8] {
        var body = FrameWriter()
        switch self {
        case .hello(let token, let rank, let host):
            body.add(token)
            body.add(UInt64(rank))
            body.add(host, most: FrameWriter.mostOfName)
        case .welcome(let token): body.add(token)
        case .status(let status):
            body.add(status)
            body.add(status.item, most: FrameWriter.mostOfName)
        case .beat(let status, let successor, let advice):
            body.add(status)
            body.add(UInt64(successor))
            body.add(status.item, most: FrameWriter.mostOfName)
            body.bytes.append(0)
            body.add(advice)
        case .failing(let reason): body.add(reason)
        case .goodbye, .end: break
        }
        let count = body.bytes.count
        return [kind, UInt8(truncatingIfNeeded: count), UInt8(truncatingIfNeeded: count >> 8)] + body.bytes
    }

    /// Bytes of a frame of this kind at most, its head left out; nil where there is no such kind. What is longer is not
    /// waited for.
    fileprivate static func mostBytes(ofKind kind: UInt8) -> Int? {
        switch kind {
        case 1: 16 + FrameWriter.mostOfName
        case 2: 8
        case 3: 17 + FrameWriter.mostOfName
        case 4: 25 + FrameWriter.mostOfName + 1 + FrameWriter.mostOfWords
        case 5: FrameWriter.mostOfWords
        case 6, 7: 0
        default: nil
        }
    }

    /// nil for what is no frame of this kind.
    fileprivate init?(kind: UInt8, body: ArraySlice<UInt8>) {
        var reader = FrameReader(bytes: body)
        switch kind {
        case 1:
            guard let token = reader.number(), let rank = reader.rank() else { return nil }
            self = .hello(token: token, rank: rank, host: reader.rest())
        case 2:
            guard let token = reader.number() else { return nil }
            self = .welcome(token: token)
        case 3:
            guard var status = reader.status() else { return nil }
            status.item = reader.rest()
            self = .status(status)
        case 4:
            guard var status = reader.status(), let successor = reader.rank(), let item = reader.textToZero()
            else { return nil }
            status.item = item
            self = .beat(status, successor: successor, advice: reader.rest())
        case 5: self = .failing(reader.rest())
        case 6: self = .goodbye
        case 7: self = .end
        default: return nil
        }
    }
}

/// Cuts what comes from a connection into messages. It never holds more than what was appended last and one frame.
package struct HeartbeatMessageBuffer {
    private var bytes: [UInt8] = []
    /// Whether something came that is no message: the other end is not one of ours.
    package private(set) var isBroken = false

    package init() {}

    package mutating func append(_ new: UnsafeRawBufferPointer) {
        if !isBroken { bytes.append(contentsOf: new) }
    }

    /// The next message that is here in full.
    package mutating func next() -> HeartbeatMessage? {
        guard !isBroken, let kind = bytes.first else { return nil }
        guard let most = HeartbeatMessage.mostBytes(ofKind: kind) else { return end() }
        guard bytes.count >= 3 else { return nil }
        let count = Int(bytes[1]) + Int(bytes[2]) << 8
        guard count <= most else { return end() }
        let end = 3 + count
        guard bytes.count >= end else { return nil }
        guard let message = HeartbeatMessage(kind: kind, body: bytes[3..<end]) else { return self.end() }
        bytes.removeFirst(end)
        return message
    }

    private mutating func end() -> HeartbeatMessage? {
        isBroken = true
        bytes = []
        return nil
    }
}

private struct FrameWriter {
    var bytes: [UInt8] = []

    mutating func add(_ number: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift))) }
    }

    mutating func add(_ status: RankStatus) {
        add(UInt64(bitPattern: Int64(status.step)))
        add(status.entries)
        bytes.append(status.phase.rawValue)
    }

    /// Bytes of a name, a host's or a file's, and of words for the user at most: longer ones help nobody.
    static let mostOfName = 512
    static let mostOfWords = 4096

    /// Goes last, or before a zero, which no text has: a name or words from outside may have one all the same.
    mutating func add(_ text: String, most: Int = mostOfWords) {
        bytes.append(contentsOf: text.utf8.lazy.filter { $0 != 0 }.prefix(most))
    }
}

private struct FrameReader {
    var bytes: ArraySlice<UInt8>

    mutating func number() -> UInt64? {
        guard bytes.count >= 8 else { return nil }
        defer { bytes.removeFirst(8) }
        return bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func rank() -> Int? { number().flatMap { $0 < 1 << 31 ? Int($0) : nil } }

    mutating func status() -> RankStatus? {
        guard let step = number(), let entries = number(), let phase = bytes.popFirst().flatMap(Phase.init(rawValue:))
        else { return nil }
        return RankStatus(step: Int(Int64(bitPattern: step)), phase: phase, entries: entries)
    }

    mutating func textToZero() -> String? {
        guard let end = bytes.firstIndex(of: 0) else { return nil }
        defer { bytes = bytes[(end + 1)...] }
        return String(decoding: bytes[..<end], as: UTF8.self)
    }

    func rest() -> String { String(decoding: bytes, as: UTF8.self) }
}
