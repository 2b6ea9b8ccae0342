import Foundation
import Images
import Support

/// Folders whose files are images.
public enum ImageFolder {
    /// The extensions of label files in a folder: JPEG, which changes values, is left out.
    package static let labelExtensions = ImageFile.extensions.filter { !["jpg", "jpeg"].contains($0) }

    /// The paths of a folder's image files in the order of their names. Only files with one of the extensions (in small
    /// or capital letters) count, hidden ones don't.
    ///
    /// - Parameter what: is looked for there, as errors say it: images, labels, or the option that names the folder.
    ///
    /// Throws `Failure.request` where the folder is missing, cannot be listed or holds no such file.
    public static func files(
        _ folder: String, of what: String, extensions: [String] = ImageFile.extensions
    ) throws -> [String] {
        let names = try names(in: folder, of: what).filter { ImageFile.isNamedImage($0, allowed: extensions) }
        guard !names.isEmpty else {
            let others = try LeftOut.inFolder(folder, of: what, extensions: extensions)
            throw Failure.request(
                others.map { "no image file: \($0)" }
                    ?? "folder \(folder) (\(what)) holds no image file: put there files of .\(extensions.joined(separator: ", ."))"
            )
        }
        return names.map { join(folder, $0) }
    }

    /// The names of all that is in a folder, in their order.
    package static func names(in folder: String, of what: String) throws -> [String] {
        // The working directory, where a path begins with a name.
        let path = folder.isEmpty ? "." : folder
        var status = stat()
        guard stat(path, &status) == 0 else {
            let code = errno
            guard code == ENOENT else { throw InputFile.failure(code, called: "folder \(path) (\(what))") }
            throw Failure.request("folder \(path) (\(what)) \(adviceOnMissing(path))")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw Failure.request("\(path) (\(what)) is not a folder: give the folder that holds the image files")
        }
        guard access(path, R_OK | X_OK) == 0 else {
            throw InputFile.failure(errno, called: "folder \(path) (\(what))")
        }
        do {
            let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
            // A name in another encoding comes with marks in place of what is no UTF-8, and leads to no file.
            if let name = names.first(where: {
                $0.contains("\u{FFFD}") && ImageFile.isNamedImage($0) && access(join(path, $0), F_OK) != 0
            }) {
                throw Failure.request(
                    "folder \(path) (\(what)) has the file '\(name)', whose name is not UTF-8: rename it (convmv -f latin1 -t "
                        + "utf8 --notest \(path)/* does, where it is Latin-1)")
            }
            return names
        } catch let failure as Failure {
            throw failure
        } catch {
            // It is there, and may be read.
            throw Failure.running(
                "folder \(path) (\(what)) cannot be listed: check the disk or its server, and try again")
        }
    }

    package static func join(_ folder: String, _ name: String) -> String {
        folder.isEmpty || folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
    }
}
