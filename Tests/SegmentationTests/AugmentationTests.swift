import Kernels
import Network
import Segmentation
import Testing

@Suite struct AugmentationTests {
    private static let off = Augmentation(
        rotate: 0, flip: .none, scale: 1...1, translate: 0, elastic: nil, grey: nil)
    private let geometry = UNetGeometry(depth: 1, padding: .valid)

    /// Labels and border weights say where a pixel comes from, and so does the image: value 100·row + column.
    private func sample(_ height: Int, _ width: Int) -> Sample {
        let (image, labels) = (Tensor(height, width, 2), LabelMap(height: height, width: width))
        for y in 0..<height {
            for x in 0..<width {
                labels[y, x] = Int32(100 * y + x)
                image[y, x, 0] = Float(y)
                image[y, x, 1] = Float(x)
            }
        }
        return Sample(stem: "s", image: image, labels: labels)
    }

    /// Memory of a tile that is gone must not be read.
    private func pixels(_ tile: TrainingTile) -> [Float] { withExtendedLifetime(tile) { Array(tile.image.values) } }

    private func sampler(_ augmentation: Augmentation?, tile: Int = 44, seed: UInt64 = 1) throws -> TileSampler {
        try TileSampler(geometry: geometry, tile: tile, seed: seed, augmentation: augmentation)
    }

    @Test func nothingSwitchedOnIsThePlainTile() throws {
        let sample = sample(70, 81)
        for epoch in 0..<4 {
            let plain = try sampler(nil).cut(sample: sample, epoch: epoch, index: 3)
            let off = try sampler(Self.off).cut(sample: sample, epoch: epoch, index: 3)
            #expect(plain.labels.list == off.labels.list && plain.image.values.elementsEqual(off.image.values))
            #expect(plain.weights == nil)
        }
    }

    @Test("Image and labels of a varied tile show the same place", arguments: [0, 44])
    func imageAndLabelsAgree(tile: Int) throws {
        let sample = sample(90, 80)
        let all = Augmentation(grey: nil)
        var (ignored, angles) = (0, Set<Bool>())
        for epoch in 0..<30 {
            let cut = try sampler(all, tile: tile).cut(sample: sample, epoch: epoch, index: 0)
            let margin = (cut.image.height - cut.labels.height) / 2
            for y in 0..<cut.labels.height {
                for x in 0..<cut.labels.width {
                    let label = cut.labels[y, x]
                    guard label >= 0 else {
                        ignored += 1
                        continue
                    }
                    let (row, column) = Int(label).quotientAndRemainder(dividingBy: 100)
                    // Mirroring bends the ramps of the image at its edges.
                    guard (2..<88).contains(row), (2..<78).contains(column) else { continue }
                    #expect(abs(cut.image[y + margin, x + margin, 0] - Float(row)) <= 0.51)
                    #expect(abs(cut.image[y + margin, x + margin, 1] - Float(column)) <= 0.51)
                }
            }
            angles.insert(cut.image[margin, margin, 0] < cut.image[margin + 30, margin, 0])
        }
        #expect(ignored > 0 && angles.count == 2)
    }

    @Test func aSampleIsVariedAnewEachEpochAndAlikeWheneverItIsAsked() throws {
        let sample = sample(70, 70)
        let augmentation = Augmentation(
            grey: .init(shift: 0.1, scale: 0.1, gamma: 0.2), noise: 0.1, blur: 1)
        func values(_ epoch: Int, _ index: Int, seed: UInt64 = 1, _ augmentation: Augmentation) throws -> [Float] {
            pixels(try sampler(augmentation, seed: seed).cut(sample: sample, epoch: epoch, index: index))
        }
        let first = try values(0, 0, augmentation)
        #expect(try values(0, 0, augmentation) == first)
        #expect(try values(1, 0, augmentation) != first)
        #expect(try values(0, 1, augmentation) != first)
        #expect(try values(0, 0, seed: 2, augmentation) != first)
        #expect(first.allSatisfy { $0.isFinite })
    }

    @Test("Each change alone, switched on, changes tiles", arguments: 0..<9)
    func eachSwitch(number: Int) throws {
        var one = Self.off
        switch number {
        case 0: one.rotate = 20
        case 1: one.flip = .horizontal
        case 2: one.scale = 0.8...1.2
        case 3: one.translate = 9
        case 4: one.elastic = .init(grid: 3, sigma: 4)
        case 5: one.grey = .init(shift: 0.2, scale: 0, gamma: 0)
        case 6: one.grey = .init(shift: 0, scale: 0.2, gamma: 0.3)
        case 7: one.noise = 0.1
        default: one.blur = 2
        }
        let sample = sample(60, 60)
        let (changed, plain) = (try sampler(one), try sampler(nil))
        let differences = (0..<12).count { epoch in
            pixels(changed.cut(sample: sample, epoch: epoch, index: 0))
                != pixels(plain.cut(sample: sample, epoch: epoch, index: 0))
        }
        // A flip comes in half of the epochs, and a blur may be too slight to be seen.
        #expect(number == 1 ? (2...10).contains(differences) : differences >= (number == 8 ? 8 : 12))
        if number >= 5 {
            // Grey values alone: labels stay.
            let labels = (0..<4).map { changed.cut(sample: sample, epoch: $0, index: 0).labels.list }
            #expect(labels == (0..<4).map { plain.cut(sample: sample, epoch: $0, index: 0).labels.list })
        }
    }

