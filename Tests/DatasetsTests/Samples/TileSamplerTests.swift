import Datasets
import Kernels
import Network
import TestSupport
import Testing

@Suite struct TileSamplerTests {
    /// A sample whose labels are 100·y + x where its image's pixels are.
    private func sample(_ height: Int, _ width: Int, channels: Int = 1) -> Sample {
        let labels = LabelMap(height: height, width: width)
        for y in 0..<height { for x in 0..<width { labels[y, x] = Int32(100 * y + x) } }
        return Sample(stem: "s", image: coordinateImage(height, width, channels), labels: labels)
    }

    /// Where the output's first pixel lies in the image, after every pixel of the tile has been found where it belongs.
    private func checkedOrigin(
        of tile: TrainingTile, from sample: Sample, margin: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) -> (top: Int, left: Int)? {
        let image = sample.image
        #expect(tile.image.height == tile.labels.height + 2 * margin, sourceLocation: sourceLocation)
        #expect(tile.image.width == tile.labels.width + 2 * margin, sourceLocation: sourceLocation)
        let first = Int(tile.labels[0, 0])
        guard first >= 0 else {
            Issue.record("the output's first pixel is beyond the image", sourceLocation: sourceLocation)
            return nil
        }
        let (top, left) = first.quotientAndRemainder(dividingBy: 100)
        for y in 0..<tile.labels.height {
            for x in 0..<tile.labels.width {
                let inside = top + y < image.height && left + x < image.width
                let expected = inside ? Int32(100 * (top + y) + left + x) : LabelMap.ignored
                guard tile.labels[y, x] == expected else {
                    Issue.record("label \(y), \(x) is \(tile.labels[y, x])", sourceLocation: sourceLocation)
                    return nil
                }
            }
        }
        for y in 0..<tile.image.height {
            let row = walkedIndex(top + y - margin, size: image.height)
            for x in 0..<tile.image.width {
                let column = walkedIndex(left + x - margin, size: image.width)
                for c in 0..<image.channels where tile.image[y, x, c] != image[row, column, c] {
                    Issue.record("pixel \(y), \(x), \(c) is \(tile.image[y, x, c])", sourceLocation: sourceLocation)
                    return nil
                }
            }
        }
        return (top, left)
    }

    @Test(
        "A tile's output lies inside the image, every pixel where it belongs",
        arguments: 0...4, [UNetArchitecture.Padding.valid, .same])
    func tiles(depth: Int, padding: UNetArchitecture.Padding) throws {
        let geometry = UNetGeometry(depth: depth, padding: padding)
        for side in [geometry.smallestInput, geometry.smallestInput + 2 * geometry.stride] {
            let sampler = try TileSampler(geometry: geometry, tile: side, seed: 3)
            let output = geometry.output(input: side)
            let sizes = [(output, output), (output + 3, output + 7), (1, 2), (output + 5, max(output - 1, 1)), (5, 90)]
            for (height, width) in sizes {
                let sample = sample(height, width, channels: depth == 1 ? 3 : 1)
                for epoch in 0..<3 {
                    let tile = sampler.cut(sample: sample, epoch: epoch, index: 5)
                    #expect(tile.image.height == side && tile.image.width == side)
                    let origin = try #require(checkedOrigin(of: tile, from: sample, margin: geometry.margin))
                    #expect((0...max(height - output, 0)).contains(origin.top))
                    #expect((0...max(width - output, 0)).contains(origin.left))
                }
            }
        }
    }

    @Test("A whole image is covered from its own origin", arguments: 0...4, [UNetArchitecture.Padding.valid, .same])
    func wholeImages(depth: Int, padding: UNetArchitecture.Padding) throws {
        let geometry = UNetGeometry(depth: depth, padding: padding)
        let sampler = try TileSampler(geometry: geometry, tile: 0, seed: 3)
        for (height, width) in [(1, 1), (7, 12), (16, 33), (50, 3)] {
            let sample = sample(height, width)
            let tile = sampler.cut(sample: sample, epoch: 0, index: 0)
            let origin = try #require(checkedOrigin(of: tile, from: sample, margin: geometry.margin))
            #expect(origin.top == 0 && origin.left == 0)
            #expect(tile.image.height == geometry.legalInput(outputAtLeast: height))
            #expect(tile.image.width == geometry.legalInput(outputAtLeast: width))
            #expect(tile.labels.list.count { $0 >= 0 } == height * width)
        }
    }

    @Test func positionsAreUniformAndFollowTheKey() throws {
        let geometry = UNetGeometry(depth: 1, padding: .valid)
        let sampler = try TileSampler(geometry: geometry, tile: 18, seed: 1)
        let sample = sample(5, 4)
        var counts: [Int32: Int] = [:]
        for epoch in 0..<1200 {
            let tile = sampler.cut(sample: sample, epoch: epoch, index: 0)
            counts[tile.labels[0, 0], default: 0] += 1
            let again = sampler.cut(sample: sample, epoch: epoch, index: 0)
            #expect(again.labels.list == tile.labels.list)
        }
        // An output of 2×2 has 4·3 places in 5×4 pixels, 100 tiles each: ±5 deviations of a binomial.
        #expect(counts.count == 12)
        #expect(counts.values.allSatisfy { (52...148).contains($0) }, "\(counts)")

        func origins(_ sampler: TileSampler, index: Int) -> [Int32] {
            (0..<20).map { sampler.cut(sample: sample, epoch: $0, index: index).labels[0, 0] }
        }
        #expect(origins(sampler, index: 0) != origins(sampler, index: 1))
        #expect(try origins(sampler, index: 0) != origins(TileSampler(geometry: geometry, tile: 18, seed: 2), index: 0))
    }

    @Test func impossibleTilesAreRefused() {
        let paper = UNetGeometry(depth: 4, padding: .valid)
        expectFailure("data.tile is 580", "572 or 588") { try TileSampler(geometry: paper, tile: 580, seed: 1) }
        expectFailure("data.tile is 100", "depth 4", "188") { try TileSampler(geometry: paper, tile: 100, seed: 1) }
        expectFailure("data.tile is -16") { try TileSampler(geometry: paper, tile: -16, seed: 1) }
    }
}
