import Foundation

/// Whether a path is a folder's, links followed; nil where there is nothing.
package func isFolder(_ path: String) -> Bool? {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) ? isFolder.boolValue : nil
}

/// Makes a folder, and those above it, where they are missing.
///
/// - Parameters:
///   - caller: what errors call it, the beginning of their sentence.
///   - advice: what to do, at their end.
///
/// Throws `Failure.request` where it may not be there, and `Failure.running` where the system fails otherwise, which may
/// pass.
package func makeFolder(_ path: String, called caller: String, advice: String) throws {
    let code = makeFolder(path)
    guard code != 0 else { return }
    let passing = [EIO, ENOSPC, EDQUOT, EROFS, EMFILE, ENFILE, ENOMEM, ESTALE, ETIMEDOUT, EINTR, EAGAIN]
    throw Failure(
        passing.contains(code) ? .running : .request,
        "\(caller) cannot be made: \(Failure.systemReason(code)); \(advice)")
}

/// Makes a folder and those above it; returns `errno`, 0 = it is there.
private func makeFolder(_ path: String) -> Int32 {
    if mkdir(path, 0o777) == 0 { return 0 }
    var code = errno
    if code == ENOENT, let slash = path.dropLast().lastIndex(of: "/"), slash > path.startIndex {
        code = makeFolder(String(path[..<slash]))
        if code == 0 { code = mkdir(path, 0o777) == 0 ? 0 : errno }
    }
    return code != 0 && isFolder(path) == true ? 0 : code
}

/// A path without links, made absolute; the file need not be there.
package func realPath(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
}
