import Images
import Kernels
import Support

extension LabelEncoding {
    /// Decodes a label file's image, read as numbers (`SampleMeaning.numbers`), whose samples are whole numbers from 0 to
    /// 65535.
    ///
    /// `ignoreValue` is a raw label value whose pixels become `LabelMap.ignored`, before it is asked which class they
    /// have. The raw value is
    /// - of grey and palette files the sample as the file holds it (packed grey is not scaled, MinIsWhite is not turned
    ///   round, a palette PNG's is its index), which with `binary` is the value before it is compared with 0;
    /// - of RGB files with `binary` the grey value that all three channels share, so that no coloured pixel is ignored;
    /// - with `palette` the colour's position in the list, which may have more colours than there are classes: with 2
    ///   classes, the third can be the one to ignore.
    ///
    /// With `palette`, pixels of `ignoreColor`, which need not be in the list, become `LabelMap.ignored` too.
    ///
    /// With `palette` a file is taken as the picture that it shows: a palette PNG by its colours, MinIsWhite turned round,
    /// grey as the colour with three equal channels, scaled to 8 bits. With `binary` a palette file is taken by its
    /// indices where its colours agree with them (index 0, and no other, is black), and by its colours where only they can
    /// be meant. With `index` and `instances`, an RGB file is refused.
    ///
    /// Throws `Failure.request` that names `path`: the first wrong pixel (row and column from 0) and its value, or why the
    /// file cannot hold the labels as they were drawn.
    public func decode(
        _ raster: RasterImage, classes: Int, ignoreValue: Int?, ignoreColor: RGBColor? = nil, path: String
    ) throws -> DecodedLabels {
        let raster = try raster.labelValues(path: path)
        if isPalette, let colors = raster.palette {
            let used = LabelHistogram(raster.samples, maximum: raster.maximum).counts.map { Int($0.value) }
            try colors.check(used, path: path, advice: "set data.labels: index if the indices are classes")
        }
        let decoded: DecodedLabels
        switch (isPalette ? raster.shown() : raster).channels {
        case 1:
            decoded = try decodeNumbers(
                raster, classes: classes, ignoreValue: ignoreValue, ignoreColor: ignoreColor, path: path)
        case 3:
            decoded = try decodePicture(
                raster.shown(), classes: classes, ignoreValue: ignoreValue, ignoreColor: ignoreColor, path: path)
        default:
            throw Failure.request(
                "label \(path) has \(raster.channels) values a pixel: save it as grey, with one (of one channel a class, "
                    + "one-hot, the number of the channel that is set), or as RGB")
        }
        // Indices say all; what alpha says beside them follows from the palette.
        if raster.palette == nil || self == .binary { try checkAlpha(of: raster, decoded.labels, path: path) }
        return decoded
    }

    /// Refuses transparency that says what the labels do not: pixels of one class are to be transparent alike.
    private func checkAlpha(of raster: RasterImage, _ labels: LabelMap, path: String) throws {
        guard let alpha = raster.alpha else { return }
        var first: [Int32: UInt16] = [:]
        for pixel in 0..<raster.width * raster.height {
            let known = first[labels.values[pixel], default: alpha[pixel]]
            guard known == alpha[pixel] else {
                throw Failure.request(
                    "label \(path) is transparent in a part of class \(labels.values[pixel]), and a mask in the alpha "
                        + "channel is not read: save the labels as grey without alpha (of ImageMagick, convert IN -alpha "
                        + "extract OUT makes the mask from alpha, -alpha off leaves alpha out)")
            }
            first[labels.values[pixel]] = known
        }
    }

    // MARK: - One sample a pixel

    /// What stands for a value that is no class.
    static let unknown: Int32 = -2

