import Glibc

/// Where rank 0 can be reached, and the token that shows that a rank belongs to the job.
package struct RendezvousInvitation: Codable, Sendable {
    package let host: String
    /// IPv4 addresses of the host's interfaces, less the loopback's, each as its four bytes.
    let addresses: [[UInt8]]
    let port: UInt16
    package let token: UInt64
}

/// Rank 0's side of the rendezvous: a socket that listens on all interfaces.
package final class RendezvousListener: Sendable {
    let descriptor: Int32
    package let invitation: RendezvousInvitation

    /// nil where the system lets nobody listen.
    package init?(host: String, ranks: Int) {
        Self.allowFiles(ranks + 256)
        let descriptor = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var address = SocketAddress(bytes: [0, 0, 0, 0], port: 0)
        guard address.withPointer({ bind(descriptor, $0, $1) }) == 0,
            listen(descriptor, Int32(min(ranks + 16, 4096))) == 0, let port = SocketAddress.port(of: descriptor)
        else {
            Glibc.close(descriptor)
            return nil
        }
        self.descriptor = descriptor
        invitation = RendezvousInvitation(
            host: host, addresses: SocketAddress.ofThisHost(), port: port, token: UInt64.random(in: 1...UInt64.max))
    }

    deinit { close(descriptor) }

    /// Raises the limit of open files, within what the system allows: each rank is a connection.
    private static func allowFiles(_ count: Int) {
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(files, &limit) == 0 else { return }
        guard limit.rlim_cur < rlim_t(count) else { return }
        limit.rlim_cur = min(rlim_t(count), limit.rlim_max)
        setrlimit(files, &limit)
    }

    /// The next connection that waits, or nil.
    package func accept() -> HeartbeatConnection? {
        while true {
            let connected = Glibc.accept(descriptor, nil, nil)
            if connected >= 0 { return HeartbeatConnection(connected) }
            guard errno == EINTR || errno == ECONNABORTED else { return nil }
        }
    }
}

extension RendezvousInvitation {
    /// Seconds for one address, the answer included, and for all.
    private static let patience = 2.0
    private static let allPatience = 10.0

    /// Connects to rank 0: tries the addresses one after the other; nil where none leads to it.
    package func connect(rank: Int, host: String) -> HeartbeatConnection? {
        let loopback: [UInt8] = [127, 0, 0, 1]
        // The same host is reached in itself, whatever its firewall says of its own addresses.
        let isSame = host == self.host
        let end = DetectionTimes.now + Self.allPatience
        for address in (isSame ? [loopback] : []) + addresses {
            let deadline = min(DetectionTimes.now + Self.patience, end)
            guard DetectionTimes.now < end else { return nil }
            guard let connection = connect(to: address, deadline: deadline) else { continue }
            connection.send(.hello(token: token, rank: rank, host: host))
            // Another program, or another host of the same private address, does not know the token.
            if isWelcome(connection, deadline: deadline) { return connection }
        }
        return nil
    }

    private func connect(to bytes: [UInt8], deadline: Double) -> HeartbeatConnection? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        let connection = HeartbeatConnection(descriptor)
        var address = SocketAddress(bytes: bytes, port: port)
        if address.withPointer({ Glibc.connect(descriptor, $0, $1) }) == 0 { return connection }
        guard errno == EINPROGRESS else { return nil }
        var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        while true {
            let left = deadline - DetectionTimes.now
            let count = poll(&polled, 1, Int32(max(left * 1000, 0)))
            if count < 0 && errno == EINTR && left > 0 { continue }
            guard count == 1 else { return nil }
            break
        }
        var (code, size) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0, code == 0 else { return nil }
        return connection
    }

    private func isWelcome(_ connection: HeartbeatConnection, deadline: Double) -> Bool {
        while true {
            let (messages, hasEnded) = connection.receive()
            if let first = messages.first { return first == .welcome(token: token) }
            let left = deadline - DetectionTimes.now
            guard !hasEnded, left > 0 else { return false }
            _ = sleep(reading: [connection.descriptor], seconds: left)
        }
    }
}

/// An IPv4 address and a port as the system wants them.
private struct SocketAddress {
    private var address = sockaddr_in()

    init(bytes: [UInt8], port: UInt16) {
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }

    mutating func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    static func port(of descriptor: Int32) -> UInt16? {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        return result == 0 ? UInt16(bigEndian: address.sin_port) : nil
    }

    /// Those of the interfaces that are up, the loopback left out.
    static func ofThisHost() -> [[UInt8]] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var found: [[UInt8]] = []
        var next = first
        while let interface = next?.pointee {
            next = interface.ifa_next
            guard let address = interface.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET),
                interface.ifa_flags & UInt32(IFF_UP) != 0,
                interface.ifa_flags & UInt32(IFF_LOOPBACK) == 0
            else { continue }
            let number = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_addr.s_addr }
            found.append((0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) })
        }
        return found
    }
}
