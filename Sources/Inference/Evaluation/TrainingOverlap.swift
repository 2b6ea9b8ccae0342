import Configurations
import Datasets
import Foundation
import Images
import Support

/// How many of the images of an evaluation a model was trained on: scores on these say little about others.
public struct TrainingOverlap: Codable, Sendable {
    /// The model's file.
    public let checkpoint: String
    /// Images of the evaluation that are training images, or copies of such.
    public let images: Int
    /// Whether the run's images are known to be those it was trained on; else they are what its configuration names now.
    public let isCertain: Bool

    /// Compares files, links followed, and the pixels of images of one shape, whatever files hold them.
    ///
    /// Images held back for validation count as none. Nil for weights without a configuration, and where the run's images
    /// are not to be found from here.
    init?(of model: TrainedModel, with pages: [ImagePage]) {
        guard var configuration = model.configuration else { return nil }
        // The file is in the run's folder of checkpoints.
        let run = (realPath(model.path) as NSString).deletingLastPathComponent as NSString
        if let place = configuration.startingFolder(ofRun: run.deletingLastPathComponent) {
            configuration.data.root = place
        }
        guard let (train, validation) = try? Self.samples(of: configuration) else { return nil }
        let isSame = model.imagesDigest == SamplePair.digest(train, validation)
        let isSplit = if case .split(let split) = configuration.data.validation { split != .none } else { false }
        // Which images another set of files held back cannot be told.
        let trained = isSame || !isSplit ? train : train + validation
        let files = ImageFiles(trained.map(\.image))
        checkpoint = model.path
        images = pages.count { files.contains($0) }
        isCertain = isSame && Self.isAbsolute(configuration.data)
    }

    /// A note for the user; nil where no image was trained on.
    func note(of count: Int) -> String? {
        guard images > 0 else { return nil }
        let what =
            images == count ? count == 1 ? "the image" : "all \(count) images" : "\(images) of the \(count) images"
        let verb = images == 1 ? isCertain ? "is" : "seems to be" : isCertain ? "are" : "seem to be"
        return
            "\(what) \(verb) among those that \(checkpoint) was trained on: scores on them say little about new images"
    }

    private static func samples(
        of configuration: Configuration
    ) throws -> (train: [SamplePair], validation: [SamplePair]) {
        let data = configuration.data
        let pairs = try data.train.samples(pages: data.pages, resolve: data.resolve).pairs
        switch data.validation {
        // Without them the training images are known all the same.
        case .samples(let source):
            return (pairs, (try? source.samples(pages: data.pages, resolve: data.resolve).pairs) ?? [])
        case .split(let split): return try split.apply(to: pairs, seed: configuration.seed)
        }
    }

    /// Whether the training images' paths lead to the same files from everywhere.
    private static func isAbsolute(_ data: Configuration.Data) -> Bool {
        switch data.train {
        case .files(let images, _): data.resolve(images).hasPrefix("/")
        case .list(let list): data.resolve(list).hasPrefix("/")
        }
    }
}

extension Configuration {
    /// `data.root` as it was where the run was started: told by where its own folder is, since relative paths begin there.
    /// Nil where the root is absolute, and where the run's folder was named otherwise than by the configuration.
    package func startingFolder(ofRun path: String) -> String? {
        let run = realPath(path)
        let parts = "\(self.run.output)/\(name)".split(separator: "/").filter { $0 != "." }
        let ending = "/" + parts.joined(separator: "/")
        guard !data.root.hasPrefix("/"), !self.run.output.hasPrefix("/"), run.hasSuffix(ending) else { return nil }
        return "\(run.dropLast(ending.count))/\(data.root)"
    }
}

/// Image files, to be asked whether another is one of them or has the same pixels.
private final class ImageFiles {
    private struct Place: Hashable {
        let path: String
        let page: Int?
    }

    /// What images must have in common before their pixels are compared.
    private struct Shape: Hashable {
        let width: Int
        let height: Int
        let channels: Int
    }

    private let places: Set<Place>
    private let pages: [ImagePage]
    /// The images by their shapes, once a file that is none of them has been asked for.
    private lazy var byShape = Dictionary(grouping: pages, by: Self.shape)
    private var fingerprints: [ImagePage: UInt64?] = [:]

    init(_ pages: [ImagePage]) {
        self.pages = pages
        places = Set(pages.map { Place(path: realPath($0.path), page: $0.page) })
    }

    func contains(_ page: ImagePage) -> Bool {
        if places.contains(Place(path: realPath(page.path), page: page.page)) { return true }
        guard let shape = Self.shape(page), let alike = byShape[shape], let own = fingerprint(page) else {
            return false
        }
        return alike.contains { fingerprint($0) == own }
    }

    private static func shape(_ page: ImagePage) -> Shape? {
        (try? page.readHeader()).map { Shape(width: $0.width, height: $0.height, channels: $0.channels) }
    }

    /// Nil of an image that cannot be read, or has no structure to be known by.
    private func fingerprint(_ page: ImagePage) -> UInt64? {
        if let known = fingerprints[page] { return known }
        let fingerprint = (try? page.read())?.fingerprint
        fingerprints[page] = .some(fingerprint)
        return fingerprint
    }
}
