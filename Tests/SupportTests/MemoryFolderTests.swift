import Foundation
import Support
import Testing

@Suite struct MemoryFolderTests {
    private let memory: MemoryFolder

    init() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "memory-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        memory = MemoryFolder(folder: folder)
    }

    @Test("every change of a byte changes the hash", arguments: [1, 7, 64, 65, 200, 262_144, 262_145, 600_000])
    func hashes(count: Int) {
        var bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        func hashes() -> [UInt64] {
            bytes.withUnsafeBytes { all in
                (0..<CheckedCopy.blocks(of: count)).map { CheckedCopy.block($0, of: all) }
            }
        }
        let whole = hashes()
        for place in Set([0, count / 3, count / 2, count - 1, min(63, count - 1), min(64, count - 1)]) {
            for bit in [0, 7] {
                bytes[place] ^= 1 << bit
                #expect(hashes() != whole, "byte \(place)")
                bytes[place] ^= 1 << bit
            }
        }
        #expect(hashes() == whole)
        // Two that cancel each other in a sum, the signs of two floats.
        if count > 200 {
            bytes[3] ^= 0x80
            bytes[67] ^= 0x80
            #expect(hashes() != whole)
        }
    }

    @Test func aCopyIsTheSame() {
        let bytes = (0..<600_001).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
        var copy = [UInt8](repeating: 0, count: bytes.count)
        bytes.withUnsafeBytes { all in
            copy.withUnsafeMutableBytes { target in
                for block in 0..<CheckedCopy.blocks(of: all.count) {
                    #expect(
                        CheckedCopy.block(block, of: all, to: target.baseAddress) == CheckedCopy.block(block, of: all))
                }
            }
        }
        #expect(copy == bytes)
    }

    @Test func aFileStaysAndIsThisUsersAlone() throws {
        let name = MemoryFolder.nextName(run: "3A-4b")
        #expect(name.hasPrefix("lockstep-\(geteuid())-3A-4b-\(getpid())-"))
        do {
            let file = try MemoryFile(name, in: memory, size: 5000)
            file.base.storeBytes(of: 42, toByteOffset: 4999, as: UInt8.self)
            #expect(file.write(Data([1, 2, 3]), at: 8))
        }
        #expect(memory.names() == [name] && memory.names(run: "3A-4b") == [name])
        #expect(memory.names(run: "3A").isEmpty)
        var status = stat()
        #expect(stat(memory.path(name), &status) == 0 && status.st_mode & 0o777 == 0o600 && status.st_size == 5000)
        let bytes = try #require(try memory.open(name)?.readToEnd())
        #expect(bytes[8..<11] == Data([1, 2, 3]) && bytes[4999] == 42)
        memory.remove(name)
        #expect(memory.names().isEmpty)
    }

    @Test func linksAndPipesAreNotOpened() throws {
        let target = memory.path("target")
        #expect(FileManager.default.createFile(atPath: target, contents: Data("x".utf8)))
        let (link, pipe) = (MemoryFolder.nextName(run: "a"), MemoryFolder.nextName(run: "a"))
        #expect(symlink(target, memory.path(link)) == 0 && mkfifo(memory.path(pipe), 0o600) == 0)
        #expect(memory.open(link) == nil && memory.open(pipe) == nil)
        // What lies where a file is to be is taken away, and what a link leads to stays as it is.
        _ = try MemoryFile(link, in: memory, size: 10)
        #expect(FileManager.default.contents(atPath: target) == Data("x".utf8))
    }

    @Test func aRunsIdentityIsNoPath() {
        let name = MemoryFolder.nextName(run: "../../etc/passwd")
        #expect(!name.contains("/") && !name.contains(".."))
        let long = MemoryFolder.nextName(run: String(repeating: "a", count: 300))
        #expect(!long.contains(String(repeating: "a", count: 65)))
    }

    @Test func noRoomIsAFailureAndLeavesNothing() throws {
        #expect(throws: Failure.self) {
            _ = try MemoryFile(MemoryFolder.nextName(run: "a"), in: memory, size: 1 << 60)
        }
        #expect(memory.names().isEmpty)
        #expect(throws: Failure.self) {
            _ = try MemoryFile("a", in: MemoryFolder(folder: memory.path("none")), size: 10)
        }
    }

    @Test func aSupervisorIsAProcessOfThisHost() throws {
        let place = try #require(ProcessPlace("node1:\(getpid())"))
        #expect(place.isRunning("", on: "node2") == nil)
        let word = try #require(CommandLine.arguments.first)
        #expect(place.isRunning(word, on: "node1") == true)
        #expect(place.isRunning("no such word", on: "node1") == false)
        #expect(ProcessPlace("node1") == nil && ProcessPlace(":7") == nil && ProcessPlace("a:b") == nil)
    }
}
