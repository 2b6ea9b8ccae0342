import Kernels
import TestSupport
import Testing

@Suite struct WarpFieldTests {
    /// Keys' kernel by its two branches, a = −½.
    private func cubic(_ t: Double) -> Double {
        let t = abs(t)
        if t < 1 { return 1.5 * t * t * t - 2.5 * t * t + 1 }
        return t < 2 ? -0.5 * t * t * t + 2.5 * t * t - 4 * t + 2 : 0
    }

    @Test("Coordinates are the affine map's of displaced pixels", arguments: [2, 3, 5], [(40, 60), (21, 21), (1, 2)])
    func coordinates(nodes: Int, size: (Int, Int)) {
        let (height, width) = size
        var stream = RandomStream(seed: 1, use: .augmentation, nodes, height)
        let down = (0..<nodes * nodes).map { _ in Float(20 * stream.uniform() - 10) }
        let right = (0..<nodes * nodes).map { _ in Float(20 * stream.uniform() - 10) }
        let warp = Warp(
            pivot: [7.5, 11], source: [100, 50.25], downStep: [0.8, -0.4], rightStep: [0.5, 0.9],
            elastic: Warp.Elastic(nodes: nodes, down: down, right: right))
        let field = WarpField(warp, height: height, width: width)
        /// The grid's value at a pixel, its border nodes repeated beyond it.
        func displacement(_ grid: [Float], _ y: Int, _ x: Int) -> Double {
            let v = Double(y * (nodes - 1)) / Double(max(height - 1, 1))
            let u = Double(x * (nodes - 1)) / Double(max(width - 1, 1))
            var sum = 0.0
            for a in -2...nodes + 2 {
                for b in -2...nodes + 2 {
                    let node = min(max(a, 0), nodes - 1) * nodes + min(max(b, 0), nodes - 1)
                    sum += cubic(v - Double(a)) * cubic(u - Double(b)) * Double(grid[node])
                }
            }
            return sum
        }
        for y in 0..<height {
            for x in 0..<width {
                let dy = Double(y) - 7.5 + displacement(down, y, x)
                let dx = Double(x) - 11 + displacement(right, y, x)
                let place = field[y, x]
                #expect(abs(Double(place[0]) - (100 + 0.8 * dy + 0.5 * dx)) < 1e-4)
                #expect(abs(Double(place[1]) - (50.25 - 0.4 * dy + 0.9 * dx)) < 1e-4)
            }
        }
    }
}

@Suite struct ResamplingTests {
    private static let shapes = [
        ImageShape(1, 1, 1), ImageShape(2, 3, 3), ImageShape(9, 14, 1), ImageShape(33, 20, 4), ImageShape(26, 28, 3),
        ImageShape(40, 41, 1), ImageShape(12, 17, 5), ImageShape(30, 24, 2),
    ]

    private func field(over shape: ImageShape, key: Int) -> WarpField {
        var stream = RandomStream(seed: 2, use: .augmentation, key)
        let grid = { () -> [Float] in (0..<9).map { _ in Float(6 * stream.uniform() - 3) } }
        let warp = Warp(
            pivot: [12, 12], source: [Float(shape.height) / 2, Float(shape.width) / 2], downStep: [0.9, 0.5],
            rightStep: [-0.5, 0.9], elastic: Warp.Elastic(nodes: 3, down: grid(), right: grid()))
        return WarpField(warp, height: 25, width: 31)
    }

