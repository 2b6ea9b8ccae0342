import Kernels
import Testing

@Suite struct MirroredBorderTests {
    @Test func indicesOfNumPy() {
        // np.pad([0, 1, 2], 7, mode="reflect")
        #expect(
            (-7..<10).map { MirroredBorder.index($0, size: 3) } == [1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1])
        #expect((-3...3).map { MirroredBorder.index($0, size: 1) } == [0, 0, 0, 0, 0, 0, 0])
        #expect((-3...3).map { MirroredBorder.index($0, size: 2) } == [1, 0, 1, 0, 1, 0, 1])
    }

    @Test func everyIndexIsTheWalked() {
        for size in 1...9 {
            for position in -40...40 {
                #expect(MirroredBorder.index(position, size: size) == walkedIndex(position, size: size))
            }
        }
        #expect(MirroredBorder.index(6_000_000_000_001, size: 4) == 1)
        #expect(MirroredBorder.index(-6_000_000_000_001, size: 4) == 1)
    }

    @Test("Windows inside, across and far outside the image", arguments: [1, 3])
    func windows(channels: Int) {
        for (height, width) in [(1, 1), (1, 5), (4, 1), (3, 7), (6, 2)] {
            let image = coordinateImage(height, width, channels)
            for (windowHeight, windowWidth) in [(1, 1), (2, 3), (4 * height, 7 * width), (7 * height, 4 * width)] {
                // Up to three times the image beyond each edge, and far away.
                for top in [-3 * height, -1, 0, height - 1, 3 * height, 100] {
                    for left in [-50, -3 * width, -2, 0, 1, width, 3 * width] {
                        let window = Tensor(windowHeight, windowWidth, channels)
                        MirroredBorder.copyMirrored(from: image, top: top, left: left, into: window.view)
                        for y in 0..<windowHeight {
                            let row = walkedIndex(top + y, size: height)
                            for x in 0..<windowWidth {
                                let column = walkedIndex(left + x, size: width)
                                for c in 0..<channels where window[y, x, c] != image[row, column, c] {
                                    Issue.record("\(height)×\(width) from \(top), \(left): pixel \(y), \(x), \(c)")
                                    return
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    @Test func aWindowOfALargerTensorLeavesTheRestAlone() {
        let image = coordinateImage(3, 4, 2)
        let canvas = Tensor(9, 10, 2)
        canvas.view.fill(-7)
        MirroredBorder.copyMirrored(from: image, top: -1, left: -2, into: canvas.view.centreCrop(height: 5, width: 6))
        for y in 0..<9 {
            for x in 0..<10 {
                let inside = (2..<7).contains(y) && (2..<8).contains(x)
                let row = walkedIndex(y - 3, size: 3)
                let column = walkedIndex(x - 4, size: 4)
                for c in 0..<2 { #expect(canvas[y, x, c] == (inside ? image[row, column, c] : -7)) }
            }
        }
    }
}
