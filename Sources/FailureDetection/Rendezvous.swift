import Glibc

/// Where rank 0 can be reached, and the token that shows that a rank belongs to the job.
package struct RendezvousInvitation: Codable, Sendable {
    struct Door: Codable, Sendable {
        let address: UInt32
        let port: UInt16
    }

    package let host: String
    /// What its loopback belongs to.
    let system: String
    let doors: [Door]
    package let token: UInt64

    /// The port on the loopback.
    package var loopbackPort: UInt16 { doors.first { $0.address == NetworkInterface.loopback.address }?.port ?? 0 }
}

/// Rank 0's side of the rendezvous: sockets that listen, one on each interface that a rank may come by.
package final class RendezvousListener: Sendable {
    let descriptors: [Int32]
    package let invitation: RendezvousInvitation

    /// nil where the system lets nobody listen.
    ///
    /// - Parameter interfaces: those on which ranks of other systems come; ranks of this one come by the loopback.
    package init?(host: String, ranks: Int, interfaces: [NetworkInterface] = []) {
        Self.allowFiles(ranks + 256)
        var (descriptors, doors): ([Int32], [RendezvousInvitation.Door]) = ([], [])
        for interface in [.loopback] + interfaces {
            let descriptor = socket(
                AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { continue }
            var address = SocketAddress(interface.address, port: 0)
            guard address.withPointer({ bind(descriptor, $0, $1) }) == 0,
                listen(descriptor, Int32(max(Self.leastWaiting, min(ranks + 16, 4096)))) == 0,
                let own = SocketAddress.own(of: descriptor)
            else {
                Glibc.close(descriptor)
                continue
            }
            descriptors.append(descriptor)
            doors.append(RendezvousInvitation.Door(address: interface.address, port: own.port))
        }
        guard !descriptors.isEmpty else { return nil }
        self.descriptors = descriptors
        invitation = RendezvousInvitation(
            host: host, system: NetworkPlace.ownSystem, doors: doors, token: UInt64.random(in: 1...UInt64.max))
    }

    /// Connections that may wait to be accepted, or more: where strangers fill that, a rank waits for seconds.
    private static let leastWaiting = 1024

    deinit { for descriptor in descriptors { close(descriptor) } }

    /// Raises the limit of open files, within what the system allows: each rank is a connection.
    private static func allowFiles(_ count: Int) {
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(files, &limit) == 0 else { return }
        guard limit.rlim_cur < rlim_t(count) else { return }
        limit.rlim_cur = min(rlim_t(count), limit.rlim_max)
        setrlimit(files, &limit)
    }

    /// The next connection that waits, and the address that it comes from; or nil.
    package func accept() -> (connection: HeartbeatConnection, peer: UInt32)? {
        for descriptor in descriptors {
            while true {
                var address = SocketAddress(0, port: 0)
                let connected = address.withMutablePointer { Glibc.accept(descriptor, $0, $1) }
                if connected >= 0 { return (HeartbeatConnection(connected), address.address) }
                guard errno == EINTR || errno == ECONNABORTED else { break }
            }
        }
        return nil
    }
}

extension RendezvousInvitation {
    /// Seconds for all addresses, the answers included: a machine that is busy may need many for one. Less than the
    /// silence after which a rank is taken for lost.
    package static let patience = 20.0
    /// Seconds between two rounds.
    private static let pause = 0.1
    /// Rounds in which every address refuses.
    private static let mostRefusals = 5

    /// Connects to rank 0: tries the addresses one after the other, and again while there is time; nil where none leads
    /// to it.
    package func connect(
        rank: Int, host: String, patience: Double = RendezvousInvitation.patience
    ) -> HeartbeatConnection? {
        // The same system is reached in itself, whatever its firewall says of its own addresses.
        let isSame = system == NetworkPlace.ownSystem
        let doors = self.doors.filter { isSame || $0.address != NetworkInterface.loopback.address }
        let end = DetectionTimes.now + patience
        var refusals = 0
        while !doors.isEmpty, refusals < Self.mostRefusals, DetectionTimes.now < end {
            var isRefused = true
            for door in doors {
                let deadline = min(DetectionTimes.now + patience / Double(doors.count), end)
                guard let connection = connect(to: door, deadline: deadline, &isRefused) else { continue }
                connection.send(.hello(token: token, rank: rank, host: host))
                // Another program, or another host of the same private address, does not know the token.
                guard isWelcome(connection, deadline: deadline) else { continue }
                // The other end now knows that this one has not tired of waiting.
                connection.send(.welcome(token: token))
                return connection
            }
            refusals += isRefused ? 1 : 0
            usleep(UInt32(Self.pause * 1e6))
        }
        return nil
    }

    private func connect(to door: Door, deadline: Double, _ isRefused: inout Bool) -> HeartbeatConnection? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        let connection = HeartbeatConnection(descriptor)
        var address = SocketAddress(door.address, port: door.port)
        var code: Int32 = 0
        if address.withPointer({ Glibc.connect(descriptor, $0, $1) }) != 0 {
            code = errno
            if code == EINPROGRESS {
                var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                while true {
                    let left = deadline - DetectionTimes.now
                    let count = poll(&polled, 1, Int32(max(left * 1000, 0)))
                    if count < 0 && errno == EINTR && left > 0 { continue }
                    guard count == 1 else {
                        isRefused = false
                        return nil
                    }
                    break
                }
                var size = socklen_t(MemoryLayout<Int32>.size)
                guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else { return nil }
            }
        }
        if code == 0 { isRefused = false }
        return code == 0 ? connection : nil
    }

    private func isWelcome(_ connection: HeartbeatConnection, deadline: Double) -> Bool {
        while true {
            let (messages, hasEnded) = connection.receive(isHello: true)
            if let first = messages.first { return first == .welcome(token: token) }
            let left = deadline - DetectionTimes.now
            guard !hasEnded, left > 0 else { return false }
            _ = sleep(reading: [connection.descriptor], seconds: left)
        }
    }
}

/// An IPv4 address and a port as the system wants them.
struct SocketAddress {
    private var value = sockaddr_in()

    init(_ address: UInt32, port: UInt16) {
        value.sin_family = sa_family_t(AF_INET)
        value.sin_port = port.bigEndian
        value.sin_addr.s_addr = address.bigEndian
    }

    var address: UInt32 { UInt32(bigEndian: value.sin_addr.s_addr) }
    var port: UInt16 { UInt16(bigEndian: value.sin_port) }

    mutating func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        withUnsafePointer(to: &value) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    mutating func withMutablePointer<R>(
        _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> R
    ) -> R {
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &value) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &size) }
        }
    }

    /// This end of a socket.
    static func own(of descriptor: Int32) -> SocketAddress? {
        var address = SocketAddress(0, port: 0)
        return address.withMutablePointer({ getsockname(descriptor, $0, $1) }) == 0 ? address : nil
    }
}
