/// Connections that have not shown yet that they belong to the job: anybody may make them, as many and as slowly as he
/// likes. Their number, the bytes that are read of each, and their time are bounded.
struct Newcomers {
    private struct Newcomer {
        let connection: HeartbeatConnection
        /// The address that it comes from.
        let peer: UInt32
        let deadline: Double
    }

    /// One that has shown it.
    struct Arrival {
        let connection: HeartbeatConnection
        let rank: Int
        let host: String
    }

    private let token: UInt64
    /// Connections at once.
    private let most: Int
    private var newcomers: [Newcomer] = []

    /// Seconds that a connection has to send its hello.
    private static let patience = 5.0
    /// Connections that are taken at a time.
    private static let mostAtOnce = 64

    init(token: UInt64, ranks: Int) {
        self.token = token
        most = ranks + 64
    }

    var descriptors: [Int32] { newcomers.map(\.connection.descriptor) }

    /// Takes connections that wait, and returns those whose hello has come; `strangers` counts those that were shut out.
    mutating func receive(from listener: RendezvousListener, at now: Double) -> (arrivals: [Arrival], strangers: Int) {
        for _ in 0..<Self.mostAtOnce {
            guard let (connection, peer) = listener.accept() else { break }
            newcomers.append(Newcomer(connection: connection, peer: peer, deadline: now + Self.patience))
        }
        var (arrivals, strangers): ([Arrival], Int) = ([], 0)
        newcomers = newcomers.filter { newcomer in
            let (messages, hasEnded) = newcomer.connection.receive(isHello: true)
            if messages.isEmpty, !hasEnded, now < newcomer.deadline { return true }
            if case .hello(token, let rank, let host)? = messages.first {
                // One whose connection has ended has given it up, and comes by another one.
                if !hasEnded { arrivals.append(Arrival(connection: newcomer.connection, rank: rank, host: host)) }
            } else {
                strangers += 1
            }
            return false
        }
        while newcomers.count > most {
            shutOut()
            strangers += 1
        }
        return (arrivals, strangers)
    }

    /// Shuts out the oldest of the address that has most: one that makes many gets in nobody's way but its own.
    private mutating func shutOut() {
        let counts = Dictionary(newcomers.map { ($0.peer, 1) }, uniquingKeysWith: +)
        let peer = counts.max { $0.value < $1.value }?.key
        if let index = newcomers.firstIndex(where: { $0.peer == peer }) { newcomers.remove(at: index) }
    }
}