    @Test("Bicubic equals the sum over the mirrored image, edges and beyond included", arguments: shapes)
    func bicubic(shape: ImageShape) {
        let image = Tensor.random(shape, key: 40)
        let field = field(over: shape, key: shape.height)
        let output = Tensor(25, 31, shape.channels)
        Resampling.bicubic(image.view, at: field, into: output.view)
        func cubic(_ t: Double) -> Double {
            let t = abs(t)
            if t < 1 { return 1.5 * t * t * t - 2.5 * t * t + 1 }
            return t < 2 ? -0.5 * t * t * t + 2.5 * t * t - 4 * t + 2 : 0
        }
        var expected = ReferenceImage(ImageShape(25, 31, shape.channels))
        for y in 0..<25 {
            for x in 0..<31 {
                let (row, column) = (Double(field[y, x][0]), Double(field[y, x][1]))
                for c in 0..<shape.channels {
                    for a in Int(row.rounded(.down)) - 1...Int(row.rounded(.down)) + 2 {
                        for b in Int(column.rounded(.down)) - 1...Int(column.rounded(.down)) + 2 {
                            let pixel = image[
                                MirroredBorder.index(a, size: shape.height), MirroredBorder.index(b, size: shape.width),
                                c]
                            expected[y, x, c] += cubic(row - Double(a)) * cubic(column - Double(b)) * Double(pixel)
                        }
                    }
                }
            }
        }
        #expect(relativeL2(output.view, expected) < 1e-6)
    }

    @Test("What lies about a part of a tensor stays as it is", arguments: [1, 2, 3, 5])
    func surroundings(channels: Int) {
        let shape = ImageShape(25, 31, channels)
        let image = Tensor.random(ImageShape(20, 20, channels), key: 44)
        let (whole, part) = (Tensor(shape), Tensor(35, 41, channels))
        for i in 0..<part.count { part.base[i] = 77 }
        let field = field(over: image.shape, key: 3)
        Resampling.bicubic(image.view, at: field, into: whole.view)
        let start = part.view.row(5) + 4 * channels
        Resampling.bicubic(
            image.view, at: field, into: TensorView(base: start, shape: shape, rowStride: part.view.rowStride))
        for y in 0..<35 {
            for x in 0..<41 {
                let isInside = (5..<30).contains(y) && (4..<35).contains(x)
                for c in 0..<channels { #expect(part[y, x, c] == (isInside ? whole[y - 5, x - 4, c] : 77)) }
            }
        }
    }

    @Test func aTurnByAQuarterTakesPixelsAsTheyAre() {
        let image = Tensor.random(ImageShape(16, 16, 2), key: 41)
        let labels = LabelMap(height: 16, width: 16)
        for i in 0..<256 { labels.values[i] = Int32(i) }
        // Down the tile is left in the image, right is down.
        let warp = Warp(pivot: [7.5, 7.5], source: [7.5, 7.5], downStep: [0, -1], rightStep: [1, 0])
        let field = WarpField(warp, height: 16, width: 16)
        let (turned, turnedLabels) = (Tensor(16, 16, 2), LabelMap(height: 16, width: 16))
        Resampling.bicubic(image.view, at: field, into: turned.view)
        Resampling.nearest(labels, at: field, margin: 0, into: turnedLabels)
        for y in 0..<16 {
            for x in 0..<16 {
                #expect(turned[y, x, 0] == image[x, 15 - y, 0] && turned[y, x, 1] == image[x, 15 - y, 1])
                #expect(turnedLabels[y, x] == labels[x, 15 - y])
            }
        }
    }

    @Test("Labels are the nearest pixel's and weights lie between four", arguments: shapes)
    func labelsAndWeights(shape: ImageShape) {
        let (height, width, margin) = (shape.height, shape.width, 3)
        let field = field(over: shape, key: 7)
        let labels = LabelMap(height: height, width: width)
        for i in 0..<height * width { labels.values[i] = Int32(i) }
        let weights = Tensor.random(ImageShape(height, width, 1), key: 42)
        let (outputs, outputWeights) = (LabelMap(height: 19, width: 25), Tensor(19, 25, 1))
        Resampling.nearest(labels, at: field, margin: margin, into: outputs)
        Resampling.bilinear(weights, at: field, margin: margin, into: outputWeights)
        for y in 0..<19 {
            for x in 0..<25 {
                let place = field[y + margin, x + margin]
                let (row, column) = (Int((place[0] + 0.5).rounded(.down)), Int((place[1] + 0.5).rounded(.down)))
                let isInside = (0..<height).contains(row) && (0..<width).contains(column)
                #expect(outputs[y, x] == (isInside ? Int32(row * width + column) : LabelMap.ignored))
                let (v, u) = (
                    min(max(Double(place[0]), 0), Double(height - 1)), min(max(Double(place[1]), 0), Double(width - 1))
                )
                var expected = 0.0
                for a in 0..<height {
                    for b in 0..<width {
                        let share = max(0, 1 - abs(v - Double(a))) * max(0, 1 - abs(u - Double(b)))
                        expected += share * Double(weights[a, b, 0])
                    }
                }
                #expect(abs(Double(outputWeights[y, x, 0]) - expected) < 1e-5)
            }
        }
    }
}

@Suite struct GreyValueTests {
    private let shapes = [ImageShape(1, 1, 1), ImageShape(5, 7, 3), ImageShape(24, 19, 1)]

