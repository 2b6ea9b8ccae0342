import Diagnostics
import Images
import Kernels

/// How a label file's pixels stand for classes (`data.labels`).
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
    /// The class of every pixel of a label file's image, whose samples are whole numbers from 0 to 65535.
    ///
    /// `ignoreValue` is a raw label value whose pixels become `LabelMap.ignored`, before it is asked which class they
    /// have. The raw value is
    /// - of grey and palette files the sample as the file holds it (packed grey is not scaled, a palette PNG's is its
    ///   index), which with `binary` is the value before it is compared with 0;
    /// - of RGB files with `binary` the grey value that all three channels share, so that no coloured pixel is ignored;
    /// - with `palette` the colour's position in the list, which may have more colours than there are classes: with 2
    ///   classes, the third can be the one to ignore.
    ///
    /// With `palette`, a palette PNG is taken as the picture that it shows, and grey as the colour with three equal
    /// channels, scaled to 8 bits. With `index` and `instances`, an RGB file is refused.
    ///
    /// Throws `Failure.request` that names `path`, the first wrong pixel (row and column from 0) and its value.
    public func decode(_ raster: RasterImage, classes: Int, ignoreValue: Int?, path: String) throws -> LabelMap {
        let raster = try (isPalette ? raster.expandingPalette() : raster).labelValues(path: path)
        if raster.channels == 1 {
            let map = try decodeGrey(raster, classes: classes, ignoreValue: ignoreValue, path: path)
            if let objects = objects(raster, ignoreValue: ignoreValue) { TouchingObjects.part(map, objects: objects) }
            return map
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
            return decodeColorMask(raster, ignoreValue: ignoreValue)
        case .palette(let colors):
            return try decodePicture(
                raster, colors: colors, classes: classes, ignoreValue: ignoreValue, path: path)
        }
    }

    /// The object number of every pixel of a label file's image, 0 for background and for what is ignored; nil where
    /// the encoding has no objects.
    ///
    /// An object is all pixels of one number, in however many parts.
    func objects(_ raster: RasterImage, ignoreValue: Int?) -> LabelMap? {
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

    private func decodeGrey(_ raster: RasterImage, classes: Int, ignoreValue: Int?, path: String) throws -> LabelMap {
        // A table of the raw values makes every encoding one look-up a pixel.
        var largest: UInt16 = 0
        raster.samples.withUnsafeBufferPointer { for sample in $0 { largest = max(largest, sample) } }
        let table = (0...Int(largest)).map { raw in
            greyClass(of: raw, maximum: Int(raster.maximum), classes: classes, ignoreValue: ignoreValue)
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

    private func greyClass(of raw: Int, maximum: Int, classes: Int, ignoreValue: Int?) -> Int32 {
        if case .palette(let colors) = self {
            guard let color = Self.greyColor(raw, maximum: maximum), let position = colors.firstIndex(of: color) else {
                return Self.unknown
            }
            return Self.label(position, classes: classes, ignoreValue: ignoreValue)
        }
        if raw == ignoreValue { return LabelMap.ignored }
        if case .index = self { return raw < classes ? Int32(raw) : Self.unknown }
        return raw == 0 ? 0 : 1
    }

    /// The colour that a grey value shows; nil where 8 bits cannot say it.
    private static func greyColor(_ raw: Int, maximum: Int) -> RGBColor? {
        guard raw * 255 % maximum == 0, raw <= maximum else { return nil }
        let value = UInt8(raw * 255 / maximum)
        return RGBColor(value, value, value)
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
        _ raster: RasterImage, colors: [RGBColor], classes: Int, ignoreValue: Int?, path: String
    ) throws -> LabelMap {
        // Samples of 16 bits show an 8-bit colour where they are multiples of 257.
        let unit = raster.maximum / 255
        precondition(unit > 0, "a picture of full scale \(raster.maximum)")
        func key(_ r: UInt64, _ g: UInt64, _ b: UInt64) -> UInt64 { r << 32 | g << 16 | b }
        var table: [UInt64: Int32] = [:]
        for (position, color) in colors.enumerated().reversed() {
            table[key(UInt64(color.red) * unit, UInt64(color.green) * unit, UInt64(color.blue) * unit)] =
                Self.label(position, classes: classes, ignoreValue: ignoreValue)
        }
        let map = LabelMap(height: raster.height, width: raster.width)
        // Neighbours are mostly alike, so that the dictionary is asked rarely.
        var lastKey = UInt64.max
        var lastLabel = Self.unknown
        for i in 0..<raster.height * raster.width {
            let pixel = raster.samples.withUnsafeBufferPointer {
                key(UInt64($0[3 * i]), UInt64($0[3 * i + 1]), UInt64($0[3 * i + 2]))
            }
            if pixel != lastKey {
                lastKey = pixel
                lastLabel = table[pixel] ?? Self.unknown
            }
            guard lastLabel != Self.unknown else {
                let shown = (0..<3).map { UInt64(raster.samples[3 * i + $0]) }
                let color =
                    shown.allSatisfy { $0 % unit == 0 }
                    ? RGBColor(UInt8(shown[0] / unit), UInt8(shown[1] / unit), UInt8(shown[2] / unit)) : nil
                throw outside(color: color, in: colors, at: i, of: raster, classes: classes, path: path)
            }
            map.values[i] = lastLabel
        }
        return map
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
                "label \(path) has \(color.map { "the colour \($0.hex)" } ?? "a 16-bit colour") \(place) that is not "
                    + "in data.labels.palette: add it there or correct the file")
        }
        return .request(
            "label \(path) has the colour \(color.hex) \(place), number \(position) of data.labels.palette (from 0), "
                + "but with model.classes: \(classes) the largest is \(classes - 1): raise model.classes or set "
                + "data.ignore_index: \(position)")
    }
}
