import Foundation
import Support
import TestSupport
import Testing

/// Files that are there whole or not at all, and the locks of files and folders.
@Suite struct AtomicFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func anOldFileIsReplaced() throws {
        let path = try folder.write("old", to: "a.txt")
        try AtomicFile.write("new", to: path)
        #expect(try folder.files() == ["a.txt": Data("new".utf8)])
    }

    @Test func whatFailsLeavesTheOldFileAlone() throws {
        let path = try folder.write("old", to: "a.txt")
        let failure = Failure.running("half way")
        #expect(throws: failure) {
            try AtomicFile.write(path) { file in
                try file.write(contentsOf: Data("half".utf8))
                throw failure
            }
        }
        #expect(try folder.files() == ["a.txt": Data("old".utf8)])
    }

    @Test func oneThatIsNotKeptIsDiscarded() throws {
        do {
            let file = try AtomicFile(folder.path("a.txt"))
            #expect(try folder.files().keys.sorted() == ["a.txt.part"])
            _ = file.descriptor
        }
        #expect(try folder.files().isEmpty)
    }

    @Test func aFolderThatIsNotThereIsNamed() {
        let path = folder.path("none/a.txt")
        #expect(
            throws: Failure.running(
                "\(path) could not be written: no such file or directory: its folder was moved or removed")
        ) {
            try AtomicFile.write("new", to: path)
        }
    }

    @Test func aLinkIsReplaced() throws {
        try folder.write("1", to: "one")
        try folder.write("2", to: "two")
        for target in ["one", "two"] { try AtomicFile.link(folder.path("latest"), to: target) }
        #expect(try Data(contentsOf: URL(filePath: folder.path("latest"))) == Data("2".utf8))
    }

    @Test func aLockIsHeldByOneOpenFile() throws {
        let path = try folder.write("", to: "a.txt")
        let first = try #require(FileHandle(forUpdatingAtPath: path))
        let second = try #require(FileHandle(forUpdatingAtPath: path))
        #expect(first.lock())
        #expect(!second.lock() && !second.lock(patience: 10, while: { false }))
        try first.close()
        #expect(second.lock())
    }

    @Test func theMedianLiesInTheMiddle() {
        #expect(median([]) == nil)
        #expect(median([3, 1, 2]) == 2)
        #expect(median([4, 1, 3, 2]) == 2.5)
    }

    @Test func programsAreFoundInPath() {
        #expect(JobEnvironment.executable("sh")?.hasSuffix("/sh") == true)
        #expect(JobEnvironment.executable("no-such-program-here") == nil)
        #expect(JobEnvironment.executable("./x") == "./x")
    }
}
