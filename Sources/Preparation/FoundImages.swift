import Datasets
import Images

/// What the images of a data set are like.
package struct FoundImages: Equatable, Encodable, Sendable {
    /// Images that are alike.
    package struct Kind: Hashable, Encodable, Sendable {
        package let width: Int
        package let height: Int
        /// Those of a palette's colours where the file has one; alpha aside.
        package let channels: Int
        /// Full scale of a sample; 1 for floating-point.
        package let maximum: Int
        /// Images of the kind.
        package var count: Int

        package init(width: Int, height: Int, channels: Int, maximum: Int, count: Int) {
            (self.width, self.height, self.channels, self.maximum, self.count) = (
                width, height, channels, maximum, count
            )
        }
    }

    /// The most frequent first.
    package var kinds: [Kind]
    /// Whether the channels of an RGB image differ; false for grey ones stored as RGB.
    package var isColored: Bool
    /// Images that declare alpha, which is left out.
    package var transparent = 0
    /// Whether images are pages of a file.
    package var areStacks = false

    package init(kinds: [Kind], isColored: Bool = false) { (self.kinds, self.isColored) = (kinds, isColored) }

    package var count: Int { kinds.reduce(0) { $0 + $1.count } }

    /// Those of most images.
    package var channels: Int { most(\.channels) }

    /// The side that three quarters of the images have at least, both ways.
    package var usualSide: Int {
        let sides = kinds.flatMap { Array(repeating: min($0.width, $0.height), count: $0.count) }.sorted()
        return sides.isEmpty ? 0 : sides[sides.count / 4]
    }

    /// The most pixels of an image.
    package var mostPixels: Int { kinds.map { $0.width * $0.height }.max() ?? 0 }

    private func most(_ property: (Kind) -> Int) -> Int {
        var counts: [Int: Int] = [:]
        for kind in kinds { counts[property(kind), default: 0] += kind.count }
        return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? 1
    }

    /// Images of which the pixels are looked at, spread over all.
    private static let mostRead = 6

    /// Throws `Failure.request` where a file cannot be read.
    init(_ pages: [ImagePage]) throws {
        var counts: [Kind: Int] = [:]
        for page in pages {
            let header = try page.readHeader()
            let kind = Kind(
                width: header.width, height: header.height, channels: header.pictureChannels,
                maximum: Int(clamping: header.maximum), count: 0)
            counts[kind, default: 0] += 1
            if header.alphaSamples > 0 { transparent += 1 }
            if page.page != nil { areStacks = true }
        }
        kinds = counts.map { kind, count in
            Kind(width: kind.width, height: kind.height, channels: kind.channels, maximum: kind.maximum, count: count)
        }.sorted { ($1.count, $0.width, $0.height, $0.channels) < ($0.count, $1.width, $1.height, $1.channels) }
        isColored = false
        for page in pages.spread(Self.mostRead) where !isColored {
            isColored = try page.read().expandingPalette().isColored
        }
    }

    /// "25 of 512×512 pixels, grey, 8 bits".
    package var words: String {
        guard let first = kinds.first else { return "none" }
        let sizes = Set(kinds.map { [$0.width, $0.height] })
        let size: String
        if sizes.count == 1 {
            size = "\(first.width)×\(first.height) pixels"
        } else {
            let (widths, heights) = (kinds.map(\.width), kinds.map(\.height))
            size =
                "\(sizes.count) sizes from \(widths.min() ?? 0)×\(heights.min() ?? 0) to "
                + "\(widths.max() ?? 0)×\(heights.max() ?? 0) pixels"
        }
        let depth = first.maximum == 1 ? "floating-point" : "\(bits(first.maximum)) bits"
        return "\(count) of \(size), \(channelWords), \(depth)"
    }

    package var channelWords: String {
        switch channels {
        case 1: "grey"
        case 3: isColored ? "colour" : "3 channels that are alike (grey, stored as RGB)"
        default: "\(channels) channels"
        }
    }

    private func bits(_ maximum: Int) -> Int { Int.bitWidth - maximum.leadingZeroBitCount }
}

extension RasterImage {
    /// Whether it has three channels that differ.
    fileprivate var isColored: Bool {
        guard channels == 3, case .integers(let samples) = content else { return channels == 3 }
        for pixel in 0..<width * height {
            let (red, green, blue) = (samples[3 * pixel], samples[3 * pixel + 1], samples[3 * pixel + 2])
            if red != green || green != blue { return true }
        }
        return false
    }
}

extension Array {
    /// So many elements at most, evenly spread.
    func spread(_ most: Int) -> [Element] {
        count <= most ? self : (0..<most).map { self[$0 * count / most] }
    }
}
