import Foundation

/// Whether a path is a folder's, links followed; nil where there is nothing.
package func isFolder(_ path: String) -> Bool? {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) ? isFolder.boolValue : nil
}

/// What to do about a path that leads to nothing: a relative one is told as it was looked for.
package func adviceOnMissing(_ path: String) -> String {
    let advice = "does not exist: correct the path"
    if path.hasPrefix("~") || path.contains("$") { return "\(advice) (~ and $ stand for nothing here: write it out)" }
    guard !path.hasPrefix("/") else { return advice }
    let place = URL(fileURLWithPath: path).standardizedFileURL.path
    return "\(advice), which is relative to the folder that you are in and means \(place)"
}

/// The folder that a path is in, as the path calls it; empty where it names none. Not Foundation's
/// `deletingLastPathComponent`, which traps where the path is one character.
package func parentFolder(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// A path like this one where there is nothing yet: the first of `PATH-2`, `PATH-3` …
package func nextFree(_ path: String) -> String {
    let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    let digits = path.reversed().prefix { $0.isASCII && $0.isNumber }
    var (stem, number) = (path[...], 1)
    if path.dropLast(digits.count).hasSuffix("-"), let last = Int(String(digits.reversed())), last < 1_000_000 {
        (stem, number) = (path.dropLast(digits.count + 1), last)
    }
    repeat { number += 1 } while access("\(stem)-\(number)", F_OK) == 0
    return "\(stem)-\(number)"
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
