import Datasets
import Foundation
import Images
import Support

/// Where a folder's images and labels are, by the names of its folders and files.
package struct FolderSurvey {
    /// To train on; paths are relative to the folder.
    package private(set) var train: SampleSource
    /// To validate on, where the folder has such images.
    package private(set) var validation: SampleSource?
    /// Images for which the folder names a test; relative to it.
    package private(set) var test: String?
    /// What is to be known of the choice.
    package private(set) var notes: [String] = []

    /// A folder with image files in it.
    private struct Folder {
        /// From the folder that is looked at; empty for itself.
        let path: String
        let files: [String]
        var words: NameWords

        var name: String { (path as NSString).lastPathComponent }
    }

    /// Images and labels of one split.
    private struct Pair {
        let images: Folder
        let labels: Folder
    }

    private static let mostDepth = 6
    private static let mostFolders = 20_000

    /// - Parameters:
    ///   - root: the folder to look at.
    ///   - labels: where the labels are, if the user says so: a folder, a file or a path with wildcards.
    ///
    /// Throws `Failure.request` where there are no images or no labels, and where it takes a person to tell them apart.
    package init(_ root: String, labels: String?) throws {
        var folders = try Self.folders(in: root)
        guard !folders.isEmpty else {
            let names = try ImageFolder.names(in: root, of: "images")
            guard names.contains(where: { isFolder(ImageFolder.join(root, $0)) == true }) else {
                // Says what else is there.
                _ = try ImageFolder.files(root, of: "images")
                throw Failure.request("\(root) holds no image file: put PNG, TIFF or JPEG files there")
            }
            throw Failure.request(
                "neither \(root) nor the folders in it hold an image file (.\(ImageFile.extensions.joined(separator: ", ."))): "
                    + "put images and labels there, or convert them")
        }
        var chosen: String?
        if let labels {
            let inside = Self.relative(labels, to: root)
            guard let inside, isFolder(labels) == true, let index = folders.firstIndex(where: { $0.path == inside })
            else {
                train = try Self.source(root, folders, labels: labels)
                return
            }
            // Folders of this name are labels in other splits too.
            chosen = folders[index].name
            for index in folders.indices where folders[index].name == chosen { folders[index].words.part = .labels }
        }
        var notes: [String] = []
        let pairs = try Self.pairs(folders, in: root, chosen: chosen, &notes)
        let sources = try Self.sources(pairs, folders, in: root)
        guard let first = sources[.train] ?? sources[nil] ?? sources[.validation] ?? sources[.test] else {
            throw Self.noLabels(folders, in: root)
        }
        train = first
        if sources[.train] != nil || sources[nil] != nil { validation = sources[.validation] }
        let tests = folders.filter { $0.words.split == .test && $0.words.part != .labels }
        test = tests.first { $0.words.part == .images }?.path ?? tests.first?.path
        if sources[.train] != nil, sources[nil] != nil {
            notes.append(
                "\(root) has pairs that are in no split beside those of train: these are left out (move them into train's folders)"
            )
        }
        self.notes = notes
    }

    // MARK: - Folders

    /// All folders with image files, the given one first; hidden ones are passed over.
    private static func folders(in root: String) throws -> [Folder] {
        var found: [Folder] = []
        var waiting = [(path: "", depth: 0)]
        var count = 0
        while !waiting.isEmpty {
            let (path, depth) = waiting.removeFirst()
            count += 1
            guard count <= mostFolders else {
                throw Failure.request(
                    "\(root) holds more than \(grouped(mostFolders)) folders: name the data's own one")
            }
            let names = try ImageFolder.names(in: path.isEmpty ? root : ImageFolder.join(root, path), of: "images")
                .filter { !$0.hasPrefix(".") && $0 != "__MACOSX" }
            var files: [String] = []
            for name in names {
                let inside = ImageFolder.join(path, name)
                if isFolder(ImageFolder.join(root, inside)) == true {
                    if depth < mostDepth { waiting.append((inside, depth + 1)) }
                } else if ImageFile.isNamedImage(name) {
                    files.append(inside)
                }
            }
            if !files.isEmpty {
                let words = NameWords(path: path.split(separator: "/").map(String.init))
                found.append(Folder(path: path, files: files, words: words))
            }
        }
        return found
    }

    /// A path as it is called from inside the folder; nil where it lies elsewhere.
    private static func relative(_ path: String, to root: String) -> String? {
        let (path, root) = (realPath(path), realPath(root))
        guard path.hasPrefix(root + "/") else { return nil }
        return String(path.dropFirst(root.count + 1))
    }

    // MARK: - Pairs of folders

    private static func pairs(
        _ folders: [Folder], in root: String, chosen: String?, _ notes: inout [String]
    ) throws -> [Pair] {
        let labelFolders = folders.filter { $0.words.part == .labels }
        var pairs: [Pair] = []
        var used: Set<String> = []
        func key(_ folder: Folder) -> String {
            "\(folder.words.split?.rawValue ?? ""):\(folder.words.rest.joined(separator: " "))"
        }
        let groups = Dictionary(grouping: labelFolders, by: key).sorted { $0.key < $1.key }
        for (group, candidates) in groups {
            let labels = preferred(candidates, chosen: chosen)
            if candidates.count > 1, chosen == nil, notes.isEmpty {
                let others = candidates.filter { $0.path != labels.path }.map(\.path)
                notes.append(
                    "labels are in \(labels.path) and in \(others.joined(separator: ", ")): the first are taken; --labels "
                        + "\(ImageFolder.join(root, others[0])) takes the others")
            }
            let images = folders.filter { $0.words.part != .labels && key($0) == group }
            if let best = images.first(where: { $0.words.part == .images }) ?? images.first {
                pairs.append(Pair(images: best, labels: labels))
                used.formUnion([best.path, labels.path])
            }
        }
        // Folders of other names: where one of each is left in a split, they belong together.
        let splits: [NameWords.Split?] = [nil, .train, .validation, .test]
        for split in splits {
            let left = folders.filter { $0.words.split == split && !used.contains($0.path) }
            let labels = left.filter { $0.words.part == .labels && (chosen == nil || $0.name == chosen) }
            let images = left.filter { $0.words.part != .labels }
            guard labels.count == 1, !pairs.contains(where: { $0.labels.words.split == split }) else { continue }
            let best = images.filter { $0.words.part == .images }
            if let only = best.count == 1 ? best[0] : images.count == 1 ? images[0] : nil {
                pairs.append(Pair(images: only, labels: labels[0]))
            }
        }
        return pairs
    }

    /// Of several folders of labels the one that says most: object numbers before masks.
    private static func preferred(_ folders: [Folder], chosen: String?) -> Folder {
        folders.first { $0.name == chosen } ?? folders.first { $0.name.lowercased().hasPrefix("instance") }
            ?? folders[0]
    }

    /// The source of each split.
    private static func sources(
        _ pairs: [Pair], _ folders: [Folder], in root: String
    ) throws -> [NameWords.Split?: SampleSource] {
        var sources: [NameWords.Split?: SampleSource] = [:]
        for (split, pairs) in Dictionary(grouping: pairs, by: \.images.words.split) {
            let source = try pairs.count == 1 ? source(pairs[0], in: root) : joined(pairs, in: root)
            sources[split] = source
        }
        guard sources.isEmpty else { return sources }
        // Labels may lie beside their images.
        for folder in folders {
            guard let source = FilePairing.source(inOneFolder: folder.path, folder.files) else { continue }
            if sources.updateValue(source, forKey: folder.words.split) != nil {
                throw Failure.request(
                    "\(root) has images and labels side by side in several folders (\(folder.path) is one): give one of "
                        + "them, or bring them into one")
            }
        }
        return sources
    }

    private static func source(_ pair: Pair, in root: String) throws -> SampleSource {
        if let source = FilePairing.source(images: pair.images.files, labels: pair.labels.files) { return source }
        let (image, label) = (pair.images.files[0], pair.labels.files[0])
        throw Failure.request(
            "the \(pair.images.files.count) images of \(ImageFolder.join(root, pair.images.path)) and the "
                + "\(pair.labels.files.count) labels of \(ImageFolder.join(root, pair.labels.path)) do not pair by their names "
                + "(\((image as NSString).lastPathComponent), \((label as NSString).lastPathComponent)): give each label its "
                + "image's name, or name the labels with --labels")
    }

    /// Pairs of folders that differ in one name, `01/images` and `02/images`, by wildcards.
    private static func joined(_ pairs: [Pair], in root: String) throws -> SampleSource {
        func pattern(_ folders: [Folder]) -> String? {
            let paths = folders.map { $0.path.split(separator: "/").map(String.init) }
            guard Set(paths.map(\.count)).count == 1 else { return nil }
            let names = paths[0].indices.map { place in
                paths.allSatisfy { $0[place] == paths[0][place] } ? paths[0][place] : "*"
            }
            guard names.count(where: { $0 == "*" }) == 1 else { return nil }
            let files = folders.flatMap(\.files)
            return (names + ["*.\(PairingAdvice.commonExtension(files))"]).joined(separator: "/")
        }
        guard let images = pattern(pairs.map(\.images)), let labels = pattern(pairs.map(\.labels)) else {
            let shown = pairs.prefix(3).map { $0.images.path.isEmpty ? "." : $0.images.path }.joined(separator: ", ")
            throw Failure.request(
                "\(root) has images and labels in \(pairs.count) places that no one pattern names (\(shown)): give one of "
                    + "the folders, or bring them into one")
        }
        return .files(images: images, labels: labels)
    }

    // MARK: - Labels that the user names

    /// The source where labels are given that lie elsewhere, or as a file or path with wildcards.
    private static func source(_ root: String, _ folders: [Folder], labels: String) throws -> SampleSource {
        guard Glob.isPattern(labels) || FileManager.default.fileExists(atPath: labels) else {
            throw Failure.request("--labels \(labels) does not exist: correct the path")
        }
        // Relative paths of a configuration begin in its root.
        let path = relative(labels, to: root) ?? realPath(labels)
        let own = Glob.isPattern(labels) ? parentFolder(path) : path
        let within = folders.filter { $0.path.isEmpty || $0.path != own && !$0.path.hasPrefix(own + "/") }
        let named = within.filter { $0.words.part == .images && $0.words.split != .test }
        let candidates = named.isEmpty ? within.filter { $0.words.part != .labels } : named
        guard let images = candidates.first, candidates.count == 1 || images.path.isEmpty else {
            let shown = candidates.prefix(3).map(\.path).joined(separator: ", ")
            throw Failure.request(
                candidates.isEmpty
                    ? "\(root) holds no images beside the labels: name the images' folder"
                    : "\(root) has images in several folders (\(shown)), and one of them goes with --labels \(labels): give that one"
            )
        }
        if Glob.isPattern(labels) {
            // The wildcard stands for what image and label share.
            let pattern = "*.\(PairingAdvice.commonExtension(images.files))"
            return .files(images: ImageFolder.join(images.path, pattern), labels: path)
        }
        guard let isFolder = Support.isFolder(labels) else {
            throw Failure.request("--labels \(labels) does not exist: correct the path")
        }
        let files = isFolder ? try ImageFolder.files(labels, of: "--labels") : [labels]
        let place = isFolder ? path : parentFolder(path)
        let inside = files.map { ImageFolder.join(place, ($0 as NSString).lastPathComponent) }
        let others = images.files.filter { !inside.contains($0) }
        guard let source = FilePairing.source(images: others, labels: inside) else {
            throw noPairs(images, in: root, labels)
        }
        return source
    }

    // MARK: - Failures

    private static func noPairs(_ images: Folder, in root: String, _ labels: String) -> Failure {
        .request(
            "the images of \(ImageFolder.join(root, images.path)) (\((images.files[0] as NSString).lastPathComponent)) and the "
                + "labels of \(labels) do not pair by their names: give each label its image's name")
    }

    private static func noLabels(_ folders: [Folder], in root: String) -> Failure {
        let count = folders.reduce(0) { $0 + $1.files.count }
        let places = folders.prefix(4).map { $0.path.isEmpty ? "itself" : $0.path }.joined(separator: ", ")
        let labels = folders.filter { $0.words.part == .labels }
        guard labels.isEmpty else {
            return .request(
                "\(root) has labels (\(labels[0].path)), and no images that go with them (image files are in \(places)): "
                    + "put the images into a folder images beside it")
        }
        return .request(
            "\(root) holds \(count) image file\(count == 1 ? "" : "s") (in \(places)\(folders.count > 4 ? ", …" : "")) and no labels "
                + "that can be told by their names: put them into folders images and labels, name them a.png and a_mask.png, "
                + "or say where they are with --labels PATH")
    }
}
