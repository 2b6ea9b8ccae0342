import Images
import Kernels
import Support

/// How the pixels of a label file encode classes (`data.labels`).
public enum LabelEncoding: Hashable, Sendable {
    /// The raw sample value is the class; of a palette PNG, the index.
    case index
    /// 0 is class 0, anything else class 1.
    case binary
    /// Object numbers: 0 is class 0 (background), any object class 1; of objects that touch, a thin border is class 0
    /// (`TouchingObjects`).
    case instances
    /// The class is the position of the pixel's colour in this list.
    case palette([RGBColor])

    /// Its name in a configuration.
    public var name: String {
        switch self {
        case .index: "index"
        case .binary: "binary"
        case .instances: "instances"
        case .palette: "palette"
        }
    }
}

extension LabelEncoding {
    /// Decodes a label file's image, whose samples are whole numbers from 0 to 65535: the class of every pixel, and with
    /// `instances` the number of its object, 0 for background and for what is ignored. An object is all pixels of one
    /// number, in however many parts.
    ///
    /// `ignoreValue` is a raw label value whose pixels become `LabelMap.ignored`, before it is asked which class they
    /// have. The raw value is
    /// - of grey and palette files the sample as the file holds it (packed grey is not scaled, a palette PNG's is its
    ///   index), which with `binary` is the value before it is compared with 0;
    /// - of RGB files with `binary` the grey value that all three channels share, so that no coloured pixel is ignored;
    /// - with `palette` the colour's position in the list, which may have more colours than there are classes: with 2
    ///   classes, the third can be the one to ignore.
    ///
    /// With `palette`, pixels of `ignoreColor`, which need not be in the list, become `LabelMap.ignored` too.
    ///
    /// With `palette`, a palette PNG is taken as the picture that it shows, and grey as the colour with three equal
    /// channels, scaled to 8 bits. With `index` and `instances`, an RGB file is refused.
    ///
    /// Throws `Failure.request` that names `path`, the first wrong pixel (row and column from 0) and its value.
    public func decode(
        _ raster: RasterImage, classes: Int, ignoreValue: Int?, ignoreColor: RGBColor? = nil, path: String
    ) throws -> (labels: LabelMap, instances: LabelMap?) {
        let raster = try (isPalette ? raster.expandingPalette() : raster).labelValues(path: path)
        if raster.channels == 1 {
            let map = try decodeGrey(
                raster, classes: classes, ignoreValue: ignoreValue, ignoreColor: ignoreColor, path: path)
            let objects = objects(raster, ignoreValue: ignoreValue)
            if let objects { TouchingObjects.part(map, objects: objects) }
            return (map, objects)
        }
        guard raster.channels == 3 else {
            throw Failure.request(
                "label \(path) has \(raster.channels) values a pixel: save it as grey, with one, or as RGB")
        }
        switch self {
        case .index, .instances:
            throw Failure.request(
                "label \(path) is an RGB picture, but data.labels: \(name) wants one value a pixel: set data.labels: "
                    + "{palette: [\"#RRGGBB\", …]} or save it as grey")
        case .binary:
            return (decodeColorMask(raster, ignoreValue: ignoreValue), nil)
        case .palette(let colors):
            let map = try decodePicture(
                raster, colors: colors, classes: classes, ignoreValue: ignoreValue, ignoreColor: ignoreColor, path: path
            )
            return (map, nil)
        }
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

    private var isPalette: Bool { if case .palette = self { true } else { false } }

    // MARK: - One sample a pixel

    /// Classes of raw values, and what stands for a value that is none.
    private static let unknown: Int32 = -2

    private func decodeGrey(
        _ raster: RasterImage, classes: Int, ignoreValue: Int?, ignoreColor: RGBColor?, path: String
    ) throws -> LabelMap {
        // A table of the raw values makes every encoding one look-up a pixel.
        var largest: UInt16 = 0
        raster.samples.withUnsafeBufferPointer { for sample in $0 { largest = max(largest, sample) } }
        let table = (0...Int(largest)).map { raw in
            greyClass(
                of: raw, maximum: Int(raster.maximum), classes: classes, ignoreValue: ignoreValue,
                ignoreColor: ignoreColor)
        }
        let map = LabelMap(height: raster.height, width: raster.width)
        let out = map.values.baseAddress!
        let failing: Int? = raster.samples.withUnsafeBufferPointer { samples in
            table.withUnsafeBufferPointer { table in
                for i in 0..<samples.count {
                    let label = table[Int(samples[i])]
                    if label == Self.unknown { return i }
                    out[i] = label
                }
                return nil
            }
        }
        guard let failing else { return map }
        let raw = Int(raster.samples[failing])
        guard case .palette(let colors) = self else {
            throw outside(value: raw, at: failing, of: raster, classes: classes, path: path)
        }
        let color = Self.greyColor(raw, maximum: Int(raster.maximum))
        throw outside(color: color, in: colors, at: failing, of: raster, classes: classes, path: path)
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

    /// A sample in 8 bits; nil where they cannot say it.
    private static func level(_ raw: Int, maximum: Int) -> UInt8? {
        raw <= maximum && raw * 255 % maximum == 0 ? UInt8(raw * 255 / maximum) : nil
    }

    /// The colour that a grey value shows; nil where 8 bits cannot say it.
    private static func greyColor(_ raw: Int, maximum: Int) -> RGBColor? {
        level(raw, maximum: maximum).map { RGBColor($0, $0, $0) }
    }

    private static func label(_ position: Int, classes: Int, ignoreValue: Int?) -> Int32 {
        position == ignoreValue ? LabelMap.ignored : position < classes ? Int32(position) : unknown
    }

    // MARK: - Three samples a pixel

    private func decodeColorMask(_ raster: RasterImage, ignoreValue: Int?) -> LabelMap {
        let map = LabelMap(height: raster.height, width: raster.width)
        raster.samples.withUnsafeBufferPointer { samples in
            for i in 0..<raster.height * raster.width {
                let red = samples[3 * i]
                let green = samples[3 * i + 1]
                let blue = samples[3 * i + 2]
                let ignored = red == green && green == blue && Int(red) == ignoreValue
                map.values[i] = ignored ? LabelMap.ignored : red | green | blue == 0 ? 0 : 1
            }
        }
        return map
    }

    private func decodePicture(
        _ raster: RasterImage, colors: [RGBColor], classes: Int, ignoreValue: Int?, ignoreColor: RGBColor?, path: String
    ) throws -> LabelMap {
        let maximum = Int(raster.maximum)
        var table: [RGBColor: Int32] = [:]
        for (position, color) in colors.enumerated().reversed() {
            table[color] = Self.label(position, classes: classes, ignoreValue: ignoreValue)
        }
        if let ignoreColor { table[ignoreColor] = LabelMap.ignored }
        func color(_ r: UInt16, _ g: UInt16, _ b: UInt16) -> RGBColor? {
            guard let red = Self.level(Int(r), maximum: maximum), let green = Self.level(Int(g), maximum: maximum),
                let blue = Self.level(Int(b), maximum: maximum)
            else { return nil }
            return RGBColor(red, green, blue)
        }
        let map = LabelMap(height: raster.height, width: raster.width)
        let failing: Int? = raster.samples.withUnsafeBufferPointer { samples in
            // Neighbours are mostly alike, so that the dictionary is asked rarely.
            var last: (UInt16, UInt16, UInt16) = (0, 0, 0)
            var label = Self.unknown
            for i in 0..<raster.height * raster.width {
                let pixel = (samples[3 * i], samples[3 * i + 1], samples[3 * i + 2])
                if i == 0 || pixel != last {
                    last = pixel
                    label = color(pixel.0, pixel.1, pixel.2).flatMap { table[$0] } ?? Self.unknown
                }
                if label == Self.unknown { return i }
                map.values[i] = label
            }
            return nil
        }
        guard let failing else { return map }
        let shown = raster.samples[3 * failing..<3 * failing + 3].map { $0 }
        throw outside(
            color: color(shown[0], shown[1], shown[2]), in: colors, at: failing, of: raster, classes: classes,
            path: path)
    }

    // MARK: - Errors

    private func place(_ pixel: Int, of raster: RasterImage) -> String {
        "at row \(pixel / raster.width), column \(pixel % raster.width)"
    }

    private func outside(value: Int, at pixel: Int, of raster: RasterImage, classes: Int, path: String) -> Failure {
        .request(
            "label \(path) has the value \(value) \(place(pixel, of: raster)), but with model.classes: \(classes) the "
                + "largest is \(classes - 1): raise model.classes, set data.ignore_index: \(value), or set "
                + "data.labels: binary if any value but 0 means class 1")
    }

    private func outside(
        color: RGBColor?, in colors: [RGBColor], at pixel: Int, of raster: RasterImage, classes: Int, path: String
    ) -> Failure {
        let place = place(pixel, of: raster)
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
