import Foundation
import Glibc

/// An IPv4 address of this host, and the network that it is in.
package struct NetworkInterface: Codable, Sendable, Equatable {
    package let name: String
    /// The most significant byte first: 127.0.0.1 is 0x7F00_0001.
    package let address: UInt32
    /// Bits of the address that the network's hosts share.
    package let prefix: Int

    package init(name: String, address: UInt32, prefix: Int) {
        (self.name, self.address, self.prefix) = (name, address, prefix)
    }

    static let loopback = NetworkInterface(name: "lo", address: 0x7F00_0001, prefix: 8)

    /// Whether an address is in the interface's network.
    func reaches(_ other: UInt32) -> Bool { Self.shares(address, other, prefix: prefix) }

    private static func shares(_ a: UInt32, _ b: UInt32, prefix: Int) -> Bool {
        prefix <= 0 || (a ^ b) >> UInt32(max(32 - prefix, 0)) == 0
    }

    /// Whether a list as Open MPI takes it, names and networks such as "eth0,10.0.0.0/16", has the interface.
    func isIn(_ list: String) -> Bool {
        list.split(separator: ",").contains { entry in
            let parts = entry.split(separator: "/", maxSplits: 1)
            guard parts.count == 2, let network = Self.address(String(parts[0])), let prefix = Int(parts[1]) else {
                return entry == name
            }
            return Self.shares(network, address, prefix: prefix)
        }
    }

    private static func address(_ text: String) -> UInt32? {
        var address = in_addr()
        return inet_pton(AF_INET, text, &address) == 1 ? UInt32(bigEndian: address.s_addr) : nil
    }

    /// Those of this host that are up, the loopback left out.
    package static var ofThisHost: [NetworkInterface] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        func number(_ address: UnsafeMutablePointer<sockaddr>) -> UInt32 {
            address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                UInt32(bigEndian: $0.pointee.sin_addr.s_addr)
            }
        }
        var found: [NetworkInterface] = []
        var next = first
        while let interface = next?.pointee {
            next = interface.ifa_next
            guard let address = interface.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET),
                interface.ifa_flags & UInt32(IFF_UP) != 0,
                interface.ifa_flags & UInt32(IFF_LOOPBACK) == 0
            else { continue }
            found.append(
                NetworkInterface(
                    name: String(cString: interface.ifa_name), address: number(address),
                    prefix: interface.ifa_netmask.map { number($0).nonzeroBitCount } ?? 32))
        }
        return found
    }
}

/// Where a rank is, as the ranks tell each other before one of them listens.
package struct NetworkPlace: Codable, Sendable {
    /// Names what a loopback leads to: the running system and its network namespace.
    package let system: String
    package let interfaces: [NetworkInterface]

    package init(system: String, interfaces: [NetworkInterface]) {
        (self.system, self.interfaces) = (system, interfaces)
    }

    package static var ofThisProcess: NetworkPlace {
        NetworkPlace(system: ownSystem, interfaces: .init(NetworkInterface.ofThisHost))
    }

    static var ownSystem: String {
        let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        let space = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
        guard let boot, let space else { return ProcessInfo.processInfo.hostName }
        return "\(boot.trimmingCharacters(in: .whitespacesAndNewlines)) \(space)"
    }

    /// The interfaces on which rank 0 listens for the ranks of other systems: no more than they need, since whoever
    /// reaches a port may knock at it.
    ///
    /// - Parameters:
    ///   - others: where the other ranks are.
    ///   - included: the interfaces that Open MPI was told to use, as it takes them; nil: it was not.
    ///   - excluded: those that it was told not to use.
    ///   - route: this system's own address on the way to another one, nil where there is no way.
    /// - Returns: those of the list; else those in a network with a rank of each other system, or on the way to it; none
    ///   where all ranks are on this system, which they reach by its loopback.
    package func interfaces(
        toReach others: [NetworkPlace], included: String?, excluded: String?, route: (UInt32) -> UInt32?
    ) -> [NetworkInterface] {
        let foreign = others.filter { $0.system != system }
        guard !foreign.isEmpty else { return [] }
        if let included {
            let chosen = interfaces.filter { $0.isIn(included) }
            if !chosen.isEmpty { return chosen }
        }
        let candidates = interfaces.filter { interface in excluded.map { !interface.isIn($0) } ?? true }
        let own = Set(interfaces.map(\.address))
        var chosen: Set<UInt32> = []
        for place in foreign {
            // A bridge for containers has the same address on every host, and leads to none of them.
            let targets = place.interfaces.map(\.address).filter { !own.contains($0) }
            var ways = candidates.filter { interface in targets.contains { interface.reaches($0) } }.map(\.address)
            if ways.isEmpty { ways = targets.compactMap(route) }
            chosen.formUnion(ways)
        }
        let found = candidates.filter { chosen.contains($0.address) }
        return found.isEmpty ? candidates : found
    }

    /// This system's own address on the way to another one; nothing is sent.
    package static func route(to address: UInt32) -> UInt32? {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var target = SocketAddress(address, port: 9)
        guard target.withPointer({ connect(descriptor, $0, $1) }) == 0 else { return nil }
        return SocketAddress.own(of: descriptor)?.address
    }
}
