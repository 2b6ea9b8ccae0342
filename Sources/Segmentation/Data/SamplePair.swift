import Diagnostics
import Foundation

/// The files of one sample: an image and its labels.
public struct SamplePair: Hashable, Sendable {
    /// The files' name without extension.
    public let stem: String
    /// Path of the image.
    public let image: String
    /// Path of the labels.
    public let labels: String

    public init(stem: String, image: String, labels: String) {
        self.stem = stem
        self.image = image
        self.labels = labels
    }

    /// The PNG files of two folders, paired by stem and in the order of their stems.
    ///
    /// Only files whose extension is `png` (in small or capital letters) count, hidden ones don't. A label without an
    /// image is left out.
    ///
    /// Throws `Failure.request` where a folder is missing, cannot be listed or holds no PNG, where an image has no
    /// label, and where a stem stands for two files.
    public static func inFolders(images: String, labels: String) throws -> [SamplePair] {
        let imageFiles = try stems(inFolder: images, of: "images")
        let labelFiles = try stems(inFolder: labels, of: "labels")
        var pairs: [SamplePair] = []
        var withoutLabel: [String] = []
        for (stem, names) in imageFiles.sorted(by: { $0.key < $1.key }) {
            let image = try single(names, stem: stem, folder: images)
            guard let candidates = labelFiles[stem] else {
                withoutLabel.append(image)
                continue
            }
            let label = try single(candidates, stem: stem, folder: labels)
            pairs.append(SamplePair(stem: stem, image: join(images, image), labels: join(labels, label)))
        }
        if let first = withoutLabel.first {
            let more = withoutLabel.count == 1 ? "" : " (and \(withoutLabel.count - 1) more have none)"
            throw Failure.request(
                "image \(join(images, first)) has no label in \(labels)\(more): add \(join(labels, first)) or remove "
                    + "the image")
        }
        return pairs
    }

    /// The PNG files of a folder, their names by stem.
    private static func stems(inFolder folder: String, of what: String) throws -> [String: [String]] {
        var status = stat()
        guard stat(folder, &status) == 0 else {
            throw Failure.request(
                errno == ENOENT
                    ? "folder \(folder) (\(what)) does not exist: correct the path"
                    : "folder \(folder) (\(what)) cannot be read: \(Failure.systemReason(errno))")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw Failure.request("\(folder) (\(what)) is not a folder: give the folder that holds the PNG files")
        }
        guard access(folder, R_OK | X_OK) == 0 else {
            throw Failure.request("folder \(folder) (\(what)) cannot be read: \(Failure.systemReason(errno))")
        }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            throw Failure.request("folder \(folder) (\(what)) cannot be listed: check the disk and the permissions")
        }
        let files = names.filter { !$0.hasPrefix(".") && $0.lowercased().hasSuffix(".png") }.sorted()
        guard !files.isEmpty else {
            throw Failure.request("folder \(folder) (\(what)) holds no PNG file: put the \(what) there as .png files")
        }
        return Dictionary(grouping: files) { String($0.dropLast(4)) }
    }

    private static func single(_ names: [String], stem: String, folder: String) throws -> String {
        guard names.count == 1 else {
            throw Failure.request(
                "folder \(folder) has \(names.count) files for \(stem) (\(names.joined(separator: ", "))): keep one")
        }
        return names[0]
    }

    private static func join(_ folder: String, _ name: String) -> String {
        folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }
}
