import Images

/// The colours of the classes in pictures.
///
/// Black stands for "not coloured": the image shows through. By default that is class 0, the background; the others
/// have the colours of Okabe and Ito (Color Universal Design, 2008), which people with a colour vision deficiency tell
/// apart too. From the eighth on they return, paler.
public struct ClassColors: Hashable, Sendable {
    /// One colour a class.
    public let colors: [RGBColor]

    /// The colours to start with.
    public init(classes: Int) {
        colors = (0..<classes).map { index in
            guard index > 0 else { return RGBColor(0, 0, 0) }
            var color = Self.okabeIto[(index - 1) % Self.okabeIto.count]
            for _ in 0..<((index - 1) / Self.okabeIto.count) { color = color.mixed(with: RGBColor(255, 255, 255), 0.4) }
            return color
        }
    }

    /// Colours that a configuration names (`model.class_colors`), one a class; nil: the default ones.
    public init(_ colors: [RGBColor]?, classes: Int) {
        self = colors.map { ClassColors($0) } ?? ClassColors(classes: classes)
    }

    /// One colour a class.
    public init(_ colors: [RGBColor]) {
        self.colors = colors
    }

    /// The colour of a class; nil where the image shows through: for black, and for a class without a colour.
    public func tint(_ index: Int32) -> RGBColor? {
        guard index >= 0, Int(index) < colors.count, colors[Int(index)] != RGBColor(0, 0, 0) else { return nil }
        return colors[Int(index)]
    }

    /// The colour that stands for a class beside its name, black or not.
    public func swatch(_ index: Int) -> RGBColor {
        colors.indices.contains(index) ? colors[index] : RGBColor(128, 128, 128)
    }

    /// What classes are called that nobody has named.
    public static func names(classes: Int) -> [String] {
        classes == 2 ? ["background", "foreground"] : (0..<classes).map { "class \($0)" }
    }

    /// Marks, where there are two classes, foreground that the prediction misses: vermilion.
    public static let missed = RGBColor(213, 94, 0)
    /// Marks, where there are two classes, foreground that is only in the prediction: yellow.
    public static let falselyFound = RGBColor(240, 228, 66)

    /// Sky blue first, since it stands out from grey and from both marks of errors.
    private static let okabeIto = [
        RGBColor(86, 180, 233), RGBColor(230, 159, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167),
        RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(240, 228, 66),
    ]
}

extension RGBColor {
    /// ITU-R BT.601's luma, 1000 times.
    var luma: Int {
        let (red, green, blue) = (Int(red), Int(green), Int(blue))
        return 299 * red + 587 * green + 114 * blue
    }

    /// Without its colour, as bright.
    var grey: RGBColor {
        let level = UInt8(truncatingIfNeeded: luma / 1000)
        return RGBColor(level, level, level)
    }

    /// This colour with a `share` (0…1) of another laid over it.
    func mixed(with other: RGBColor, _ share: Float) -> RGBColor {
        let mix = { (a: UInt8, b: UInt8) in UInt8((Float(a) + (Float(b) - Float(a)) * share).rounded()) }
        return RGBColor(mix(red, other.red), mix(green, other.green), mix(blue, other.blue))
    }
}
