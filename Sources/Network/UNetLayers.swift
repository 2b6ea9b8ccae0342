import Kernels

/// The places of a U-Net's layers in a flat buffer.
struct UNetLayers {
    struct Layer {
        /// As in the checkpoint: `encoder.0.conv1`.
        let name: String
        let weights: Int
        let bias: Int

        func parameters(_ flat: UnsafePointer<Float>) -> LayerParameters {
            LayerParameters(weights: flat + weights, bias: flat + bias)
        }

        func gradients(_ flat: UnsafeMutablePointer<Float>) -> LayerGradients {
            LayerGradients(weights: flat + weights, bias: flat + bias)
        }
    }

    struct Block {
        let conv1: Layer
        let conv2: Layer
        /// What follows them, where the network normalises.
        let norm1: Layer?
        let norm2: Layer?
    }

    let encoder: [Block]
    let decoder: [Block]
    let up: [Layer]
    let head: Layer

    init(_ layout: ParameterLayout, _ architecture: UNetArchitecture) {
        let depth = architecture.depth
        func layer(_ name: String) -> Layer {
            Layer(
                name: name, weights: layout.entry("\(name).weight").offset, bias: layout.entry("\(name).bias").offset)
        }
        func norm(_ name: String) -> Layer? { architecture.normalization == .group ? layer(name) : nil }
        func block(_ name: String) -> Block {
            Block(
                conv1: layer("\(name).conv1"), conv2: layer("\(name).conv2"), norm1: norm("\(name).norm1"),
                norm2: norm("\(name).norm2"))
        }
        encoder = (0...depth).map { block("encoder.\($0)") }
        decoder = (0..<depth).map { block("decoder.\($0)") }
        up = (0..<depth).map { layer("decoder.\($0).up") }
        head = layer("head")
    }
}