    private func decodeNumbers(
        _ raster: RasterImage, classes: Int, ignoreValue: Int?, ignoreColor: RGBColor?, path: String
    ) throws -> DecodedLabels {
        let shown = isPalette ? raster.shown() : raster
        let histogram = LabelHistogram(shown.samples, maximum: shown.maximum)
        let table = try classTable(
            shown, histogram, classes: classes, ignoreValue: ignoreValue, ignoreColor: ignoreColor, path: path)
        let map = LabelMap(height: shown.height, width: shown.width)
        let out = map.values.baseAddress!
        let failing: Int? = shown.samples.withUnsafeBufferPointer { samples in
            table.withUnsafeBufferPointer { table in
                for i in 0..<samples.count {
                    let label = table[Int(samples[i])]
                    if label == Self.unknown { return i }
                    out[i] = label
                }
                return nil
            }
        }
        var doubts: Set<LabelDoubt> = raster.isWhiteZero && !isPalette ? [.whiteIsZero] : []
        let numbers = histogram.numbers(ignored: ignoreValue)
        if numbers.count > 1 || failing != nil {
            try judgeEdges(shown, histogram, ignoreValue: ignoreValue, path: path, &doubts)
        }
        if let failing { throw outside(failing, of: shown, classes: classes, path: path) }
        if self == .binary, numbers.count > 1 {
            doubts.insert(.manyValues)
            if histogram.counts[0].value != 0 { doubts.insert(.noZero) }
            let isMerged = shown.samples.touches(width: shown.width) {
                $0 != $1 && $0 != 0 && $1 != 0 && Int($0) != ignoreValue && Int($1) != ignoreValue
            }
            if isMerged { doubts.insert(.mergedObjects) }
        }
        let objects = objects(shown, ignoreValue: ignoreValue)
        if let objects {
            TouchingObjects.part(map, objects: objects)
            doubts.formUnion(
                Set(objects: objects, classes: map, numbers: numbers.count, hasZero: histogram.counts[0].value == 0))
        }
        return DecodedLabels(
            labels: map, instances: objects, doubts: doubts,
            counts: objects == nil ? ClassCounts(histogram, table, classes: classes) : nil)
    }

    /// The class of each raw value up to the largest.
    private func classTable(
        _ raster: RasterImage, _ histogram: LabelHistogram, classes: Int, ignoreValue: Int?, ignoreColor: RGBColor?,
        path: String
    ) throws -> [Int32] {
        let maximum = Int(raster.maximum)
        if self == .binary, let colors = raster.palette {
            let used = histogram.counts.map { Int($0.value) }
            let classes = try BinaryPalette(colors, used: used.filter { $0 != ignoreValue }, path: path).classes
            return (0..<max(classes.count, (used.last ?? 0) + 1)).map { index in
                index == ignoreValue ? LabelMap.ignored : index < classes.count ? classes[index] : Self.unknown
            }
        }
        return (0...Int(histogram.counts.last?.value ?? 0)).map { raw in
            greyClass(
                of: raw, maximum: maximum, classes: classes, ignoreValue: ignoreValue, ignoreColor: ignoreColor)
        }
    }

    private func greyClass(
        of raw: Int, maximum: Int, classes: Int, ignoreValue: Int?, ignoreColor: RGBColor?
    ) -> Int32 {
        if case .palette(let colors) = self {
            let color = Self.greyColor(raw, maximum: maximum)
            if let color, color == ignoreColor { return LabelMap.ignored }
            guard let color, let position = colors.firstIndex(of: color) else {
                return Self.unknown
            }
            return Self.label(position, classes: classes, ignoreValue: ignoreValue)
        }
        if raw == ignoreValue { return LabelMap.ignored }
        if case .index = self { return raw < classes ? Int32(raw) : Self.unknown }
        return raw == 0 ? 0 : 1
    }

    private func objects(_ raster: RasterImage, ignoreValue: Int?) -> LabelMap? {
        guard self == .instances else { return nil }
        let map = LabelMap(height: raster.height, width: raster.width)
        for pixel in 0..<raster.height * raster.width {
            let number = Int32(raster.samples[pixel])
            map.values[pixel] = Int(number) == ignoreValue ? 0 : number
        }
        return map
    }

