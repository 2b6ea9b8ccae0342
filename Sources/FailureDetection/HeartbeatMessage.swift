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
            body.add(host)
        case .welcome(let token): body.add(token)
        case .status(let status): body.add(status)
        case .beat(let status, let successor, let advice):
            body.add(status)
            body.add(UInt64(successor))
            body.add(advice)
        case .failing(let reason): body.add(reason)
        case .goodbye, .end: break
        }
        let count = body.bytes.count
        return [kind, UInt8(truncatingIfNeeded: count), UInt8(truncatingIfNeeded: count >> 8)] + body.bytes
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
            guard let status = reader.status() else { return nil }
            self = .status(status)
        case 4:
            guard let status = reader.status(), let successor = reader.rank() else { return nil }
            self = .beat(status, successor: successor, advice: reader.rest())
        case 5: self = .failing(reader.rest())
        case 6: self = .goodbye
        case 7: self = .end
        default: return nil
        }
    }
}

/// Cuts what comes from a connection into messages.
package struct HeartbeatMessageBuffer {
    private var bytes: [UInt8] = []
    /// Whether something came that is no message: the other end is not one of ours.
    package private(set) var isBroken = false

    package init() {}

    package mutating func append(_ new: UnsafeRawBufferPointer) { bytes.append(contentsOf: new) }

    /// The next message that is here in full.
    package mutating func next() -> HeartbeatMessage? {
        guard !isBroken, bytes.count >= 3 else { return nil }
        let end = 3 + Int(bytes[1]) + Int(bytes[2]) << 8
        guard bytes.count >= end else { return nil }
        guard let message = HeartbeatMessage(kind: bytes[0], body: bytes[3..<end]) else {
            isBroken = true
            return nil
        }
        bytes.removeFirst(end)
        return message
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

    /// Goes last. A frame holds less than 64 KiB, and words that are longer help nobody.
    mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8.prefix(4096)) }
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

    func rest() -> String { String(decoding: bytes, as: UTF8.self) }
}
