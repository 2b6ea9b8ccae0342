import Kernels

extension UNetArchitecture {
    /// The U-Net, as the list of its operations in the order of the forward pass.
    package var operations: [Operation] {
        var list = OperationList(imageChannels: inputChannels)
        var activation = OperationList.image
        var skips: [Int] = []
        // Encoder and bottom.
        for level in 0...depth {
            list.beginSegment()
            if level > 0 {
                skips.append(activation)
                activation = list.append(.maxPool, "encoder.\(level - 1).pool", activation, isRecomputed: true)
            }
            activation = appendBlock(to: &list, "encoder.\(level)", activation, level: level)
        }
        list.beginSegment()
        activation = list.append(.dropout(rate: dropout), "dropout", activation)
        // Decoder.
        for level in (0..<depth).reversed() {
            list.beginSegment()
            let skipped = skips[level]
            activation = list.append(
                .upConvolution2x2, "decoder.\(level).up", activation, outputs: channels(atLevel: level))
            if skip == .add {
                activation = list.append(.skipAddition, "decoder.\(level).skip", skip: skipped, activation)
            }
            activation = appendBlock(
                to: &list, "decoder.\(level)", skip: skip == .concatenate ? skipped : nil, activation, level: level)
        }
        // Head.
        list.beginSegment()
        _ = list.append(.convolution1x1, "head", activation, outputs: classes)
        return list.operations
    }

    /// Two 3×3 convolutions with ReLU, normalised before it if the network does so.
    ///
    /// What takes a moment to compute is not kept for the backward pass: the convolution of the image, whose output is the
    /// largest of all. With the poolings that saves a fifth of the memory of the paper's network for a hundredth of its time.
    /// The first normalisation is not even written: the second convolution computes it as it reads.
    private func appendBlock(
        to list: inout OperationList, _ name: String, skip: Int? = nil, _ input: Int, level: Int
    ) -> Int {
        let isNormalized = normalization == .group
        let convolution = Operation.Kind.convolution3x3(
            padding: padding == .same ? 1 : 0, isNormalized ? .identity : .relu)
        let channels = channels(atLevel: level)
        var activation = list.append(
            convolution, "\(name).conv1", skip: skip, input, outputs: channels,
            isRecomputed: input == OperationList.image)
        if isNormalized {
            activation = list.append(
                .groupNormalization(.relu), "\(name).norm1", activation, isComputedByReader: true)
        }
        activation = list.append(convolution, "\(name).conv2", activation, outputs: channels)
        if isNormalized { activation = list.append(.groupNormalization(.relu), "\(name).norm2", activation) }
        return activation
    }
}
