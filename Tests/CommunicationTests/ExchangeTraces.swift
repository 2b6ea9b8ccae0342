import Communication
import Foundation
import Kernels
import TestSupport
import Testing

/// The messages of an exchange on more hosts than are at hand, for SimGrid to replay (`Tests/Simulation/simulate`): the
/// exchange's own code runs, host after host, with the workers of one as threads and a communicator that writes down what
/// goes to others.
///
/// A trace is time-independent: what one worker does for one bucket, in order. SimGrid gives each a process of its own,
/// since buckets do not wait for each other here.
@Suite struct ExchangeTraces {
    /// What is traced, as JSON in `LOCKSTEP_TRACES`.
    private struct Request: Decodable {
        /// Where traces go, `WORKER-BUCKET` each, and `plan.json`.
        let folder: String
        let hosts: Int
        let workersPerHost: Int
        let hostSums: Bool
        let route: String
        let parameters: Int
        let bucketMebibytes: Int
        /// Seconds from a step's beginning until each bucket is complete, of all computing before the update, and of that.
        let completion: [Double]
        let seconds: Double
        let update: Double
        /// Of each host, and seconds from one to another.
        let bytesPerSecond: [Double]
        let latency: Double

        var workers: Int { hosts * workersPerHost }
    }

    /// What the model behind `lockstep plan` says of one link's speed.
    private struct Plan: Encodable {
        let bytesPerSecond: Double
        let seconds: Double
        let waiting: Double
    }

    private static let request = ProcessInfo.processInfo.environment["LOCKSTEP_TRACES"]

    @Test("write traces of LOCKSTEP_TRACES", .enabled(if: request != nil)) func write() throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let request = try decoder.decode(Request.self, from: Data(#require(Self.request).utf8))
        let route = try #require(GradientRoute(rawValue: request.route))
        let buckets = GradientBuckets(
            gradient: request.parameters, tail: 0, floats: request.bucketMebibytes << 18)
        try #require(buckets.count == request.completion.count)
        try plan(request, buckets, route)
        for host in 0..<request.hosts {
            let first = host * request.workersPerHost
            let traces = try ThreadCommunicator.run(size: request.workersPerHost) { communicator -> [[String]] in
                let recorder = Recorder(
                    communicator, first: first, workers: request.workers, hostSums: request.hostSums,
                    delays: request.completion)
                let allReduce = try GradientAllReduce(
                    slots: request.workers, communicator: recorder, buckets: buckets, hostSums: request.hostSums,
                    route: route, team: .solo)
                _ = try allReduce.sum { batch in
                    for slot in batch.slots {
                        try batch.gradient(ofSlot: slot).update(repeating: 0, count: buckets.gradient)
                        batch.add(slot: slot)
                    }
                }
                return recorder.traces
            }
            for (member, ofBuckets) in traces.enumerated() {
                for (bucket, lines) in ofBuckets.enumerated() {
                    let text = lines.map { $0 + "\n" }.joined()
                    try Data(text.utf8).write(to: URL(filePath: "\(request.folder)/\(first + member)-\(bucket)"))
                }
            }
        }
    }

    /// What the model says of the same exchange.
    private func plan(_ request: Request, _ buckets: GradientBuckets, _ route: GradientRoute) throws {
        let plans = request.bytesPerSecond.map { speed in
            let model = AllReduceModel(
                worker: .init(
                    slot: request.seconds, completion: request.completion, update: request.update,
                    addition: 0, norm: 0),
                link: .init(bytesPerSecond: speed, latency: request.latency), buckets: buckets,
                hostSums: request.hostSums, route: route)
            let step = model.step(slots: request.workers, workers: request.workers, perHost: request.workersPerHost)
            return Plan(bytesPerSecond: speed, seconds: step.seconds, waiting: step.waiting)
        }
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        try encoder.encode(plans).write(to: URL(filePath: "\(request.folder)/plan.json"))
    }
}

/// One worker of many, of whom only those of its host are there: it writes down what would travel to the others, and takes
/// what would come from them for received.
private final class Recorder: Communicator {
    private let host: ThreadCommunicator
    private let first: Int
    private let hostSums: Bool
    let size: Int
    /// Of each bucket's exchange, in order.
    private var lines: [[String]]
    /// Buckets that have waited for their messages so far.
    private var haveWaited: [Bool]
    /// Broadcasts so far.
    private var calls = 0

    init(_ host: ThreadCommunicator, first: Int, workers: Int, hostSums: Bool, delays: [Double]) {
        self.host = host
        self.first = first
        self.hostSums = hostSums
        size = workers
        haveWaited = delays.map { _ in false }
        lines = []
        lines = delays.indices.map { ["\(process($0)) init", "\(process($0)) sleep \(delays[$0])"] }
    }

    var rank: Int { first + host.rank }
    var name: String { "worker \(rank)" }
    var libraryDescription: String { host.libraryDescription }

    var traces: [[String]] {
        lines.enumerated().map { $1 + ["\(process($0)) waitall", "\(process($0)) finalize"] }
    }

    /// The number of the process that stands for a bucket of this worker, or of another.
    private func process(_ bucket: Int, of worker: Int? = nil) -> Int { (worker ?? rank) * haveWaited.count + bucket }

    private func write(_ action: String, _ peer: Int, _ tag: MessageTag, bytes: Int) -> any PendingTransfer {
        let (bucket, kind) = (Int(tag.rawValue) - 100).quotientAndRemainder(dividingBy: 2)
        if haveWaited[bucket] { lines[bucket].append("\(process(bucket)) waitall") }
        haveWaited[bucket] = false
        lines[bucket].append("\(process(bucket)) \(action) \(process(bucket, of: peer)) \(kind) \(bytes)")
        return Finished { [self] in haveWaited[bucket] = true }
    }

    func startSending(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag) throws -> any PendingTransfer {
        write("isend", rank, tag, bytes: bytes.count)
    }

    func startReceiving(
        _ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag
    ) throws -> any PendingTransfer { write("irecv", rank, tag, bytes: bytes.count) }

    private final class Finished: PendingTransfer {
        private let say: () -> Void
        init(_ say: @escaping () -> Void) { self.say = say }
        func isFinished() throws -> Bool {
            say()
            return true
        }
    }

    /// Workers ask each other for the first one of their hosts, then for what keeps them from sharing memory: from each
    /// a size, then so many bytes.
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer, root: Int) throws {
        defer { calls += 1 }
        guard root != rank else { return }
        let leader = hostSums ? root / host.size * host.size : root
        let answer = calls < 2 * size ? try Messages.encode(leader) : try Messages.encode("")
        if calls.isMultiple(of: 2) {
            withUnsafeBytes(of: Int64(answer.count)) { bytes.copyMemory(from: $0) }
        } else {
            answer.copyBytes(to: bytes)
        }
    }

    func splitByHost() throws -> any Communicator { host }
    func progress() throws { try host.progress() }
    func split(_ members: [Int]) throws -> (any Communicator)? { preconditionFailure("no part of a job is traced") }
    func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: MessageTag) throws {
        preconditionFailure("only what does not wait is traced")
    }
    func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: MessageTag) throws {
        preconditionFailure("only what does not wait is traced")
    }
    func waitingMessage(from rank: Int, tag: MessageTag) throws -> Int? { nil }
}