    /// Refuses values that nobody has given, and notes those that may be.
    private func judgeEdges(
        _ raster: RasterImage, _ histogram: LabelHistogram, ignoreValue: Int?, path: String,
        _ doubts: inout Set<LabelDoubt>
    ) throws {
        let edges = SoftEdges(raster.samples, width: raster.width, height: raster.height, ignored: ignoreValue)
        // A few small numbers are classes, whoever asks whether they are 0.
        let areClasses = self == .index || self == .binary && (histogram.counts.last?.value ?? 0) < 32
        let isCertain =
            areClasses
            ? edges.isCertainOfClasses
            : edges.isCertainOfNumbers
                || edges.hasRipples && histogram.isNearlyTwoValues(maximum: Int(raster.maximum))
        guard isCertain else {
            if areClasses, edges.hasSlopes { doubts.insert(.thinValues) }
            return
        }
        throw Self.soft(path, values: histogram.counts.count)
    }

    /// Why labels with values or colours that nobody has given are refused.
    static func soft(_ path: String, values: Int, _ what: String = "values") -> Failure {
        .request(
            "label \(path) has \(values) \(what), most of them between others along the edges: it was compressed with loss "
                + "(JPEG), resized with interpolation or drawn with smooth edges; make it anew without (nearest neighbour, "
                + "no anti-aliasing), or, if it is a mask of two classes, set every pixel to 0 or 255 (of ImageMagick, convert "
                + "IN -separate -evaluate-sequence max -auto-level -threshold 50% OUT)")
    }

    // MARK: - Colours

    /// A sample in 8 bits; nil where they cannot say it.
    static func level(_ raw: Int, maximum: Int) -> UInt8? {
        raw <= maximum && raw * 255 % maximum == 0 ? UInt8(raw * 255 / maximum) : nil
    }

    /// The colour that a grey value shows; nil where 8 bits cannot say it.
    private static func greyColor(_ raw: Int, maximum: Int) -> RGBColor? {
        level(raw, maximum: maximum).map { RGBColor($0, $0, $0) }
    }

    static func label(_ position: Int, classes: Int, ignoreValue: Int?) -> Int32 {
        position == ignoreValue ? LabelMap.ignored : position < classes ? Int32(position) : unknown
    }

    // MARK: - Errors

    private func outside(_ pixel: Int, of raster: RasterImage, classes: Int, path: String) -> Failure {
        let value = Int(raster.samples[pixel])
        let place = "at row \(pixel / raster.width), column \(pixel % raster.width)"
        if case .palette(let colors) = self {
            let color = Self.greyColor(value, maximum: Int(raster.maximum))
            return Self.outside(color: color, in: colors, place, classes: classes, path: path)
        }
        return .request(
            "label \(path) has the value \(value) \(place), but with model.classes: \(classes) the "
                + "largest is \(classes - 1): raise model.classes, set data.ignore_index: \(value), or set "
                + "data.labels: binary if any value but 0 means class 1")
    }

    static func outside(
        color: RGBColor?, in colors: [RGBColor], _ place: String, classes: Int, path: String
    ) -> Failure {
        guard let color, let position = colors.firstIndex(of: color) else {
            return .request(
                "label \(path) has \(color.map { "the colour \($0.hex)" } ?? "a colour that 8 bits cannot say") \(place) that is not "
                    + "in data.labels.palette: add it there, set data.ignore_color to it if it counts for nothing, or "
                    + "correct the file")
        }
        return .request(
            "label \(path) has the colour \(color.hex) \(place), number \(position) of data.labels.palette (from 0), "
                + "but with model.classes: \(classes) the largest is \(classes - 1): raise model.classes or set "
                + "data.ignore_index: \(position)")
    }
}

extension [UInt16] {
    /// Whether two pixels side by side, or one above the other, are such a pair.
    func touches(width: Int, _ isPair: (UInt16, UInt16) -> Bool) -> Bool {
        withUnsafeBufferPointer { samples in
            for row in stride(from: 0, to: samples.count, by: width) {
                for x in row..<row + width {
                    if x + 1 < row + width, isPair(samples[x], samples[x + 1]) { return true }
                    if x + width < samples.count, isPair(samples[x], samples[x + width]) { return true }
                }
            }
            return false
        }
    }
}
