import Datasets
import Foundation
import Images
import Kernels
import Support
import Testing

@Suite struct SyntheticCellsTests {
    /// The foreground IoU of the best threshold over all images, whether cells are brighter or darker, chosen with the
    /// truth in hand.
    static func bestThresholdIoU(_ cells: SyntheticCells, count: Int) -> Double {
        var foreground = [Int](repeating: 0, count: 256)
        var background = foreground
        for number in 1...count {
            let (image, labels) = cells.sample(number)
            for (pixel, grey) in image.samples.enumerated() {
                if labels.values[pixel] > 0 { foreground[Int(grey)] += 1 } else { background[Int(grey)] += 1 }
            }
        }
        let all = foreground.reduce(0, +)
        let rest = background.reduce(0, +)
        var below = (foreground: 0, background: 0)
        var best = 0.0
        for grey in 0..<256 {
            let darker = Double(below.foreground) / Double(all + below.background)
            let brighter = Double(all - below.foreground) / Double(all + rest - below.background)
            best = max(best, darker, brighter)
            below.foreground += foreground[grey]
            below.background += background[grey]
        }
        return best
    }

    @Test(arguments: [1, 2, 3, 7, 42, 1_000_003] as [UInt64])
    func noThresholdFindsTheCells(seed: UInt64) throws {
        let best = Self.bestThresholdIoU(try SyntheticCells(size: 192, seed: seed), count: 8)
        #expect(best < 0.62)
        #expect(best > 0.40)
    }

    @Test(arguments: [3, 5]) func noThresholdFindsTheCells(classes: Int) throws {
        #expect(Self.bestThresholdIoU(try SyntheticCells(size: 192, classes: classes, seed: 1), count: 8) < 0.62)
    }

    @Test func aSampleDependsOnItsKeyAlone() throws {
        let cells = try SyntheticCells(size: 96, classes: 3, seed: 9)
        let third = cells.sample(3)
        _ = cells.sample(1)
        let again = try SyntheticCells(size: 96, classes: 3, seed: 9).sample(3)
        #expect(third.image == again.image)
        #expect(Array(third.labels.values) == Array(again.labels.values))
        #expect(third.image != cells.sample(2).image)
        #expect(third.image != (try SyntheticCells(size: 96, classes: 3, seed: 10)).sample(3).image)
    }

    /// Pinned: the images are the same bits on every CPU and with every C library.
    @Test(arguments: [
        (2, "19a369bfbc93cfe0bdc4d4beda92dfc6498d310e8e330f71b760cd0b0932e515"),
        (5, "aa5d42bb26e73ed38549190fcca6a4f2c93d8b47af5a651362648278b6eb1af9"),
    ]) func imagesAreTheSameBitsEverywhere(classes: Int, digest: String) throws {
        let cells = try SyntheticCells(size: 96, classes: classes, seed: 1)
        let hash = SHA256()
        for number in 1...3 {
            let (image, labels) = cells.sample(number)
            hash.update(Data(image.samples.map { UInt8($0) }))
            hash.update(Data((0..<96 * 96).map { UInt8(labels.values[$0]) }))
        }
        #expect(hash.finish().hexadecimal == digest)
    }

    @Test(arguments: [2, 3, 4, 5]) func everyClassAppears(classes: Int) throws {
        let cells = try SyntheticCells(size: 160, classes: classes, seed: 4)
        var counts = [Int](repeating: 0, count: classes)
        for number in 1...6 {
            let labels = cells.sample(number).labels
            for pixel in 0..<(160 * 160) { counts[Int(labels[pixel / 160, pixel % 160])] += 1 }
        }
        let share = counts.map { Double($0) / Double(6 * 160 * 160) }
        #expect(share[0] > 0.35 && share[0] < 0.65)
        for index in 1..<classes { #expect(share[index] > 0.4 * (1 - share[0]) / Double(classes - 1)) }
    }

    /// Cells that touch are apart in the labels: a border of background runs between them.
    @Test func touchingCellsAreApart() throws {
        let labels = try SyntheticCells(size: 256, seed: 1).sample(1).labels
        var seen = [Bool](repeating: false, count: 256 * 256)
        var largest = 0
        var objects = 0
        for start in 0..<(256 * 256) where labels.values[start] > 0 && !seen[start] {
            var stack = [start]
            var area = 0
            seen[start] = true
            while let pixel = stack.popLast() {
                area += 1
                let (y, x) = (pixel / 256, pixel % 256)
                for (ny, nx) in [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
                where ny >= 0 && nx >= 0 && ny < 256 && nx < 256 {
                    guard labels[ny, nx] > 0, !seen[ny * 256 + nx] else { continue }
                    seen[ny * 256 + nx] = true
                    stack.append(ny * 256 + nx)
                }
            }
            objects += 1
            largest = max(largest, area)
        }
        #expect(objects >= 8)
        #expect(largest < 4500)
    }

    @Test func smallestAndOddSizes() throws {
        for size in [32, 33, 101] {
            let sample = try SyntheticCells(size: size, seed: 1).sample(1)
            #expect(sample.image.width == size && sample.image.height == size && sample.labels.width == size)
        }
        #expect(throws: Failure.self) { try SyntheticCells(size: 8) }
        #expect(throws: Failure.self) { try SyntheticCells(classes: 1) }
        #expect(throws: Failure.self) { try SyntheticCells(classes: 9) }
    }

    @Test func writesADataSet() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/lockstep-synthesis-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let cells = try SyntheticCells(size: 40, seed: 3)
        try cells.write(count: 2, to: folder)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["images", "labels"])
        for part in ["images", "labels"] {
            let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(part)").sorted()
            #expect(names == ["cell-0001.png", "cell-0002.png"])
        }
        let image = try PNG.read("\(folder)/images/cell-0002.png")
        let label = try PNG.read("\(folder)/labels/cell-0002.png")
        let second = cells.sample(2)
        #expect(image.samples == second.image.samples)
        #expect(label.samples == (0..<(40 * 40)).map { UInt16(second.labels[$0 / 40, $0 % 40]) * 255 })
        #expect(throws: Failure.self) { try cells.write(count: 1, to: folder) }
        #expect(throws: Failure.self) { try cells.write(count: 0, to: folder + "/other") }
        #expect(throws: Failure.self) { try cells.write(count: 1, to: "/proc/none") }
    }
}
