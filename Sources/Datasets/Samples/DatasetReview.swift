/// What a look at every image and label of a run shows.
public struct DatasetReview: Sendable {
    public let training: DatasetPart
    /// Without files where there is no validation.
    public let validation: DatasetPart

    public init(training: DatasetPart, validation: DatasetPart) {
        self.training = training
        self.validation = validation
    }

    /// What image and labels of each sample show, eight hexadecimal digits a sample: of the training samples in their order,
    /// then of the others. A sample whose digits are others was changed.
    package var contents: String {
        [training, validation].map { part in
            (0..<part.files).map { position in
                let hash = part.contents[position] ?? 0
                let digits = String(UInt32(truncatingIfNeeded: hash ^ hash >> 32), radix: 16)
                return String(repeating: "0", count: 8 - digits.count) + digits
            }.joined()
        }.joined()
    }

    /// Whether no validation image has a pixel of a class above 0, the objects.
    public var hasNoValidationObject: Bool {
        validation.files > 0 && validation.pixels.dropFirst().allSatisfy { $0 == 0 }
    }

    /// Throws `Failure.request` where the data cannot teach or measure anything.
    public func check() throws {
        try training.check("data.train")
        try validation.check("data.validation")
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
        if validation.files > 0 {
            let unseen = validation.pixels.indices.filter { validation.pixels[$0] == 0 && training.pixels[$0] > 0 }
            if !unseen.isEmpty {
                words.append(
                    "\(Self.list(unseen, classNames)) no pixel in the validation labels: what it is worth is not measured"
                )
            }
            words += sharedImages
        }
        words += training.remarks().map { "training: \($0)" }
        words += validation.remarks().map { "validation: \($0)" }
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
            "\(both.count) of \(validation.files) validation images \(both.count == 1 ? "is" : "are") also among the training "
                + "images (first: number \(first + 1) in the order of their names): scores of images that were trained on say "
                + "nothing of new ones"
        ]
    }
}
