import Support

/// What a look at the images and labels of a set shows; parts that were looked at apart can be joined.
public struct DatasetPart: Codable, Sendable {
    /// Where something was seen: in how many label files, and in which first.
    struct Sighting: Codable, Sendable {
        var files = 1
        /// Its position in the set, and its name.
        var position: Int
        var name: String

        mutating func add(_ other: Sighting) {
            files += other.files
            if other.position < position { (position, name) = (other.position, other.name) }
        }
    }

    /// How many label files were read.
    public private(set) var files = 0
    /// Pixels of each class.
    public private(set) var pixels: [Int]
    /// Pixels that count in no loss and no metric.
    public private(set) var ignoredPixels = 0
    private(set) var sightings: [LabelDoubt: Sighting] = [:]
    /// Of each image's samples, by its position in the set.
    private(set) var fingerprints: [Int: UInt64] = [:]
    /// Of each sample's image and labels, by its position in the set.
    package private(set) var contents: [Int: UInt64] = [:]

    /// Of no image yet.
    public init(classes: Int) { pixels = Array(repeating: 0, count: classes) }

    mutating func add(_ sample: Sample, of pair: SamplePair, position: Int) {
        add(sample.decoded, name: pair.labels.name, position: position)
        // Images without a structure are alike: of these, the file tells.
        fingerprints[position] = sample.fingerprint ?? pair.image.fileFingerprint
        contents[position] = sample.contents
    }

    /// Adds a label file alone.
    public mutating func add(_ decoded: DecodedLabels, name: String, position: Int) {
        let counts = decoded.counts ?? ClassCounts(decoded.labels, classes: pixels.count)
        files += 1
        for c in pixels.indices { pixels[c] += counts.pixels[c] }
        ignoredPixels += counts.ignored
        let isEmpty = counts.pixels.allSatisfy { $0 == 0 }
        for doubt in isEmpty ? decoded.doubts.union([.nothingCounts]) : decoded.doubts {
            add(doubt, Sighting(position: position, name: name))
        }
    }

    public mutating func add(_ other: DatasetPart) {
        files += other.files
        for c in pixels.indices { pixels[c] += other.pixels[c] }
        ignoredPixels += other.ignoredPixels
        for (doubt, sighting) in other.sightings { add(doubt, sighting) }
        fingerprints.merge(other.fingerprints) { first, _ in first }
        contents.merge(other.contents) { first, _ in first }
    }

    private mutating func add(_ doubt: LabelDoubt, _ sighting: Sighting) {
        if sightings[doubt]?.add(sighting) == nil { sightings[doubt] = sighting }
    }

    /// "background 83.1 %, cell 16.9 %" of the pixels that count, and how many do not.
    public func shares(classNames: [String]) -> String {
        let total = max(1, pixels.reduce(0, +))
        let percent = { (part: Int, of: Int) in "\(decimals(100 * Double(part) / Double(of), 1)) %" }
        let shares = zip(classNames, pixels).map { "\($0) \(percent($1, total))" }.joined(separator: ", ")
        return ignoredPixels == 0
            ? shares : "\(shares); \(percent(ignoredPixels, total + ignoredPixels)) of all pixels are ignored"
    }

    /// What is doubtful about the label files.
    public func remarks(except known: Set<LabelDoubt> = []) -> [String] {
        LabelDoubt.allCases.filter { !known.contains($0) }
            .compactMap { doubt in files(with: doubt).flatMap { doubt.remark(on: $0) } }
    }

    /// "label a.png" or "3 labels (first: a.png)" of the files in doubt; nil where there are none.
    public func files(with doubt: LabelDoubt) -> String? {
        sightings[doubt].map { $0.files == 1 ? "label \($0.name)" : "\($0.files) labels (first: \($0.name))" }
    }

    /// Throws `Failure.request` where the labels cannot teach or measure anything.
    ///
    /// - Parameters:
    ///   - what: they are, for the error: a key or an option.
    ///   - noun: one of them.
    public func check(_ what: String, noun: String = "label") throws {
        guard files > 0 else { return }
        guard pixels.contains(where: { $0 > 0 }) else {
            throw Failure.request(
                "\(what): no pixel of its \(files == 1 ? noun : "\(files) \(noun)s") counts for any class, since all have "
                    + "the value that is ignored (data.ignore_index, data.ignore_color): correct that value or the labels"
            )
        }
        if let copy = sightings[.isItsImage], copy.files == files {
            throw Failure.request(
                "\(what): every \(noun) has the very pixels of its image (first: \(copy.name)), so that there is nothing to learn: "
                    + "name the labels' own files")
        }
        if let noZero = sightings[.noZero], noZero.files == files {
            throw Failure.request(
                "\(what): no \(noun) has a pixel of value 0, but several values each (first: \(noZero.name)), and with "
                    + "data.labels: binary every pixel is class 1: set data.labels: index, with data.ignore_index or one "
                    + "class more, or store the background as 0")
        }
    }
}