    @Test func scaleGammaAndBlurEqualTheirDefinitions() {
        for (key, shape) in shapes.enumerated() {
            let image = Tensor.random(shape, key: 50 + key)
            let values = image.values.map(Double.init)
            GreyValues.scale(image, by: 1.25, adding: -0.5)
            #expect(relativeL2(image.values.map { $0 }, values.map { $0 * 1.25 - 0.5 }) < 1e-6)

            let scaled = image.values.map(Double.init)
            let (low, high) = (scaled.min() ?? 0, scaled.max() ?? 0)
            GreyValues.applyGamma(0.7, to: image)
            let raised = scaled.map { low < high ? power(($0 - low) / (high - low), 0.7) * (high - low) + low : $0 }
            #expect(relativeL2(image.values.map { $0 }, raised) < 1e-6)

            let sharp = ReferenceImage(image.view)
            GreyValues.blur(image, sigma: 1.3)
            #expect(relativeL2(image.view, blurred(sharp, sigma: 1.3)) < 1e-6)
            let unchanged = ReferenceImage(image.view)
            GreyValues.blur(image, sigma: 0)
            #expect(ReferenceImage(image.view) == unchanged)
        }
    }

    private func power(_ value: Double, _ exponent: Double) -> Double {
        value == 0 ? 0 : Elementary.exp(exponent * Elementary.log(value))
    }

    private func blurred(_ image: ReferenceImage, sigma: Double) -> ReferenceImage {
        let radius = Int((3 * sigma).rounded(.up))
        var result = ReferenceImage(image.shape)
        for y in 0..<image.height {
            for x in 0..<image.width {
                for c in 0..<image.channels {
                    var (sum, weight) = (0.0, 0.0)
                    for a in -radius...radius {
                        for b in -radius...radius {
                            let share = Elementary.exp(-Double(a * a + b * b) / (2 * sigma * sigma))
                            weight += share
                            sum +=
                                share
                                * image[
                                    MirroredBorder.index(y + a, size: image.height),
                                    MirroredBorder.index(x + b, size: image.width), c]
                        }
                    }
                    result[y, x, c] = sum / weight
                }
            }
        }
        return result
    }

    @Test func noiseHasItsMomentsAndFollowsItsStream() {
        let image = Tensor(200, 200, 1)
        let stream = RandomStream(seed: 4, use: .augmentation, 1)
        GreyValues.addNoise(deviation: 0.5, stream: stream, to: image)
        let values = image.values.map(Double.init)
        let mean = values.reduce(0, +) / 40_000
        let square = values.reduce(0) { $0 + $1 * $1 } / 40_000
        let fourth = values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / 40_000
        // Six deviations of the estimates; kurtosis of a sum of eight uniform numbers is 3 − 1.2/8.
        #expect(abs(mean) < 0.015 && abs(square - 0.25) < 0.01 && abs(fourth / (square * square) - 2.85) < 0.15)
        let again = Tensor(200, 200, 1)
        GreyValues.addNoise(deviation: 0.5, stream: stream, to: again)
        #expect(again.values.elementsEqual(image.values))
    }
}
