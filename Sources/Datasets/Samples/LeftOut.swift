import Foundation
import Images
import Support

/// What lies where images or labels were looked for, and was not taken.
enum LeftOut {
    /// Extensions of image files that are not read, in small letters.
    private static let foreign: Set<String> = [
        "avif", "bmp", "cr2", "czi", "dcm", "dib", "dicom", "dng", "exr", "fits", "gif", "h5", "hdf5", "heic", "heif",
        "ico", "ims", "j2k", "jfif", "jp2", "jpe", "jpx", "jxl", "lif", "lsm", "mha", "mhd", "mrc", "mrxs", "mvd2",
        "nd2", "ndpi", "nef", "nii", "npy", "npz", "nrrd", "oib", "oif", "oir", "pbm", "pcx", "pgm", "pnm", "ppm",
        "psd", "qptiff", "scn", "stk", "svg", "svs", "tga", "vsi", "webp", "xcf", "zvi",
    ]

    private static func fileExtension(_ name: String) -> String { (name as NSString).pathExtension.lowercased() }

    /// "3 .bmp and 1 .gif"; nil where there are none.
    private static func counted(_ names: [String]) -> String? {
        let counts = Dictionary(grouping: names, by: fileExtension).sorted { $0.key < $1.key }
        guard !counts.isEmpty else { return nil }
        return counts.map { "\($1.count) .\($0)" }.joined(separator: ", ")
    }

    /// What a folder holds beside the files that are taken: images of other formats, and folders; nil where nothing does.
    ///
    /// - Parameter extensions: of the files that are taken.
    static func inFolder(_ folder: String, of what: String, extensions: [String]) throws -> String? {
        let names = try ImageFolder.names(in: folder, of: what).filter {
            !$0.hasPrefix(".") && !ImageFile.isNamedImage($0, allowed: extensions)
        }
        var parts: [String] = []
        let images = names.filter { foreign.contains(fileExtension($0)) || ImageFile.isNamedImage($0) }
        if let counted = counted(images) {
            let known = extensions.joined(separator: ", .")
            parts.append(
                "\(counted) \(images.count == 1 ? "is" : "are") left out, since only .\(known) \(what) are read: convert them"
            )
        }
        let folders = names.filter { isFolder(ImageFolder.join(folder, $0)) == true }
        if let first = folders.first {
            parts.append(
                "\(folders.count == 1 ? "folder \(first)" : "\(folders.count) folders (first: \(first))") in it "
                    + "\(folders.count == 1 ? "is" : "are") not looked into: a path with wildcards, \(ImageFolder.join(folder, "*/*.png")), takes its files"
            )
        }
        return parts.isEmpty ? nil : "\(folder) (\(what)): \(parts.joined(separator: "; "))"
    }

    /// What matches a path with wildcards but for its extension, or for capital letters; nil where nothing does.
    ///
    /// - Parameters:
    ///   - taken: files that match, and those of the set's other part.
    static func besides(_ pattern: String, of what: String, taken: Set<String>, resolve: (String) -> String) throws
        -> String?
    {
        let name = (pattern as NSString).lastPathComponent
        let found = (name as NSString).pathExtension
        guard !found.isEmpty, !Glob.isPattern(found), ImageFile.isNamedImage("x.\(found)") else { return nil }
        let wider = String(pattern.dropLast(found.count)) + "*"
        let others = ((try? Glob(wider).files(of: what, resolve: resolve)) ?? []).map(\.path)
            .filter { path in
                let name = (path as NSString).lastPathComponent
                return !taken.contains(path) && (foreign.contains(fileExtension(name)) || ImageFile.isNamedImage(name))
            }
        guard let counted = counted(others) else { return nil }
        return
            "\(pattern) (\(what)): \(counted) in the same place \(others.count == 1 ? "has" : "have") another extension, and \(others.count == 1 ? "is" : "are") left out"
    }
}
