import Support

/// What a look at every image and label of a set shows; parts that were looked at apart can be joined.
public struct DatasetPart: Codable, Sendable {
    /// Where something was seen: in how many images, and in which first.
    struct Sighting: Codable, Sendable {
        var images = 0
        /// Its position in the set, and its label file.
        var position = Int.max
        var name = ""

        mutating func add(_ other: Sighting) {
            images += other.images
            if other.position < position { (position, name) = (other.position, other.name) }
        }

        /// "3 labels (first: labels/a.png)".
        var text: String { images == 1 ? "label \(name)" : "\(images) labels (first: \(name))" }
    }

    /// How many samples were read.
    public private(set) var images = 0
    /// Pixels of each class.
    public private(set) var pixels: [Int]
    /// Pixels that count in no loss and no metric.
    public private(set) var ignoredPixels = 0
    private(set) var whiteIsZero = Sighting()
    private(set) var thinValues = Sighting()
    private(set) var mergesObjects = Sighting()
    private(set) var hasNoZero = Sighting()
    private(set) var sharedNumber = Sighting()
    private(set) var nothingCounts = Sighting()
    /// Of each image's values, by its position in the set.
    private(set) var fingerprints: [Int: UInt64] = [:]

    /// Of no image yet.
    public init(classes: Int) { pixels = Array(repeating: 0, count: classes) }

    mutating func add(_ sample: Sample, of pair: SamplePair, position: Int) {
        let (counts, ignored) = sample.labels.pixelCounts(classes: pixels.count)
        images += 1
        for c in pixels.indices { pixels[c] += counts[c] }
        ignoredPixels += ignored
        // Images without a structure are alike: of these, the file tells.
        fingerprints[position] = sample.image.isConstant ? pair.image.fileFingerprint : sample.image.fingerprint
        let seen = Sighting(images: 1, position: position, name: pair.labels.name)
        let doubts = sample.doubts
        if doubts.isWhiteZero { whiteIsZero.add(seen) }
        if doubts.hasThinValues { thinValues.add(seen) }
        if doubts.mergesObjects { mergesObjects.add(seen) }
        if doubts.hasNoZero { hasNoZero.add(seen) }
        if doubts.sharedNumber != nil { sharedNumber.add(seen) }
        if counts.allSatisfy({ $0 == 0 }) { nothingCounts.add(seen) }
    }

    public mutating func add(_ other: DatasetPart) {
        images += other.images
        for c in pixels.indices { pixels[c] += other.pixels[c] }
        ignoredPixels += other.ignoredPixels
        whiteIsZero.add(other.whiteIsZero)
        thinValues.add(other.thinValues)
        mergesObjects.add(other.mergesObjects)
        hasNoZero.add(other.hasNoZero)
        sharedNumber.add(other.sharedNumber)
        nothingCounts.add(other.nothingCounts)
        fingerprints.merge(other.fingerprints) { first, _ in first }
    }

    /// "background 83.1 %, cell 16.9 %" of the pixels that count, and how many do not.
    public func shares(classNames: [String]) -> String {
        let total = max(1, pixels.reduce(0, +))
        let percent = { (part: Int, of: Int) in "\(decimals(100 * Double(part) / Double(of), 1)) %" }
        let shares = zip(classNames, pixels).map { "\($0) \(percent($1, total))" }.joined(separator: ", ")
        return ignoredPixels == 0
            ? shares : "\(shares); \(percent(ignoredPixels, total + ignoredPixels)) of all pixels are ignored"
    }

