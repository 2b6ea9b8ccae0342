import Communication
import Configurations
import Datasets
import Kernels
import Network

/// Computes the gradient of one slot of a batch: forward pass, loss and backward pass, on one tile.
package final class SlotGradient {
    private let configuration: Configuration
    private let network: UNet
    private let trained: TrainedParameters
    private let team: ThreadTeam

    package init(_ configuration: Configuration, layout: ParameterLayout, engine: Engine) {
        self.configuration = configuration
        network = UNet(configuration.model.architecture, engine: engine)
        trained = TrainedParameters(layout, freezing: configuration.training.freeze)
        team = engine.team
    }

    /// Writes the gradient of a slot's loss; returns the loss.
    ///
    /// - Parameters:
    ///   - tile: what the slot trains on.
    ///   - step: steps done before.
    ///   - gradient: of the layout's size, overwritten from its end to its beginning.
    ///   - recorder: is told of each phase.
    ///   - complete: told an offset from which on the gradient will not change any more.
    func compute(
        _ tile: TrainingTile, step: Int, slot: Int, weights: UnsafePointer<Float>,
        gradient: UnsafeMutablePointer<Float>, recorder: Recorder, complete: (_ offset: Int) -> Void = { _ in }
    ) throws -> Float {
        // Its memory is read through views until the backward pass is over.
        defer { withExtendedLifetime(tile) {} }
        let logits = try recorder.during(.forward, step: step + 1, slot: slot) {
            network.forward(
                tile.image.view, parameters: weights,
                dropout: RandomStream(seed: configuration.seed, use: .dropout, step, slot))
        }
        let loss = try recorder.during(.loss, step: step + 1, slot: slot) {
            configuration.loss.function.value(
                logits: logits, labels: tile.labels, weights: tile.weights.map { UnsafePointer($0.base) },
                gradient: network.logitsGradient, team: team)
        }
        try recorder.during(.backward, step: step + 1, slot: slot) {
            for offset in network.backwardPass(
                tile.image.view, parameters: weights, gradient: gradient, trained: trained)
            {
                complete(offset)
            }
        }
        return loss
    }

    /// Computes a slot's gradient for its hash alone, `GradientBuckets.hash`; no phase is recorded, since these are not
    /// the worker's own slots.
    ///
    /// - Parameter gradient: overwritten.
    package func hash(
        _ tile: TrainingTile, step: Int, slot: Int, weights: UnsafePointer<Float>, buckets: GradientBuckets,
        gradient: UnsafeMutablePointer<Float>
    ) throws -> UInt64 {
        _ = try compute(tile, step: step, slot: slot, weights: weights, gradient: gradient, recorder: Recorder())
        return buckets.hash(of: gradient, team: team)
    }
}

extension Configuration {
    /// How the gradients of a network with so many parameters travel between so many workers.
    package func gradientBuckets(parameters: Int, workers: Int) -> GradientBuckets {
        GradientBuckets(
            gradient: parameters, tail: StepTail.count(workers: workers), floats: communication.bucketFloats)
    }
}
