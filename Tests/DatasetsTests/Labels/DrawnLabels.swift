import Images
import Kernels

/// Label images as people draw them, and what programs make of them. One sample a pixel.
struct DrawnLabels {
    let width: Int
    let height: Int
    var samples: [UInt16]

    init(width: Int = 96, height: Int = 80) {
        (self.width, self.height) = (width, height)
        samples = Array(repeating: 0, count: width * height)
    }

    subscript(y: Int, x: Int) -> Int {
        get { Int(samples[min(max(y, 0), height - 1) * width + min(max(x, 0), width - 1)]) }
        set { samples[y * width + x] = UInt16(newValue) }
    }

    /// Discs, each in a value of its own, later ones above earlier ones.
    static func discs(
        _ count: Int, radius: ClosedRange<Int>, seed: UInt64 = 1, width: Int = 96, height: Int = 80, value: (Int) -> Int
    ) -> DrawnLabels {
        var labels = DrawnLabels(width: width, height: height)
        var random = RandomStream(seed: seed, use: .synthesis, 0)
        for number in 0..<count {
            let (y, x) = (random.integer(below: height), random.integer(below: width))
            let r = radius.lowerBound + random.integer(below: radius.count)
            for v in max(0, y - r)...min(height - 1, y + r) {
                for u in max(0, x - r)...min(width - 1, x + r)
                where (v - y) * (v - y) + (u - x) * (u - x) <= r * r { labels[v, u] = value(number) }
            }
        }
        return labels
    }

    static let mask = discs(6, radius: 7...14) { _ in 255 }

    /// Of another size by bilinear interpolation.
    func resized(_ scale: Double) -> DrawnLabels {
        var out = DrawnLabels(width: Int(Double(width) * scale), height: Int(Double(height) * scale))
        for y in 0..<out.height {
            for x in 0..<out.width {
                let (v, u) = ((Double(y) + 0.5) / scale - 0.5, (Double(x) + 0.5) / scale - 0.5)
                let (top, left) = (Int(v.rounded(.down)), Int(u.rounded(.down)))
                let (down, right) = (v - Double(top), u - Double(left))
                let above = Double(self[top, left]) * (1 - right) + Double(self[top, left + 1]) * right
                let below = Double(self[top + 1, left]) * (1 - right) + Double(self[top + 1, left + 1]) * right
                out[y, x] = Int((above * (1 - down) + below * down).rounded())
            }
        }
        return out
    }

    /// Each pixel repeated: nearest neighbour by a whole number.
    func repeated(_ scale: Int) -> DrawnLabels {
        var out = DrawnLabels(width: width * scale, height: height * scale)
        for y in 0..<out.height { for x in 0..<out.width { out[y, x] = self[y / scale, x / scale] } }
        return out
    }

    /// Values by place.
    static func drawn(width: Int = 96, height: Int = 80, _ value: (Int, Int) -> Int) -> DrawnLabels {
        var out = DrawnLabels(width: width, height: height)
        for y in 0..<height { for x in 0..<width { out[y, x] = value(y, x) } }
        return out
    }

    /// The mean of 3×3 pixels: smooth edges.
    func smoothed() -> DrawnLabels {
        var out = self
        for y in 0..<height {
            for x in 0..<width {
                out[y, x] = (-1...1).reduce(0) { sum, v in sum + (-1...1).reduce(0) { $0 + self[y + v, x + $1] } } / 9
            }
        }
        return out
    }

    /// What compression with loss leaves: waves around the edges, in blocks of 8×8 that hold one, within the full scale.
    func rippled(_ height: Int) -> DrawnLabels {
        var out = self
        var random = RandomStream(seed: 9, use: .synthesis, 1)
        for top in stride(from: 0, to: self.height, by: 8) {
            for left in stride(from: 0, to: width, by: 8) {
                let rows = top..<min(top + 8, self.height)
                let columns = left..<min(left + 8, width)
                let values = Set(rows.flatMap { y in columns.map { self[y, $0] } })
                guard values.count > 1 else { continue }
                for y in rows {
                    for x in columns {
                        out[y, x] = min(max(self[y, x] + random.integer(below: 2 * height + 1) - height, 0), 255)
                    }
                }
            }
        }
        return out
    }

    func raster(maximum: UInt16 = 255, palette: [RGBColor]? = nil) -> RasterImage {
        RasterImage(
            width: width, height: height, channels: 1, maximum: maximum, samples: samples, palette: palette)
    }

    /// As a picture: each value in a colour.
    func picture(_ color: (Int) -> (Int, Int, Int)) -> RasterImage {
        let colors = samples.flatMap { sample -> [UInt16] in
            let (r, g, b) = color(Int(sample))
            return [UInt16(r), UInt16(g), UInt16(b)]
        }
        return RasterImage(width: width, height: height, channels: 3, samples: colors)
    }
}
