import Foundation
import Kernels
import Network
import Optimization
import TestSupport
import Testing

/// The network, its loss and its step against PyTorch; `Vectors/README.md` says how the vectors are made.
@Suite struct ReferenceVectorTests {
    private static let networks = [
        "valid-1-channel", "same-rgb-5-classes", "valid-rectangular", "group-normalization", "added-skips", "no-skips",
    ]

    /// A reference network brought to life.
    private final class Run {
        let reference: ReferenceNetwork
        let network: UNet
        let weights: ParameterBuffer
        let gradient: ParameterBuffer
        let signs: [[Double]]
        let images: [Tensor]
        let team = ThreadTeam(threads: 1)

        init(_ name: String) throws {
            reference = try ReferenceNetwork.read(name)
            network = UNet(reference.architecture, engine: Engine(.native, threads: 1))
            weights = reference.parameters(network.layout)
            gradient = ParameterBuffer(network.layout)
            signs = reference.signs()
            let shape = ImageShape(reference.height, reference.width, reference.inputChannels)
            images = reference.samples.map { sample in
                let image = Tensor(shape)
                _ = image.values.update(
                    fromContentsOf: HashedValues.uniform(sample.image, count: shape.count, deviation: 1))
                return image
            }
        }

        /// Forward and backward on one sample: the loss, and the gradient in `gradient`.
        func pass(_ index: Int) -> (logits: [Float], loss: Float) {
            let sample = reference.samples[index]
            let logits = network.forward(images[index].view, parameters: weights.base)
            let values = Array(UnsafeBufferPointer(start: logits.base, count: logits.shape.count))
            let labels = HashedValues.labels(
                sample.labels, height: logits.height, width: logits.width, classes: reference.classes)
            let loss = SoftmaxCrossEntropy.loss(
                logits: logits, labels: labels,
                weights: HashedValues.pixelWeights(sample.weights, count: logits.shape.pixels),
                gradient: network.logitsGradient, team: team)
            network.backward(images[index].view, parameters: weights.base, gradient: gradient.base)
            return (values, loss)
        }

        /// A tensor of a flat buffer in PyTorch's order.
        func tensor(_ name: String, of buffer: ParameterBuffer) -> [Float] {
            let entry = network.layout.entry(name)
            var values = [Float](repeating: 0, count: entry.count)
            network.layout.exportTensor(entry, from: buffer.base, to: &values)
            return values
        }
    }

    @Test("logits, loss and every gradient agree with PyTorch", arguments: networks)
    func gradients(name: String) throws {
        let run = try Run(name)
        let (logits, loss) = run.pass(0)
        #expect(run.reference.logits.distance(to: logits, signs: run.signs) <= Tolerances.networkOutput)
        #expect(relativeL2([loss], [run.reference.loss]) <= Tolerances.networkOutput)
        for tensor in run.reference.tensors {
            let gradient = run.tensor(tensor.name, of: run.gradient)
            let distance = tensor.gradient.distance(to: gradient, signs: run.signs)
            #expect(distance <= Tolerances.networkGradient, "\(tensor.name)")
        }
    }

    @Test("three momentum steps on two images change the weights as PyTorch's", arguments: networks)
    func steps(name: String) throws {
        let run = try Run(name)
        let step = run.reference.step
        let optimizer = MomentumSGD(
            momentum: step.momentum, nesterov: step.nesterov, weightDecay: step.weightDecay)
        let velocity = ParameterBuffer(run.network.layout)
        let sum = ParameterBuffer(run.network.layout)
        for expected in run.reference.losses {
            let first = run.pass(0).loss
            sum.copy(from: run.gradient)
            let second = run.pass(1).loss
            FlatBuffers.add(run.gradient.base, to: sum.base, count: sum.count, team: run.team)
            #expect(relativeL2([(first + second) / 2], [expected]) <= Tolerances.networkOutput)
            optimizer.step(
                weights: run.weights.base, velocity: velocity.base, gradient: sum.base, count: sum.count,
                learningRate: step.learningRate, gradientScale: 0.5, team: run.team)
        }
        for tensor in run.reference.tensors {
            let change = zip(run.tensor(tensor.name, of: run.weights), tensor.initial).map { $0 - $1 }
            let distance = tensor.change.distance(to: change, signs: run.signs)
            #expect(distance <= Tolerances.weightChange, "\(tensor.name)")
        }
    }

    @Test("the files name every tensor of the network, with its shape", arguments: networks)
    func tensorNames(name: String) throws {
        let reference = try ReferenceNetwork.read(name)
        let layout = ParameterLayout(reference.architecture)
        #expect(reference.tensors.map(\.name) == layout.entries.map(\.name))
        #expect(reference.tensors.map(\.shape) == layout.entries.map(\.shape))
    }
}
