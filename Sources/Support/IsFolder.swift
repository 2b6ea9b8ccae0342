import Foundation

/// Whether a path is a folder's, links followed; nil where there is nothing.
package func isFolder(_ path: String) -> Bool? {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) ? isFolder.boolValue : nil
}
