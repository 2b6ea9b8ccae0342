import Datasets
import Kernels
import Network
import TestSupport

/// A training tile as the loader makes it, from an image in memory: by the paper's augmentation or with everything that
/// there is, and with w(x).
struct AugmentationKernel: Benchmarked {
    let name = "augmented tile"

    /// Where nothing is varied a tile is a part of the image, and a shift by whole pixels takes it from elsewhere.
    func deviations() -> [Deviation] {
        let problem = Problem(side: 97, channels: 2, tile: 44, depth: 1)
        problem.sampler.augmentation = Augmentation(
            rotate: 0, flip: .none, scale: 1...1, translate: 0, elastic: Augmentation.Elastic(sigma: 1e-9), grey: nil)
        let warped = problem.tile(epoch: 1)
        problem.sampler.augmentation = nil
        let plain = problem.tile(epoch: 1)
        return withExtendedLifetime((warped, plain)) {
            [
                Deviation(
                    what: "image that is not varied",
                    distance: relativeL2(warped.image.view, ReferenceImage(plain.image.view)),
                    tolerance: Tolerances.float32Sum),
                Deviation(
                    what: "weights that are not varied",
                    distance: relativeL2(
                        warped.weights?.values.map { $0 } ?? [], plain.weights?.values.map(Double.init) ?? []),
                    tolerance: Tolerances.float32Sum),
            ]
        }
    }

    var cases: [Case] {
        let all = Augmentation(grey: .init(shift: 0.1, scale: 0.1, gamma: 0.2), noise: 0.1, blur: 1)
        return [("1 at 572×572", 1, Augmentation()), ("3 at 572×572", 3, Augmentation()), ("1, all on", 1, all)].map {
            shape, channels, augmentation in
            Case(shape: shape) {
                let problem = Problem(side: 512, channels: channels, tile: 572, depth: 4)
                problem.sampler.augmentation = augmentation
                let floats = 572 * 572 * channels + 2 * 388 * 388
                return Trial(work: .floats(floats)) { _ = problem.run() }
            }
        }
    }

    private final class Problem {
        var sampler: TileSampler
        private let sample: Sample
        private var epoch = 0

        init(side: Int, channels: Int, tile: Int, depth: Int) {
            let labels = LabelMap(height: side, width: side, filledWith: 0)
            // Objects of 20 pixels with gaps of 4.
            for y in 0..<side {
                for x in 0..<side where y % 24 < 20 && x % 24 < 20 { labels[y, x] = 1 }
            }
            sample = Sample(stem: "", image: .random(ImageShape(side, side, channels), key: 60), labels: labels)
            guard
                let sampler = try? TileSampler(
                    geometry: UNetGeometry(depth: depth, padding: .valid), tile: tile, seed: 1, foreground: 0.33,
                    classWeights: [0.5, 2], border: BorderWeights())
            else { preconditionFailure("a tile of \(tile) at depth \(depth)") }
            self.sampler = sampler
            // The border term is made once for a sample.
            _ = run()
        }

        /// The sample as the next epoch has it.
        func run() -> TrainingTile {
            epoch += 1
            return tile(epoch: epoch)
        }

        func tile(epoch: Int) -> TrainingTile { sampler.cut(sample: sample, epoch: epoch, index: 0) }
    }
}