    @Test func flipsAreExactAndHorizontalKeepsRows() throws {
        var flips = Self.off
        flips.flip = .horizontal
        let sample = sample(60, 60)
        for epoch in 0..<12 {
            let cut = try sampler(flips).cut(sample: sample, epoch: epoch, index: 0)
            let plain = try sampler(nil).cut(sample: sample, epoch: epoch, index: 0)
            let isSame = cut.labels.list == plain.labels.list
            for y in 0..<cut.labels.height {
                for x in 0..<cut.labels.width {
                    #expect(cut.labels[y, x] == plain.labels[y, isSame ? x : cut.labels.width - 1 - x])
                }
            }
        }
    }

    @Test func weightsAreClassWeightsPlusTheBorderTermWhereItLies() throws {
        let (labels, instances) = (
            LabelMap(height: 64, width: 64, filledWith: 0), LabelMap(height: 64, width: 64, filledWith: 0)
        )
        for y in 10..<50 {
            for x in 10..<50 where x != 30 {
                labels[y, x] = 1
                instances[y, x] = x < 30 ? 1 : 2
            }
        }
        let sample = Sample(stem: "s", image: Tensor(64, 64, 1), labels: labels, instances: instances)
        let border = BorderWeights(w0: 10, sigma: 3)
        for augmentation in [nil, Augmentation()] {
            let sampler = try TileSampler(
                geometry: geometry, tile: 44, seed: 1, augmentation: augmentation, classWeights: [0.5, 2],
                border: border)
            var largest: Float = 0
            for epoch in 0..<20 {
                let tile = sampler.cut(sample: sample, epoch: epoch, index: 0)
                let weights = try #require(tile.weights)
                for pixel in 0..<weights.count {
                    let weight = weights.base[pixel]
                    switch tile.labels.values[pixel] {
                    case 0:
                        #expect(weight >= 0.5 && weight <= 10.5)
                        largest = max(largest, weight)
                    // Interpolation may spread the border's weight by a pixel.
                    case 1: #expect(augmentation == nil ? weight == 2 : weight >= 2 && weight < 12)
                    default: break
                    }
                }
            }
            #expect(largest > 8)
        }
    }

    @Test func thatShareOfTilesShowsARareObject() throws {
        // One pixel of class 2 in a large image, and a few of class 1.
        let labels = LabelMap(height: 200, width: 200, filledWith: 0)
        labels[150, 40] = 2
        for x in 0..<50 { labels[20, x + 100] = 1 }
        let sample = Sample(stem: "s", image: Tensor(200, 200, 1), labels: labels)
        let sampler = try TileSampler(geometry: geometry, tile: 44, seed: 1, foreground: 0.5)
        var counts = [0, 0, 0]
        for epoch in 0..<600 {
            let tile = sampler.cut(sample: sample, epoch: epoch, index: 0)
            let present = Set(tile.labels.list)
            for c in [1, 2] where present.contains(Int32(c)) { counts[c] += 1 }
            #expect(!present.contains(LabelMap.ignored))
        }
        // A quarter each by choice, and by chance a share of the rest: about 0.25 + 0.5·0.03; 5 deviations are 54.
        #expect((110...215).contains(counts[2]) && (120...260).contains(counts[1]), "\(counts)")
    }

    @Test func eachPixelOfAClassIsDrawnAsOften() throws {
        let (height, width) = (7, 5)
        let labels = LabelMap(height: height, width: width, filledWith: 0)
        for pixel in [0, 4, 3 * width + 2, 6 * width + 4] { labels.values[pixel] = 1 }
        for pixel in [3 * width, 3 * width + 1] { labels.values[pixel] = 3 }
        labels.values[7] = LabelMap.ignored
        let image = Tensor(height, width, 1)
        for pixel in 0..<height * width { image.base[pixel] = Float(pixel) }
        let sample = Sample(stem: "s", image: image, labels: labels)
        // One pixel comes out, in the middle of five by five.
        let sampler = try TileSampler(
            geometry: UNetGeometry(depth: 0, padding: .valid), tile: 5, seed: 1, foreground: 1)
        var counts = [Int](repeating: 0, count: height * width)
        for epoch in 0..<6000 {
            let tile = sampler.cut(sample: sample, epoch: epoch, index: 0)
            let pixel = Int(tile.image[2, 2, 0])
            #expect(tile.labels.list == [labels.values[pixel]])
            counts[pixel] += 1
        }
        // One of two classes, then one of its four or two pixels; 5 deviations are 128 and 168.
        for pixel in 0..<height * width {
            switch labels.values[pixel] {
            case 1: #expect((622...878).contains(counts[pixel]), "\(counts)")
            case 3: #expect((1332...1668).contains(counts[pixel]), "\(counts)")
            default: #expect(counts[pixel] == 0)
            }
        }
    }
}
