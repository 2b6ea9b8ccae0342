import CFuzzer
import Foundation

/// One of the readers under libFuzzer (https://llvm.org/docs/LibFuzzer.html), whose options the command takes beside
/// `--reader=NAME` and `--file=FILE`, the file in which the reader finds its input. Tests/Fuzzing/fuzz starts it.
@main struct FuzzReaders {
    // Set once, before the first input.
    nonisolated(unsafe) private static var reader = Reader.png
    nonisolated(unsafe) private static var file = ""

    static func main() {
        func option(_ name: String) -> String {
            let prefix = "--\(name)="
            guard let word = CommandLine.arguments.first(where: { $0.hasPrefix(prefix) }) else {
                preconditionFailure("\(prefix)… is missing")
            }
            return String(word.dropFirst(prefix.count))
        }
        guard let reader = Reader(rawValue: option("reader")) else {
            preconditionFailure("--reader must be one of \(Reader.allCases.map(\.rawValue))")
        }
        (Self.reader, file) = (reader, option("file"))
        var count = CommandLine.argc + 1
        // libFuzzer keeps the array until the process ends.
        let words = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: Int(count) + 1)
        for index in 0..<Int(CommandLine.argc) { words[index] = CommandLine.unsafeArgv[index] }
        words[Int(count) - 1] = strdup("-max_len=\(reader.mostBytes)")
        words[Int(count)] = nil
        var pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = words
        exit(LLVMFuzzerRunDriver(&count, &pointer) { FuzzReaders.run($0, $1) })
    }

    private static func run(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
        guard count <= reader.mostBytes, fuzz_write(file, bytes, count) == 0 else { return -1 }
        do {
            try reader.read(file)
        } catch {
            preconditionFailure("\(reader.rawValue): \(error)")
        }
        return 0
    }
}