    /// What is doubtful about the labels of the set.
    fileprivate var doubts: [String] {
        var words: [String] = []
        if whiteIsZero.images > 0 {
            words.append(
                "\(whiteIsZero.text) stored with 0 as white (MinIsWhite, an inverting look-up table): the numbers are taken as "
                    + "stored, whatever a viewer shows")
        }
        if thinValues.images > 0 {
            words.append(
                "\(thinValues.text) with values that only lie between others, on edges a pixel wide: right for a class of "
                    + "borders, wrong if the labels were resized or compressed with loss")
        }
        if mergesObjects.images > 0 {
            words.append(
                "\(mergesObjects.text) with different values that touch, which data.labels: binary makes one object: if they "
                    + "number objects, data.labels: instances keeps them apart; if they are classes, use index")
        }
        if hasNoZero.images > 0 {
            words.append(
                "\(hasNoZero.text) with several values and no 0: with data.labels: binary all of it is class 1; if one of the "
                    + "values is the background, set data.labels: index or palette")
        }
        if sharedNumber.images > 0 {
            words.append(
                "\(sharedNumber.text) with one number for regions that do not touch, which data.labels: instances takes for "
                    + "one object: if they are masks, set data.labels: binary")
        }
        if nothingCounts.images > 0 { words.append("\(nothingCounts.text) in which no pixel counts: all are ignored") }
        return words
    }
}

/// What a look at every image and label of a run shows.
public struct DatasetReview: Sendable {
    public let training: DatasetPart
    /// Without images where there is no validation.
    public let validation: DatasetPart

    public init(training: DatasetPart, validation: DatasetPart) {
        self.training = training
        self.validation = validation
    }

    /// Whether no validation image has a pixel of a class above 0, the objects.
    public var hasNoValidationObject: Bool {
        validation.images > 0 && validation.pixels.dropFirst().allSatisfy { $0 == 0 }
    }

    /// Throws `Failure.request` where the data cannot teach or measure anything.
    public func check() throws {
        for (part, key) in [(training, "data.train"), (validation, "data.validation")] where part.images > 0 {
            guard part.pixels.contains(where: { $0 > 0 }) else {
                throw Failure.request(
                    "\(key): no pixel of its \(part.images == 1 ? "label" : "\(part.images) labels") counts for any class, since all have the "
                        + "value that is ignored (data.ignore_index, data.ignore_color): correct that value or the labels"
                )
            }
            guard part.hasNoZero.images < part.images else {
                throw Failure.request(
                    "\(key): no label has a pixel of value 0, but several values each (first: \(part.hasNoZero.name)), and with "
                        + "data.labels: binary every pixel is class 1: set data.labels: index, with data.ignore_index or one "
                        + "class more, or store the background as 0")
            }
        }
    }

    /// What the user should know of the data.
    ///
    /// - Parameter classNames: for each class.
    public func remarks(classNames: [String]) -> [String] {
        var words: [String] = []
        let absent = training.pixels.indices.filter { training.pixels[$0] == 0 }
        if !absent.isEmpty {
            words.append(
                "\(Self.list(absent, classNames)) no pixel in the training labels: it cannot be learnt from them; check "
                    + "data.labels and model.classes")
        }
        if validation.images > 0 {
            let unseen = validation.pixels.indices.filter { validation.pixels[$0] == 0 && training.pixels[$0] > 0 }
            if !unseen.isEmpty {
                words.append(
                    "\(Self.list(unseen, classNames)) no pixel in the validation labels: what it is worth is not measured"
                )
            }
            words += sharedImages
        }
        words += training.doubts.map { "training: \($0)" }
        words += validation.doubts.map { "validation: \($0)" }
        return words
    }

    private static func list(_ classes: [Int], _ names: [String]) -> String {
        let shown = classes.prefix(5).map { names[$0] }.joined(separator: ", ")
        return classes.count > 5
            ? "\(shown) and \(classes.count - 5) more have" : "\(shown) \(classes.count == 1 ? "has" : "have")"
    }

    /// The images that are in both sets, by their values.
    private var sharedImages: [String] {
        let trained = Dictionary(training.fingerprints.map { ($1, $0) }, uniquingKeysWith: min)
        let both = validation.fingerprints.filter { trained[$0.value] != nil }
        guard let first = both.keys.min() else { return [] }
        return [
            "\(both.count) of \(validation.images) validation images \(both.count == 1 ? "is" : "are") also among the training "
                + "images (first: number \(first + 1) in the order of their names): scores of images that were trained on say "
                + "nothing of new ones"
        ]
    }
}
