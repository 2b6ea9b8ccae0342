import Datasets
import Images

/// What the labels of a data set mean, as far as their pixels tell.
package struct FoundLabels: Equatable, Sendable {
    /// What is said of a class.
    package struct Class: Equatable, Encodable, Sendable {
        package var name: String
        /// Its colour in the labels, where it has one.
        package var color: RGBColor?
        /// Of the pixels that count.
        package var share: Double

        package init(name: String, color: RGBColor? = nil, share: Double) {
            (self.name, self.color, self.share) = (name, color, share)
        }

        package func encode(to encoder: any Encoder) throws {
            enum Keys: CodingKey { case name, color, share }
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(name, forKey: .name)
            try container.encodeIfPresent(color?.hex, forKey: .color)
            try container.encode(share, forKey: .share)
        }
    }

    package var encoding: LabelEncoding
    package var classes: [Class]
    package var ignoreIndex: Int?
    package var ignoreColor: RGBColor?
    /// Of all pixels, those that count nowhere.
    package var ignoredShare = 0.0
    /// "masks of 0 and 255".
    package var words: String
    /// How unlike the upper and lower thirds are, 0 to 1.
    package var verticalDifference = 0.0
    /// Connected regions of an image, on average.
    package var regions = 0.0
    /// What is in doubt, each with what decides it.
    package var notes: [String] = []

    package init(
        encoding: LabelEncoding, classes: [Class], words: String, verticalDifference: Double = 0, regions: Double = 0
    ) {
        (self.encoding, self.classes, self.words) = (encoding, classes, words)
        (self.verticalDifference, self.regions) = (verticalDifference, regions)
    }

    /// The share of the rarest class that occurs.
    package var rarest: Double { classes.map(\.share).filter { $0 > 0 }.min() ?? 0 }
}

extension FoundLabels: Encodable {
    private enum Keys: CodingKey {
        case kind, words, classes, ignoreIndex, ignoreColor, ignoredShare, verticalDifference, regionsPerImage
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(encoding.name, forKey: .kind)
        try container.encode(words, forKey: .words)
        try container.encode(classes, forKey: .classes)
        try container.encodeIfPresent(ignoreIndex, forKey: .ignoreIndex)
        try container.encodeIfPresent(ignoreColor?.hex, forKey: .ignoreColor)
        try container.encode(ignoredShare, forKey: .ignoredShare)
        try container.encode(verticalDifference, forKey: .verticalDifference)
        try container.encode(regions, forKey: .regionsPerImage)
    }
}
