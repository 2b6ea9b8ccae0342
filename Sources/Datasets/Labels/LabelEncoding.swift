import Images

/// How the pixels of a label file encode classes (`data.labels`).
public enum LabelEncoding: Hashable, Sendable {
    /// The raw sample value is the class; of a palette PNG, the index.
    case index
    /// 0 is class 0, anything else class 1; of pictures, black is class 0.
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

    var isPalette: Bool { if case .palette = self { true } else { false } }
}
