import Images
import Kernels
import Support

extension LabelEncoding {
    /// Decodes a label file with three samples a pixel.
    func decodePicture(
        _ raster: RasterImage, classes: Int, ignoreValue: Int?, ignoreColor: RGBColor?, path: String
    ) throws -> DecodedLabels {
        switch self {
        case .index, .instances:
            throw Failure.request(
                "label \(path) is an RGB picture, but data.labels: \(name) wants one value a pixel: set data.labels: "
                    + "{palette: [\"#RRGGBB\", …]} or save it as grey")
        case .binary:
            return try decodeColorMask(raster, ignoreValue: ignoreValue, path: path)
        case .palette(let colors):
            return try decodePicture(
                raster, colors: colors, classes: classes, ignoreValue: ignoreValue, ignoreColor: ignoreColor, path: path
            )
        }
    }

    // MARK: - Masks

    private func decodeColorMask(_ raster: RasterImage, ignoreValue: Int?, path: String) throws -> DecodedLabels {
        let map = LabelMap(height: raster.height, width: raster.width)
        var first: (UInt16, UInt16, UInt16)?
        var (hasBlack, hasSeveralColors) = (false, false)
        raster.samples.withUnsafeBufferPointer { samples in
            for i in 0..<raster.height * raster.width {
                let (red, green, blue) = (samples[3 * i], samples[3 * i + 1], samples[3 * i + 2])
                let isIgnored = red == green && green == blue && Int(red) == ignoreValue
                let isBlack = red | green | blue == 0
                map.values[i] = isIgnored ? LabelMap.ignored : isBlack ? 0 : 1
                if isIgnored { continue }
                if isBlack {
                    hasBlack = true
                } else if let first {
                    if first != (red, green, blue) { hasSeveralColors = true }
                } else {
                    first = (red, green, blue)
                }
            }
        }
        guard hasSeveralColors else { return DecodedLabels(labels: map) }
        // One picture has the edges of all three channels.
        let sums = raster.channelSums()
        if SoftEdges(sums, width: raster.width, height: raster.height, ignored: ignoreValue.map { 3 * $0 })
            .isCertainOfNumbers
        {
            throw Self.soft(path, values: Set(raster.colors()).count, "colours")
        }
        guard hasBlack else {
            throw Failure.request(
                "label \(path) is a picture of several colours, none of them black, and with data.labels: binary all but "
                    + "black is class 1: it may be one channel a class (one-hot) or drawn in a colour map; set data.labels: "
                    + "{palette: [\"#RRGGBB\", …]} with the colour of each class, or save it as grey")
        }
        return DecodedLabels(
            labels: map, doubts: raster.colors().touches(width: raster.width) ? [.mergedObjects] : [])
    }

    // MARK: - Colours of classes

    private func decodePicture(
        _ raster: RasterImage, colors: [RGBColor], classes: Int, ignoreValue: Int?, ignoreColor: RGBColor?,
        path: String
    ) throws -> DecodedLabels {
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
        guard let failing else { return DecodedLabels(labels: map) }
        if SoftEdges(raster.channelSums(), width: raster.width, height: raster.height, ignored: nil).isCertainOfNumbers
        {
            throw Self.soft(path, values: Set(raster.colors()).count, "colours")
        }
        let shown = raster.samples[3 * failing..<3 * failing + 3].map { $0 }
        throw Self.outside(
            color: color(shown[0], shown[1], shown[2]), in: colors,
            "at row \(failing / raster.width), column \(failing % raster.width)", classes: classes, path: path)
    }
}

/// Which indices of a palette file are class 0 and which class 1 under `binary`.
struct BinaryPalette {
    /// Of each index.
    let classes: [Int32]

    /// Index 0 is class 0 where black is its colour alone. A palette that has its colours in another order (a program has
    /// sorted them, or white is the first) is one that every viewer shows as the same mask: there, black is class 0.
    ///
    /// - Parameter used: the indices that occur.
    ///
    /// Throws `Failure.request` where indices and colours say different things, and no black pixel decides between them.
    init(_ colors: [RGBColor], used: [Int], path: String) throws {
        try colors.check(
            used, path: path,
            advice: "set data.ignore_index to it if these pixels count for nothing, or data.labels: index")
        let black = RGBColor(0, 0, 0)
        let byIndex = colors.indices.map { Int32($0 == 0 ? 0 : 1) }
        let byColor = colors.map { Int32($0 == black ? 0 : 1) }
        if used.allSatisfy({ byIndex[$0] == byColor[$0] }) {
            classes = byIndex
            return
        }
        // Where everything is black, colours say nothing. A look-up table that turns grey round (ImageJ's) shows the
        // objects of a mask black: there, indices and colours say the reverse, and either may be meant. With a third
        // colour the background may be white.
        let isInverted =
            colors.count > 2
            && zip(colors, colors.dropFirst()).allSatisfy {
                $0.red == $0.green && $0.green == $0.blue && $0.red >= $1.red && $0.green >= $1.green
                    && $0.blue >= $1.blue
            }
        guard used.count <= 2, !isInverted, used.contains(where: { colors[$0] == black }),
            colors[0] != black || used.contains(where: { colors[$0] != black })
        else {
            let shown = used.prefix(3).map { "\($0) is \(colors[$0].hex)" }.joined(separator: ", ")
            throw Failure.request(
                "label \(path) has a palette whose colours and indices contradict each other (\(shown)\(used.count > 3 ? ", …" : "")): with data.labels: "
                    + "binary index 0 and the colour black are class 0; set data.labels: {palette: [\"#RRGGBB\", …]} with the "
                    + "colour of each class, or data.labels: index if the indices count")
        }
        classes = byColor
    }
}

extension [RGBColor] {
    /// Throws `Failure.request` where one of the indices has no colour.
    func check(_ indices: [Int], path: String, advice: String) throws {
        guard let index = indices.first(where: { $0 >= count }) else { return }
        throw Failure.request(
            "label \(path) has pixels of index \(index), for which its palette of \(count) has no colour: \(advice)")
    }
}

extension RasterImage {
    /// The picture that a viewer shows: the palette's colours, and MinIsWhite turned round.
    func shown() -> RasterImage {
        if palette != nil { return expandingPalette() }
        guard isWhiteZero else { return self }
        let top = UInt16(clamping: maximum)
        return RasterImage(
            width: width, height: height, channels: channels, maximum: maximum,
            content: .integers(samples.map { top - min($0, top) }), alpha: alpha)
    }

    /// Of each pixel, the sum of its three channels, or the largest that there is.
    func channelSums() -> [UInt16] {
        let samples = samples
        return (0..<width * height).map { pixel in
            UInt16(clamping: Int(samples[3 * pixel]) + Int(samples[3 * pixel + 1]) + Int(samples[3 * pixel + 2]))
        }
    }

    /// Of each pixel, its three channels in one number.
    func colors() -> [UInt64] {
        let samples = samples
        return (0..<width * height).map { pixel in
            UInt64(samples[3 * pixel]) << 32 | UInt64(samples[3 * pixel + 1]) << 16 | UInt64(samples[3 * pixel + 2])
        }
    }
}

extension [UInt64] {
    /// Whether two different colours, neither of them black, are neighbours.
    func touches(width: Int) -> Bool {
        for row in stride(from: 0, to: count, by: width) {
            for x in row..<row + width where self[x] != 0 {
                if x + 1 < row + width, self[x + 1] != 0, self[x + 1] != self[x] { return true }
                if x + width < count, self[x + width] != 0, self[x + width] != self[x] { return true }
            }
        }
        return false
    }
}
