import Foundation
import Support

/// Where one trial after another runs, so that those of other places do not disturb it.
public enum TrialPlace: Sendable, Equatable {
    /// This machine; on these of its processors, or on all where there are none to be set apart.
    case here(processors: [Int])
    /// Slots of hosts.
    case hosts([Slots])

    /// Some of a host's slots.
    public struct Slots: Sendable, Equatable {
        package let host: HostFile.Host
        /// From 0.
        package let numbers: Range<Int>
    }

    /// Places for `count` trials on this machine, each with as many processors.
    package static func local(count: Int, processors: [Int] = Self.processors) -> [TrialPlace] {
        guard count > 1, processors.count >= count else {
            return Array(repeating: .here(processors: []), count: count)
        }
        return (0..<count).map { place in
            .here(
                processors: Array(
                    processors[place * processors.count / count..<(place + 1) * processors.count / count]))
        }
    }

    /// The processors that this process may use.
    package static var processors: [Int] {
        let status = FileManager.default.contents(atPath: "/proc/self/status") ?? Data()
        let key = "Cpus_allowed_list:"
        let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix(key) }
        return line.map { processors(in: $0.dropFirst(key.count)) } ?? []
    }

    /// The numbers of a list such as "0-3,8".
    package static func processors(in list: some StringProtocol) -> [Int] {
        list.split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
            guard let first = ends.first, let last = ends.last, first <= last else { return [] }
            return Array(first...last)
        }
    }

    /// As many places for trials of so many workers as the hosts have slots for: first within a host each, then of the
    /// slots that are left over.
    package static func places(on hosts: [HostFile.Host], workers: Int) -> [TrialPlace] {
        var places: [TrialPlace] = []
        var left: [Slots] = []
        for host in hosts {
            var first = 0
            while host.slots - first >= workers {
                places.append(.hosts([Slots(host: host, numbers: first..<first + workers)]))
                first += workers
            }
            if first < host.slots { left.append(Slots(host: host, numbers: first..<host.slots)) }
        }
        var place: [Slots] = []
        var missing = workers
        for slots in left {
            var rest = slots.numbers
            while !rest.isEmpty {
                let taken = rest.prefix(missing)
                place.append(Slots(host: slots.host, numbers: taken))
                rest = taken.upperBound..<rest.upperBound
                missing -= taken.count
                if missing == 0 {
                    places.append(.hosts(place))
                    (place, missing) = ([], workers)
                }
            }
        }
        return places
    }

    /// How messages call it; nil for this machine.
    var name: String? {
        guard case .hosts(let slots) = self else { return nil }
        return slots.map(\.host.name).joined(separator: ", ")
    }
}

/// The hosts that trials are placed on: lines such as `node1 slots=4`, a slot a worker, as `launch/cluster` reads them.
public struct HostFile: Sendable, Equatable {
    public struct Host: Sendable, Equatable {
        package let name: String
        package let slots: Int
        /// 0: not known, and nothing is bound to them.
        package let cores: Int
    }

    package let hosts: [Host]

    private static let mostBytes = 1 << 20

    /// Reads `NAME [slots=N] [cores=N]` lines; `#` begins a comment.
    public init(path: String) throws {
        let bytes = try InputFile(path, called: "\(path):", missing: "no such file: check the path of the host file")
            .contents(atMost: Self.mostBytes, as: "a host file")
        try self.init(text: String(decoding: bytes, as: UTF8.self), name: path)
    }

    package init(text: String, name file: String) throws {
        var hosts: [Host] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let name = words.first else { continue }
            func failure(_ problem: String) -> Failure { .request("\(file) line \(index + 1): \(problem)") }
            let isName =
                name.first.map { $0 != "." && $0 != "-" } ?? false
                && name.unicodeScalars.allSatisfy {
                    $0.isASCII && ($0.properties.isAlphabetic || "0123456789._-".unicodeScalars.contains($0))
                }
            guard isName else {
                throw failure("\(name.shortened) is no host's name: write lines such as node1 slots=4")
            }
            var numbers = ["slots": 1, "cores": 0]
            for word in words.dropFirst() {
                let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2, numbers[parts[0]] != nil, let value = Int(parts[1]), (1...999).contains(value)
                else { throw failure("\(word.shortened): write a host and its workers, such as \(name) slots=4") }
                numbers[parts[0]] = value
            }
            guard !hosts.contains(where: { $0.name == name }) else {
                throw failure("\(name) is there twice: add up its slots")
            }
            hosts.append(Host(name: name, slots: numbers["slots"] ?? 1, cores: numbers["cores"] ?? 0))
        }
        guard !hosts.isEmpty else {
            throw Failure.request("\(file) names no host: write lines such as node1 slots=4")
        }
        self.hosts = hosts
    }

    /// The places for trials of so many workers.
    ///
    /// Throws `Failure.request` where there is not one.
    package func places(workers: Int) throws -> [TrialPlace] {
        let places = TrialPlace.places(on: hosts, workers: workers)
        guard !places.isEmpty else {
            let slots = hosts.reduce(0) { $0 + $1.slots }
            throw Failure.request(
                "the hosts have \(slots) slot\(slots == 1 ? "" : "s"), and a trial has \(workers) workers: name more hosts, "
                    + "or give fewer workers")
        }
        return places
    }
}
