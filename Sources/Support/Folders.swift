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
    do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
        let code = AtomicFile.systemCode(error)
        let passing = [EIO, ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM, ESTALE, ETIMEDOUT, EINTR, EAGAIN]
        throw Failure(
            passing.contains(code) ? .running : .request,
            "\(caller) cannot be made: \(Failure.systemReason(code)); \(advice)")
    }
}

/// A path without links, made absolute; the file need not be there.
package func realPath(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
}
