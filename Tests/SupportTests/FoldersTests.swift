import Support
import Testing

@Suite struct FoldersTests {
    @Test(arguments: [("x", ""), ("/", "/"), ("/x", "/"), ("a/b", "a"), ("a/b/c.png", "a/b"), ("", ""), ("./x", ".")])
    func theFolderThatAPathIsIn(path: String, folder: String) {
        #expect(parentFolder(path) == folder)
    }
}
