import Images
import Kernels
import Support

/// Pictures of touching cells, drawn by the computer together with their labels: the sample task.
///
/// They look like a microscope's: irregular outlines, thin dark borders where cells touch, grainy insides, uneven
/// light, blur, shot noise, and debris. Cells and background are about equally bright, so that no threshold of the
/// grey value tells them apart; the grain and the border do. With more than two classes the kinds of cells differ by
/// their texture alone: grains, stripes, blotches, bubbles.
///
/// An image is a function of (seed, size, classes, number): it does not depend on how many there are.
public struct SyntheticCells: Sendable {
    /// Classes that can be drawn, the background included.
    private static let possibleClasses = 2...5
    /// Sides of the images that can be drawn, in pixels.
    private static let possibleSizes = 32...4096

    /// Side of the square images, in pixels.
    public let size: Int
    /// Number of classes, the background included.
    public let classes: Int
    public let seed: UInt64

    /// - Throws: `Failure.request` for a size or a number of classes that cannot be drawn.
    public init(size: Int = 192, classes: Int = 2, seed: UInt64 = 1) throws {
        guard Self.possibleSizes.contains(size) else {
            throw Failure.request("synthetic images cannot be \(size) pixels wide: choose a size from 32 to 4096")
        }
        guard Self.possibleClasses.contains(classes) else {
            throw Failure.request("synthetic cells cannot have \(classes) classes: choose from 2 to 5")
        }
        self.size = size
        self.classes = classes
        self.seed = seed
    }

    /// Image `number` (from 1) and the class of each of its pixels: 0 background, 1 and more the kinds of cells.
    public func sample(_ number: Int) -> (image: RasterImage, labels: LabelMap) {
        var layoutStream = RandomStream(seed: seed, use: .synthesis, number, 0)
        var stream = RandomStream(seed: seed, use: .synthesis, number, 1)
        let coverage = layoutStream.uniform(0.48, 0.64)
        let layout = CellLayout(size: size, kinds: classes - 1, coverage: coverage, from: &layoutStream)
        let labels = LabelMap(height: size, width: size, filledWith: 0)
        for pixel in 0..<(size * size) where layout.depth[pixel] > Self.halfBorder {
            labels.values[pixel] = Int32(layout.cells[layout.owner[pixel]].kind)
        }

        var canvas = background(from: &stream)
        drawCells(layout, on: &canvas, from: &stream)
        drawSpecks(on: &canvas, from: &stream)
        light(&canvas, from: &stream)
        canvas = canvas.blurred(0.6)
        let samples = canvas.values.map { value in
            let noisy = value + stream.gaussian() * (max(value, 0) / Self.photons + 0.012 * 0.012).squareRoot()
            return UInt16(min(max((noisy * 255).rounded(), 0), 255))
        }
        return (RasterImage(width: size, height: size, channels: 1, samples: samples), labels)
    }

    /// Pixels on each side of the middle of a cell's border that belong to the background.
    private static let halfBorder = 1.0
    /// Photons of a pixel at full scale; sets the shot noise.
    private static let photons = 700.0
    /// Brightness of cells and background alike, before the light.
    private static let grey = 0.47

    /// Smooth clouds, blurred discs out of focus, and a few thin fibres.
    private func background(from stream: inout RandomStream) -> Field {
        var canvas = Field.bandNoise(size: size, fine: 5, coarse: nil, from: &stream)
        for i in canvas.values.indices { canvas.values[i] = Self.grey + 0.035 * canvas.values[i] }
        let area = Double(size * size)
        for _ in 0..<Int((area / 5000).rounded(.up)) {
            let radius = stream.uniform(5, 13)
            let softness = stream.uniform(1.5, 3)
            let height = 0.11 * stream.sign()
            let x = stream.uniform(0, Double(size))
            let y = stream.uniform(0, Double(size))
            forEachPixel(within: radius + 4 * softness, ofX: x, y: y) { pixel, distance in
                canvas.values[pixel] += height / (1 + Elementary.exp((distance - radius) / softness))
            }
        }
        for _ in 0..<Int((area / 12000).rounded(.up)) {
            drawFibre(on: &canvas, from: &stream)
        }
        return canvas
    }

