import Kernels
import Testing

/// Kernels work on raw memory: what does not fit together has to be refused at their doors, in every build.
@Suite struct DoorTests {
    @Test("pooling refuses an output of the wrong size")
    func pooling() async {
        await #expect(processExitsWith: .failure) {
            let (input, output) = (Tensor(4, 4, 1), Tensor(2, 3, 1))
            MaxPool.forward(input.view, output: output.view, team: ThreadTeam(threads: 1))
            withExtendedLifetime((input, output)) {}
        }
    }

    @Test("a convolution refuses an output of the wrong size")
    func convolution() async {
        await #expect(processExitsWith: .failure) {
            let (input, output, values) = (Tensor(5, 5, 1), Tensor(4, 4, 1), Tensor(1, 1, 9))
            Engine(.native, threads: 1).convolution3x3(
                [input.view], LayerParameters(weights: values.base, bias: values.base), padding: 0,
                output: output.view, workspace: Workspace())
            withExtendedLifetime((input, output, values)) {}
        }
    }

    @Test("the loss refuses a class that the logits do not have")
    func label() async {
        await #expect(processExitsWith: .failure) {
            let (logits, gradient) = (Tensor(1, 2, 2), Tensor(1, 2, 2))
            let labels = LabelMap(height: 1, width: 2, filledWith: 2)
            _ = SoftmaxCrossEntropy.loss(
                logits: logits.view, labels: labels, gradient: gradient.view, team: ThreadTeam(threads: 1))
            withExtendedLifetime((logits, gradient)) {}
        }
    }

    @Test("the loss refuses a negative class but that of ignored pixels")
    func negativeLabel() async {
        await #expect(processExitsWith: .failure) {
            let (logits, gradient) = (Tensor(1, 2, 2), Tensor(1, 2, 2))
            let labels = LabelMap(height: 1, width: 2, filledWith: LabelMap.ignored - 1)
            _ = SoftmaxCrossEntropy.loss(
                logits: logits.view, labels: labels, gradient: gradient.view, team: ThreadTeam(threads: 1))
            withExtendedLifetime((logits, gradient)) {}
        }
    }

    @Test("a crop must lie in the middle")
    func crop() async {
        await #expect(processExitsWith: .failure) {
            let tensor = Tensor(5, 5, 1)
            _ = tensor.view.centreCrop(height: 4, width: 5)
            withExtendedLifetime(tensor) {}
        }
    }
}
