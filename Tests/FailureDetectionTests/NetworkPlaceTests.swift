import FailureDetection
import Testing

/// On which interfaces rank 0 listens.
@Suite struct NetworkPlaceTests {
    private static func address(_ text: String) -> UInt32 {
        text.split(separator: ".").reduce(0) { $0 << 8 | (UInt32($1) ?? 0) }
    }

    private static func interface(_ name: String, _ address: String, _ prefix: Int) -> NetworkInterface {
        NetworkInterface(name: name, address: Self.address(address), prefix: prefix)
    }

    private static let own = NetworkPlace(
        system: "a",
        interfaces: [
            interface("eth0", "203.0.113.7", 24), interface("ib0", "10.0.3.1", 16),
            interface("docker0", "172.17.0.1", 16),
        ])

    private static func place(_ system: String, _ interfaces: NetworkInterface...) -> NetworkPlace {
        NetworkPlace(system: system, interfaces: interfaces)
    }

    private static let neighbour = place(
        "b", interface("ib0", "10.0.4.2", 16), interface("docker0", "172.17.0.1", 16))
    private static let distant = place("c", interface("eth0", "198.51.100.9", 24))

    private static func names(
        _ others: [NetworkPlace], included: String? = nil, excluded: String? = nil, route: String? = nil
    ) -> [String] {
        own.interfaces(
            toReach: others, included: included, excluded: excluded, route: { _ in route.map(Self.address) }
        ).map(\.name)
    }

    @Test func onOneMachineNothingButTheLoopback() {
        #expect(Self.names([Self.place("a"), Self.place("a", Self.interface("x", "10.0.9.9", 16))]) == [])
        #expect(Self.names([], included: "eth0") == [])
    }

    @Test func onlyTheNetworkThatBothAreIn() { #expect(Self.names([Self.neighbour, Self.place("a")]) == ["ib0"]) }

    @Test(
        "what Open MPI is told",
        arguments: [
            ("eth0", ["eth0"]), ("10.0.0.0/16", ["ib0"]), ("eth0,10.0.0.0/8", ["eth0", "ib0"]),
            // Names no interface of this host's: as if nothing had been said.
            ("eth7", ["ib0"]), ("", ["ib0"]), ("10.0.0/x", ["ib0"]),
        ] as [(String, [String])])
    func included(list: String, names: [String]) { #expect(Self.names([Self.neighbour], included: list) == names) }

    @Test func whatOpenMPILeavesAlone() {
        #expect(Self.names([Self.neighbour], excluded: "ib0,lo", route: "203.0.113.7") == ["eth0"])
        #expect(Self.names([Self.neighbour], excluded: "127.0.0.1/8,sppp") == ["ib0"])
    }

    @Test func byTheWayThatTheSystemKnows() {
        #expect(Self.names([Self.distant], route: "203.0.113.7") == ["eth0"])
        #expect(Self.names([Self.distant, Self.neighbour], route: "203.0.113.7") == ["eth0", "ib0"])
    }

    @Test func allWhereNothingIsKnown() {
        #expect(Self.names([Self.distant]) == ["eth0", "ib0", "docker0"])
        #expect(Self.names([Self.place("d")], excluded: "docker0") == ["eth0", "ib0"])
    }

    @Test func theLoopbackLeadsNowhere() {
        #expect(NetworkPlace.route(to: 0x7F00_0001) == 0x7F00_0001)
        #expect(!NetworkInterface.ofThisHost.contains { $0.name == "lo" })
    }
}
