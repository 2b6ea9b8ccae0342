import Datasets
import Testing

@Suite("What a look at all labels shows") struct DatasetReviewTests {
    let folder: DataFolder

    init() throws { folder = try DataFolder() }

    /// A sample of 2×2 pixels.
    private func sample(_ stem: String, _ labels: [UInt16], image: [UInt16]? = nil) throws -> SamplePair {
        let own = UInt16(stem.unicodeScalars.reduce(0) { $0 + Int($1.value) } % 200)
        return try folder.sample(stem, 2, image: image ?? [own, 1, 2, own / 2], labels: labels)
    }

    private func review(
        _ encoding: LabelEncoding, classes: Int = 2, ignore: Int? = nil, _ training: [SamplePair],
        _ validation: [SamplePair] = []
    ) throws -> DatasetReview {
        let reader = SampleReader(inputChannels: 1, classes: classes, encoding: encoding, ignoreValue: ignore)
        let parts = try [training, validation].map { pairs in
            let check = checkSamples(pairs, cache: SampleCache(reader: reader, megabytes: 1))
            if let failure = check.failure { throw failure.reason }
            return check.part
        }
        return DatasetReview(training: parts[0], validation: parts[1])
    }

    private let names = ["background", "cell", "wall"]

    @Test func absentClasses() throws {
        let review = try review(
            .index, classes: 3, [sample("a", [0, 0, 1, 1]), sample("b", [0, 0, 0, 0])], [sample("v", [0, 0, 0, 0])])
        try review.check()
        let remarks = review.remarks(classNames: names)
        #expect(remarks.count == 2)
        #expect(remarks[0].hasPrefix("wall has no pixel in the training labels"))
        #expect(remarks[1].hasPrefix("cell has no pixel in the validation labels"))
        #expect(review.hasNoValidationObject)
        #expect(review.training.shares(classNames: names) == "background 75.0 %, cell 25.0 %, wall 0.0 %")
    }

    @Test func nothingCounts() throws {
        let empty = try sample("a", [255, 255, 255, 255])
        let some = try sample("b", [0, 255, 1, 1])
        expectFailure("data.train: no pixel of its label counts for any class", "data.ignore_index") {
            try review(.index, ignore: 255, [empty]).check()
        }
        expectFailure("data.validation: no pixel of its label counts") {
            try review(.index, ignore: 255, [some], [empty]).check()
        }
        let partly = try review(.index, ignore: 255, [some, empty])
        try partly.check()
        #expect(
            partly.remarks(classNames: names) == [
                "training: label \(folder.labels)/a.png in which no pixel counts: all are ignored"
            ])
        #expect(partly.training.shares(classNames: names).hasSuffix("; 62.5 % of all pixels are ignored"))
    }

    @Test func binaryWithoutAZero() throws {
        let (a, b) = (try sample("a", [1, 2, 1, 2]), try sample("b", [2, 1, 2, 2]))
        expectFailure("data.train: no label has a pixel of value 0", "first: \(folder.labels)/a.png", "index") {
            try review(.binary, [a, b]).check()
        }
        let mixed = try review(.binary, [a, b, sample("c", [0, 1, 0, 1])])
        try mixed.check()
        #expect(
            mixed.remarks(classNames: names).contains {
                $0.contains("2 labels (first: \(folder.labels)/a.png) with several values and no 0")
            })
    }

    @Test("Images of both sets are found by their file, and copies by their pixels") func imagesOfBothSets() throws {
        let (a, b, c) = (
            try sample("a", [0, 1, 1, 0]), try sample("b", [0, 1, 1, 0]), try sample("c", [0, 1, 1, 0])
        )
        func remarks(_ validation: [SamplePair]) throws -> [String] {
            try review(.binary, [a, b], validation).remarks(classNames: names)
        }
        #expect(try remarks([c]).isEmpty)
        #expect(
            try remarks([c, b])[0].hasPrefix(
                "1 of 2 validation images is also among the training images (first: number 2"))
        // A copy under another name, as another kind of file, with labels of its own.
        let copy = SamplePair(
            stem: "x", image: ImagePage(try folder.tiff("x.tif", .init(2, [UInt8(97), 1, 2, 48]))),
            labels: ImagePage(try folder.grey("labels/x.png", 2, [0, 0, 1, 1])))
        #expect(try remarks([copy])[0].contains("also among the training images"))
        // Blank images are alike, and yet not the same.
        let blank = try (0..<2).map { try sample("blank\($0)", [0, 1, 1, 0], image: [7, 7, 7, 7]) }
        #expect(try review(.binary, [a, blank[0]], [blank[1]]).remarks(classNames: names).isEmpty)
        #expect(try review(.binary, [a, blank[0]], [blank[0]]).remarks(classNames: names).count == 1)
    }

    @Test func doubtsOfSetsAreCounted() throws {
        let numbered = try ["a", "b", "c"].map { try sample($0, $0 == "c" ? [0, 0, 1, 1] : [0, 0, 1, 2]) }
        let remarks = try review(.binary, numbered).remarks(classNames: names)
        #expect(remarks.count == 1)
        #expect(
            remarks[0].hasPrefix("training: 2 labels (first: \(folder.labels)/a.png) with different values that touch"))
        let masks = try [sample("d", [255, 0, 0, 255])]
        #expect(try review(.instances, masks).remarks(classNames: names)[0].contains("set data.labels: binary"))
        #expect(
            try review(.instances, numbered, masks).remarks(classNames: names).contains {
                $0.hasPrefix("validation: label \(folder.labels)/d.png with one number")
            })
    }

    @Test func anImageThatIsItsOwnLabelIsRefused() throws {
        let grey = try folder.sample("a", 3, image: [0, 1, 2, 2, 1, 0], labels: [0, 1, 2, 2, 1, 0])
        expectFailure("label \(folder.labels)/a.png has the very pixels of image \(folder.images)/a.png") {
            try review(.index, classes: 3, [grey])
        }
        // One mask may be its own image, but not all.
        let mask = try folder.sample("b", 3, image: [0, 1, 1, 1, 1, 0], labels: [0, 1, 1, 1, 1, 0])
        let other = try sample("c", [0, 1, 1, 0])
        let mixed = try review(.index, [mask, other])
        try mixed.check()
        #expect(mixed.remarks(classNames: names)[0].contains("with the very pixels of the image"))
        expectFailure("data.train: every label has the very pixels of its image") { try review(.index, [mask]).check() }
    }
}
