import Foundation

/// A process, and the machine that it runs on.
package struct ProcessPlace: Codable, Sendable, Equatable {
    package let host: String
    package let number: Int32

    package init(host: String, number: Int32) { (self.host, self.number) = (host, number) }

    /// "node1:4711"; nil of another text.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let number = Int32(text[text.index(after: colon)...]), number > 1,
            colon > text.startIndex
        else { return nil }
        self.init(host: String(text[..<colon]), number: number)
    }

    /// Whether it runs on this machine, `host`, under a command with this word; nil where it is another machine's.
    package func isRunning(_ word: String, on host: String = ProcessInfo.processInfo.hostName) -> Bool? {
        guard host == self.host else { return nil }
        let line = FileManager.default.contents(atPath: "/proc/\(number)/cmdline") ?? Data()
        return line.range(of: Data(word.utf8)) != nil
    }
}
