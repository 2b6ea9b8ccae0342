/// The extent of a pixel on what was imaged, in micrometres.
public struct PixelSize: Sendable, Hashable {
    public let x: Double
    public let y: Double

    /// Nil where they are no lengths.
    public init?(x: Double, y: Double) {
        guard x.isFinite, y.isFinite, x > 0, y > 0 else { return nil }
        (self.x, self.y) = (x, y)
    }

    public var isSquare: Bool { abs(x - y) <= 1e-3 * max(x, y) }

    /// A larger pixel in a resolution by the inch or the centimetre is that of a screen, a printer or a camera, which say
    /// nothing of the specimen: 72 of them an inch are 353 µm each.
    static let largestByResolution = 25.0

    /// Micrometres of a unit as ImageJ and OME call it; nil for pixels and what is no length.
    static func micrometres(of unit: String) -> Double? {
        switch unit.replacing("\\u00B5", with: "µ").replacing("\u{03BC}", with: "µ") {
        case "µm", "um", "micron", "microns", "micrometer", "micrometre", "micrometers": 1
        case "nm", "nanometer", "nanometre": 1e-3
        case "Å", "angstrom": 1e-4
        case "pm": 1e-6
        case "mm", "millimeter", "millimetre": 1e3
        case "cm", "centimeter", "centimetre": 1e4
        case "m", "meter", "metre": 1e6
        case "in", "inch", "inches": 25_400
        default: nil
        }
    }

    /// By the pixels a unit of a file's own resolution, where these can be a microscope's.
    init?(_ tags: TIFFTags) {
        guard let resolution = tags.resolution else { return nil }
        let unit: Double
        switch tags.resolutionUnit {
        case .none: return nil
        case .inch: unit = 25_400
        case .centimetre: unit = 10_000
        }
        self.init(x: unit / Double(resolution.x), y: unit / Double(resolution.y))
        guard x <= Self.largestByResolution, y <= Self.largestByResolution else { return nil }
    }
}
