import Datasets
import Images
import Support

/// What a look at a folder of images and labels shows.
package struct FoundData: Sendable {
    /// The folder as the user called it.
    package var root: String
    /// What a configuration calls the training images, from the root.
    package var train: SampleSource
    /// Images of their own to validate on.
    package var validation: SampleSource?
    /// Images of a test split, from the root.
    package var test: String?
    package var pages: PageMeaning
    package var trainCount: Int
    package var validationCount = 0
    /// Images without a label, which are left out.
    package var unlabelled = 0
    package var images: FoundImages
    package var labels: FoundLabels
    /// What is to be known, each a line.
    package var notes: [String] = []

    package init(
        root: String, train: SampleSource, validation: SampleSource? = nil, pages: PageMeaning = .auto, trainCount: Int,
        validationCount: Int = 0, images: FoundImages, labels: FoundLabels
    ) {
        (self.root, self.train, self.validation, self.pages) = (root, train, validation, pages)
        (self.trainCount, self.validationCount, self.images, self.labels) = (
            trainCount, validationCount, images, labels
        )
    }

    /// Looks at a folder, or at one file of images whose labels are named.
    ///
    /// - Parameters:
    ///   - labels: where the labels are; nil: to be found by names.
    ///   - progress: is told of what is being read.
    ///
    /// Throws `Failure.request` where there is nothing to train on, or where it takes a person to say what is what.
    package init(_ root: String, labels: String?, progress: (String) -> Void = { _ in }) throws {
        guard let isFolder = Support.isFolder(root) else {
            throw Failure.request("\(root) does not exist: name the folder of your images")
        }
        if let labels, labels.isEmpty { throw Failure.request("--labels is empty: name the labels' folder") }
        if isFolder {
            progress("looking at the names in \(root)")
            let found = try FolderSurvey(root, labels: labels)
            (self.root, train, validation, test, notes) =
                (root, found.train, found.validation, found.test, found.notes)
        } else {
            guard let labels else {
                throw Failure.request("\(root) is a file: name its labels with --labels, or give the folder of both")
            }
            (self.root, train) = (".", .files(images: root, labels: labels))
        }
        let place = self.root
        let resolve = { (path: String) in path.hasPrefix("/") || place == "." ? path : ImageFolder.join(place, path) }
        let (samples, meaningOfPages) = try Self.samples(train, resolve)
        pages = meaningOfPages
        let others = try validation?.samples(pages: meaningOfPages, resolve: resolve)
        trainCount = samples.pairs.count
        validationCount = others?.pairs.count ?? 0
        unlabelled = samples.unlabelled + (others?.unlabelled ?? 0)
        let pairs = samples.pairs + (others?.pairs ?? [])
        progress("looking at \(pairs.count) images")
        images = try FoundImages(pairs.map(\.image))
        let evidence = try LabelEvidence(pairs.map(\.labels)) { index in
            progress("looking at label \(index + 1) of \(pairs.count)")
        }
        let names = isFolder ? ClassNames(beside: root) : ClassNames()
        let meaning = try LabelRules.labels(evidence, names: names)
        self.labels = meaning
        notes += meaning.notes
        if let path = names.path, !Set(names.entries.map(\.name)).isDisjoint(with: meaning.classes.map(\.name)) {
            notes.append("class names are those of \(path)")
        }
    }

    /// The pairs of a source. A stack beside a single label is one image of several channels, whatever its metadata say.
    private static func samples(
        _ source: SampleSource, _ resolve: (String) -> String
    ) throws -> (SampleSet, PageMeaning) {
        do {
            return (try source.samples(resolve: resolve), .auto)
        } catch {
            if let set = try? source.samples(pages: .channels, resolve: resolve) { return (set, .channels) }
            throw error
        }
    }
}

extension FoundData {
    /// What was found, for people: a subject and what there is to say of it.
    package var rows: [(subject: String, words: String)] {
        var rows = [("images", images.words), ("labels", labels.words)]
        rows.append(("pairs", "\(trainCount) from \(Self.words(train))"))
        if let validation { rows.append(("", "\(validationCount) to validate on from \(Self.words(validation))")) }
        if unlabelled > 0 {
            rows.append(("left out", "\(unlabelled) image\(unlabelled == 1 ? "" : "s") without a label"))
        }
        if images.transparent > 0 {
            rows.append(
                ("left out", "transparency (alpha) of \(images.transparent) image\(images.transparent == 1 ? "" : "s")")
            )
        }
        if let test { rows.append(("test", "\(test), for lockstep predict or evaluate")) }
        let shares = labels.classes.prefix(12).map { "\($0.name) \(decimals(100 * $0.share, 1)) %" }
        rows.append(
            (
                "classes",
                shares.joined(separator: ", ") + (labels.classes.count > 12 ? ", …" : "")
                    + (labels.ignoredShare > 0 ? "; void \(decimals(100 * labels.ignoredShare, 1)) % of all" : "")
            ))
        return rows
    }

    private static func words(_ source: SampleSource) -> String {
        switch source {
        case .files(let images, let labels): "\(images) and \(labels)"
        case .list(let path): path
        }
    }
}

extension FoundData: Encodable {
    private enum Keys: CodingKey {
        case root, train, validation, test, pages, trainImages, validationImages, unlabelled, images, labels
    }

    package func encode(to encoder: any Encoder) throws {
        func words(_ source: SampleSource) -> [String: String] {
            switch source {
            case .files(let images, let labels): ["images": images, "labels": labels]
            case .list(let path): ["list": path]
            }
        }
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(root, forKey: .root)
        try container.encode(words(train), forKey: .train)
        try container.encodeIfPresent(validation.map(words), forKey: .validation)
        try container.encodeIfPresent(test, forKey: .test)
        try container.encode(pages.rawValue, forKey: .pages)
        try container.encode(trainCount, forKey: .trainImages)
        try container.encode(validationCount, forKey: .validationImages)
        try container.encode(unlabelled, forKey: .unlabelled)
        try container.encode(images, forKey: .images)
        try container.encode(labels, forKey: .labels)
    }
}