    /// A thin dark thread that bends at random: like a border, but around nothing.
    private func drawFibre(on canvas: inout Field, from stream: inout RandomStream) {
        var x = stream.uniform(0, Double(size))
        var y = stream.uniform(0, Double(size))
        // In half turns, as angles are here.
        var direction = stream.uniform(0, 2)
        var bend = 0.0
        var shade = [Int: Double]()
        for _ in 0..<Int(stream.uniform(30, 80)) {
            forEachPixel(within: 3, ofX: x, y: y) { pixel, distance in
                shade[pixel] = max(shade[pixel] ?? 0, Elementary.exp(-distance * distance / 1.6))
            }
            bend = 0.9 * bend + 0.03 / .pi * stream.gaussian()
            direction += bend
            x += Elementary.cosine(halfTurns: direction)
            y += Elementary.sine(halfTurns: direction)
        }
        for (pixel, depth) in shade { canvas.values[pixel] -= 0.16 * depth }
    }

    /// Insides with their kind's texture, and the borders around them.
    private func drawCells(_ layout: CellLayout, on canvas: inout Field, from stream: inout RandomStream) {
        let looks = layout.cells.map { _ in CellLook(from: &stream) }
        let textures = (1..<classes).map { CellTexture(kind: $0, size: size, from: &stream) }
        for y in 0..<size {
            for x in 0..<size {
                let pixel = y * size + x
                let depth = layout.depth[pixel]
                guard layout.owner[pixel] >= 0, depth > -10 else { continue }
                let cell = layout.cells[layout.owner[pixel]]
                let look = looks[layout.owner[pixel]]
                let inside = 1 / (1 + Elementary.exp(-(depth - Self.halfBorder) / 0.35))
                let dx = Double(x) - cell.centreX
                let dy = Double(y) - cell.centreY
                var value = Self.grey + look.brightness + look.nucleus(dx: dx, dy: dy, radius: cell.radius)
                value += look.contrast * textures[cell.kind - 1].value(x: x, y: y, direction: look.direction)
                var outside = canvas.values[pixel]
                if depth < 0 { outside += 0.07 * Elementary.exp(-(depth + 3.5) * (depth + 3.5) / 5) }
                canvas.values[pixel] = outside + (value - outside) * inside
                canvas.values[pixel] -= look.border * Elementary.exp(-depth * depth / 1.3)
            }
        }
    }

    /// Small bright and dark dots anywhere.
    private func drawSpecks(on canvas: inout Field, from stream: inout RandomStream) {
        for _ in 0..<Int((Double(size * size) / 1100).rounded(.up)) {
            let radius = stream.uniform(0.7, 1.8)
            let height = stream.uniform(0.1, 0.3) * stream.sign()
            let x = stream.uniform(0, Double(size))
            let y = stream.uniform(0, Double(size))
            forEachPixel(within: 4 * radius, ofX: x, y: y) { pixel, distance in
                canvas.values[pixel] += height * Elementary.exp(-distance * distance / (2 * radius * radius))
            }
        }
    }

    /// Uneven light: a gradient across the image and a broad swell.
    private func light(_ canvas: inout Field, from stream: inout RandomStream) {
        let direction = stream.uniform(0, 2)
        let gradient = stream.uniform(0.15, 0.35)
        let swell = stream.uniform(0.05, 0.12)
        let overall = stream.uniform(0.9, 1.1)
        let waveX = stream.uniform(1.5, 5)
        let waveY = stream.uniform(1.5, 5)
        let phase = stream.uniform(0, 2)
        let across = gradient * Elementary.cosine(halfTurns: direction)
        let down = gradient * Elementary.sine(halfTurns: direction)
        for y in 0..<size {
            for x in 0..<size {
                let u = Double(x) / Double(size) - 0.5
                let v = Double(y) / Double(size) - 0.5
                let wave = Elementary.cosine(halfTurns: (waveX * u + waveY * v) / .pi + phase)
                canvas.values[y * size + x] *= overall * (1 + across * u + down * v + swell * wave)
            }
        }
    }

    /// Calls `body` with the index and the distance of every pixel of the image within `reach` of a point.
    private func forEachPixel(
        within reach: Double, ofX centreX: Double, y centreY: Double,
        do body: (_ pixel: Int, _ distance: Double) -> Void
    ) {
        let rows = max(Int(centreY - reach), 0)..<max(min(Int(centreY + reach) + 1, size), max(Int(centreY - reach), 0))
        let columns =
            max(Int(centreX - reach), 0)..<max(min(Int(centreX + reach) + 1, size), max(Int(centreX - reach), 0))
        for y in rows {
            for x in columns {
                let dx = Double(x) - centreX
                let dy = Double(y) - centreY
                let distance = (dx * dx + dy * dy).squareRoot()
                if distance <= reach { body(y * size + x, distance) }
            }
        }
    }
}
