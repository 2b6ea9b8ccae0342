import Images

/// An object as files of outlines describe it.
public struct OutlinedObject: Sendable {
    /// From 1, in its image.
    public let number: Int
    public let className: String
    public let color: RGBColor
    public let outline: ObjectOutline
    /// The image's place in a stack; nil where it is alone in its file.
    public let plane: Plane?
    /// What was measured, by its name in the table of objects.
    public let measurements: [(name: String, value: Double)]

    /// Counted from 0.
    public struct Plane: Sendable, Equatable {
        public let image: Int
        public let slice: Int
        public let frame: Int
        /// Whether ImageJ shows the stack with several of its sliders (channels, slices, frames).
        public let isHyperstack: Bool

        public init(image: Int, slice: Int, frame: Int, isHyperstack: Bool) {
            (self.image, self.slice, self.frame, self.isHyperstack) = (image, slice, frame, isHyperstack)
        }
    }

    public init(
        number: Int, className: String, color: RGBColor, outline: ObjectOutline, plane: Plane? = nil,
        measurements: [(name: String, value: Double)] = []
    ) {
        self.number = number
        self.className = className
        self.color = color
        self.outline = outline
        self.plane = plane
        self.measurements = measurements
    }
}
