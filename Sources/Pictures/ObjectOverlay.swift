import Images
import Kernels

/// Draws objects over the image that they belong to: a crisp outline around each, in colours that touching objects do not
/// share, and a faint tint within.
public enum ObjectOverlay {
    private static let opacity: Float = 0.2

    /// An RGB picture of 8 bits a channel; a narrow image is enlarged as `Overlay` does it.
    ///
    /// - Parameters:
    ///   - image: H×W×C values on any scale.
    ///   - objects: H×W numbers from 1 to `count`; 0 where there is none.
    public static func picture(image: Tensor, objects: LabelMap, count: Int) -> RasterImage {
        precondition(
            image.height == objects.height && image.width == objects.width,
            "objects of \(objects.height)×\(objects.width) on an image of \(image.shape)")
        let colors = colors(of: objects, count: count)
        let scale = Canvas.scale(forWidth: image.width)
        var canvas = Canvas(image, scale: scale)
        for y in 0..<canvas.height {
            for x in 0..<canvas.width {
                let number = Int(objects[y / scale, x / scale])
                guard number > 0 else { continue }
                let isOutline = Overlay.isOutline(objects, y: y, x: x, scale: scale)
                canvas.tint(y: y, x: x, colors[number - 1], opacity: isOutline ? 1 : opacity)
            }
        }
        return canvas.raster
    }

    /// One colour an object: its turn's, or the first that no touching object of a smaller number has.
    package static func colors(of objects: LabelMap, count: Int) -> [RGBColor] {
        let palette = ClassColors(classes: 8).colors.dropFirst().map { $0 }
        var touching = Array(repeating: Set<Int32>(), count: count)
        for y in 0..<objects.height {
            for x in 0..<objects.width where objects[y, x] > 0 {
                let here = objects[y, x]
                // Right, below, and both diagonals below.
                for (dy, dx) in [(0, 1), (1, -1), (1, 0), (1, 1)]
                where y + dy < objects.height && (0..<objects.width).contains(x + dx) {
                    let other = objects[y + dy, x + dx]
                    guard other > 0, other != here else { continue }
                    touching[Int(max(here, other)) - 1].insert(min(here, other))
                }
            }
        }
        var choices: [Int] = []
        for number in 0..<count {
            let taken = Set(touching[number].map { choices[Int($0) - 1] })
            let turns = (0..<palette.count).map { (number + $0) % palette.count }
            choices.append(turns.first { !taken.contains($0) } ?? turns[0])
        }
        return choices.map { palette[$0] }
    }
}
