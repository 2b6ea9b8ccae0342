import Kernels

/// The random appearance of one cell: brightness, contrast, border and nucleus.
struct CellLook {
    /// Added to the common grey.
    let brightness: Double
    /// Strength of the texture.
    let contrast: Double
    /// How dark the border is.
    let border: Double
    /// Across the stripes, in half turns.
    let direction: Double

    private let nucleusHeight: Double
    private let nucleusX: Double
    private let nucleusY: Double
    private let nucleusSize: Double

    init(from stream: inout RandomStream) {
        brightness = stream.uniform(0.01, 0.13)
        contrast = stream.uniform(0.09, 0.125)
        border = stream.uniform(0.23, 0.31)
        direction = stream.uniform(0, 2)
        nucleusHeight = stream.uniform(0.03, 0.10) * stream.sign()
        nucleusX = stream.uniform(-0.25, 0.25)
        nucleusY = stream.uniform(-0.25, 0.25)
        nucleusSize = stream.uniform(0.25, 0.40)
    }

    /// The brightness that the nucleus, a soft disc, adds at (`dx`, `dy`) from the cell's centre.
    func nucleus(dx: Double, dy: Double, radius: Double) -> Double {
        let x = dx / radius - nucleusX
        let y = dy / radius - nucleusY
        return nucleusHeight / (1 + Elementary.exp(((x * x + y * y).squareRoot() - nucleusSize) * 20))
    }
}

/// The texture of one kind of cells, over a whole image, of mean 0 and deviation about 1.
struct CellTexture {
    private let kind: Int
    private let field: Field

    init(kind: Int, size: Int, from stream: inout RandomStream) {
        self.kind = kind
        switch kind {
        case 1: field = .bandNoise(size: size, fine: 0.7, coarse: 1.6, from: &stream)
        case 2: field = .bandNoise(size: size, fine: 4, coarse: nil, from: &stream)
        case 3: field = .bandNoise(size: size, fine: 2.2, coarse: 4.5, from: &stream)
        default: field = Self.bubbles(size: size, from: &stream)
        }
    }

    /// The texture at a pixel, for a cell with stripes across `direction`, in half turns.
    func value(x: Int, y: Int, direction: Double) -> Double {
        let noise = field.values[y * field.size + x]
        guard kind == 2 else { return noise }
        // The noise bends the stripes a little.
        let across =
            Double(x) * Elementary.cosine(halfTurns: direction) + Double(y) * Elementary.sine(halfTurns: direction)
        return 1.3 * Elementary.sine(halfTurns: 2 * across / 5.5 + 0.9 / .pi * noise)
    }

    /// Small dark rings at random places.
    private static func bubbles(size: Int, from stream: inout RandomStream) -> Field {
        var field = Field(size: size, filledWith: 0.6)
        for _ in 0..<(size * size / 60) {
            let x = stream.uniform(0, Double(size))
            let y = stream.uniform(0, Double(size))
            let radius = stream.uniform(2, 3.5)
            for row in max(Int(y) - 6, 0)..<max(min(Int(y) + 7, size), max(Int(y) - 6, 0)) {
                for column in max(Int(x) - 6, 0)..<max(min(Int(x) + 7, size), max(Int(x) - 6, 0)) {
                    let dx = Double(column) - x
                    let dy = Double(row) - y
                    let distance = (dx * dx + dy * dy).squareRoot() - radius
                    field.values[row * size + column] -= 2 * Elementary.exp(-distance * distance / 0.8)
                }
            }
        }
        for i in field.values.indices { field.values[i] = max(field.values[i], -2) }
        return field
    }
}
