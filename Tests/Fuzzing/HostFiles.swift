import Foundation

/// Hostfiles are read by launch/hosts.sh: a shell that has it loaded is asked for each file.
final class HostFiles {
    nonisolated(unsafe) static let shared = HostFiles()

    private let input: FileHandle
    private let output: FileHandle
    private let shell = Process()
    private let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").path

    /// Answers with the exit status, and the number of characters that make an answer wrong: for status 0 those that no
    /// host's name has, for status 2 all lines but one and all that is not printed.
    private static let loop = """
        set -euo pipefail
        source launch/lib.sh
        source launch/hosts.sh
        while IFS= read -r file; do
            status=0
            answer="$( (read_hosts "$file"; echo "${host_names[*]} ${host_slots[*]}") 2>&1)" || status=$?
            case "$status" in
                0)
                    [[ "$answer" =~ ^[A-Za-z0-9_][A-Za-z0-9._\\ -]*$ ]] && echo ok ||
                        printf 'wrong hosts %q\\n' "$answer" ;;
                2) [[ "$answer" == error:* && "$answer" != *$'\\n'* && "$answer" != *[[:cntrl:]]* ]] && echo ok ||
                    printf 'wrong words %q\\n' "$answer" ;;
                *) printf 'status %s: %q\\n' "$status" "$answer" ;;
            esac
        done
        """

    private init() {
        let (to, from) = (Pipe(), Pipe())
        shell.executableURL = URL(filePath: "/bin/bash")
        shell.arguments = ["-c", Self.loop]
        shell.currentDirectoryURL = URL(filePath: root)
        shell.standardInput = to
        shell.standardOutput = from
        (input, output) = (to.fileHandleForWriting, from.fileHandleForReading)
        do { try shell.run() } catch { preconditionFailure("no bash: \(error)") }
    }

    func read(_ path: String) throws {
        try input.write(contentsOf: Data("\(path)\n".utf8))
        var answer = Data()
        while answer.last != UInt8(ascii: "\n") {
            var part = [UInt8](repeating: 0, count: 1 << 12)
            let count = Foundation.read(output.fileDescriptor, &part, part.count)
            // libFuzzer's clock interrupts.
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Reader.BrokenPromise(description: "the shell has ended") }
            answer += part.prefix(count)
        }
        guard answer == Data("ok\n".utf8) else {
            throw Reader.BrokenPromise(description: String(decoding: answer.dropLast(), as: UTF8.self))
        }
    }
}
