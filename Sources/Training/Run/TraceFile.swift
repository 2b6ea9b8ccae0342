import Communication
import Foundation
import Support

/// The trace: the timelines of all ranks as one file in Chrome's trace format, which https://ui.perfetto.dev and
/// chrome://tracing open: a process a rank, a track a kind of work, and messages as spans that may overlap.
struct TraceFile {
    /// A rank's part.
    struct Part: Codable {
        let rank: Int
        let label: String
        /// What to add to this rank's times to have rank 0's.
        let clockOffset: Double
        let spans: [Timeline.Span]
    }

    let parts: [Part]

    /// Rank 0's clock less this rank's, by messages there and back: half of the shortest way is the error at most.
    /// Called by all ranks.
    static func clockOffset(_ world: any Communicator) throws -> Double {
        let rounds = 8
        var best = (way: Double.infinity, offset: 0.0)
        for rank in 1..<max(world.size, 1) {
            for _ in 0..<rounds {
                if world.rank == 0 {
                    _ = try world.receivePatiently(from: rank, tag: .clock, microseconds: 50)
                    try world.sendData(Messages.encode(Timeline.now), to: rank, tag: .clock)
                } else if world.rank == rank {
                    let sent = Timeline.now
                    try world.sendData(Data(), to: 0, tag: .clock)
                    let answer = try world.receivePatiently(from: 0, tag: .clock, microseconds: 50)
                    let received = Timeline.now
                    let offset = try Messages.decode(Double.self, from: answer) - (sent + received) / 2
                    if received - sent < best.way { best = (received - sent, offset) }
                }
            }
        }
        return best.offset
    }

    /// All ranks' parts, on rank 0; nil on the others. Called by all ranks.
    static func gather(_ own: Part, _ world: any Communicator) throws -> TraceFile? {
        guard world.rank == 0 else {
            try world.sendData(Messages.encode(own), to: 0, tag: .trace)
            return nil
        }
        return TraceFile(
            parts: try [own]
                + (1..<max(world.size, 1)).map {
                    try Messages.decode(Part.self, from: world.receivePatiently(from: $0, tag: .trace))
                })
    }

    /// One event of the format; times are microseconds.
    private struct Event: Encodable {
        struct Arguments: Encodable {
            var name: String?
            var step: Int?
            var bytes: Int?
        }

        let name: String
        /// X: a whole span; b, e: begin and end of one that may overlap others; M: names.
        let ph: String
        let pid: Int
        let tid: Int
        var ts: Double?
        var dur: Double?
        var cat: String?
        var id: Int?
        var args: Arguments?
    }

    /// Writes the file, whole or not at all.
    func write(to path: String) throws {
        let start = parts.flatMap { part in part.spans.map { $0.begin + part.clockOffset } }.min() ?? 0
        func microseconds(_ time: Double, _ part: Part) -> Double {
            ((time + part.clockOffset - start) * 1e7).rounded() / 10
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(path) { file in
            try file.write(contentsOf: Data("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n".utf8))
            var isFirst = true
            var number = 0
            for part in parts {
                var events = [
                    Event(
                        name: "process_name", ph: "M", pid: part.rank, tid: 0, args: .init(name: part.label))
                ]
                var tracks: [String: Int] = [:]
                for span in part.spans {
                    let args = Event.Arguments(step: span.step, bytes: span.bytes)
                    let begin = microseconds(span.begin, part)
                    let end = microseconds(span.end, part)
                    if span.track == Timeline.overlappingTrack {
                        number += 1
                        for (phase, time) in [("b", begin), ("e", end)] {
                            events.append(
                                Event(
                                    name: span.name, ph: phase, pid: part.rank, tid: 0, ts: time, cat: span.track,
                                    id: number, args: phase == "b" ? args : nil))
                        }
                        continue
                    }
                    if tracks[span.track] == nil {
                        tracks[span.track] = tracks.count + 1
                        events.append(
                            Event(
                                name: "thread_name", ph: "M", pid: part.rank, tid: tracks.count,
                                args: .init(name: span.track)))
                    }
                    events.append(
                        Event(
                            name: span.name, ph: "X", pid: part.rank, tid: tracks[span.track] ?? 0, ts: begin,
                            dur: ((end - begin) * 10).rounded() / 10, args: args))
                }
                for event in events {
                    try file.write(contentsOf: Data((isFirst ? "" : ",\n").utf8) + encoder.encode(event))
                    isFirst = false
                }
            }
            try file.write(contentsOf: Data("\n]}\n".utf8))
        }
    }
}
