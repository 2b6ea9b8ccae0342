import Datasets
import Foundation
import Inference
import Kernels
import Network

/// A Python module that holds one network for PyTorch, reads its weights, and segments images with it as `predict` does.
struct PyTorchModule {
    private let model: TrainedModel
    private let facts: NetworkFacts
    private let layers: Layers
    /// As Python imports it.
    private let name: String
    /// The file of its weights, in the same folder.
    private let weights: String

    init(_ model: TrainedModel, name: String, weights: String) {
        self.model = model
        facts = NetworkFacts(model)
        layers = Layers(model.architecture)
        self.name = name
        self.weights = weights
    }

    /// What the module's blocks consist of: read off the network's operations, so that none is left out unseen.
    private struct Layers {
        var padding = 0
        var activation = Activation.identity
        var isNormalized = false
        var dropout = 0.0
        var adds = false
        var concatenates = false

        init(_ architecture: UNetArchitecture) {
            for operation in architecture.operations {
                switch operation.kind {
                case .convolution3x3(let padding, let activation):
                    self.padding = padding
                    if activation != .identity { self.activation = activation }
                    if operation.inputs.count > 1 { concatenates = true }
                case .groupNormalization(let activation):
                    isNormalized = true
                    self.activation = activation
                case .dropout(let rate): dropout = rate
                case .skipAddition: adds = true
                case .maxPool, .upConvolution2x2, .convolution1x1: break
                }
            }
        }

        var hasSkips: Bool { adds || concatenates }

        /// The Python of the activation function of a value.
        func activated(_ value: String) -> String {
            switch activation {
            case .identity: value
            case .relu: "F.relu(\(value))"
            }
        }
    }

    var text: String {
        let parts =
            [heading, constants, block]
            + (model.architecture.depth > 0 ? [decoder, isCropped ? centre : nil] : []) + [
                network, loading, normalization,
            ]
            + [prediction]
        return parts.compactMap { $0 }.joined(separator: "\n\n\n") + "\n"
    }

    private var isCropped: Bool { layers.hasSkips && facts.margin > 0 }

    // MARK: - Parts

    /// What the file begins with, by which export knows its own.
    static let beginning = "\"\"\"A U-Net trained by Lockstep"

    private var heading: String {
        """
        \(Self.beginning), for PyTorch.

            import \(name)

            model = \(name).load()
            probabilities = \(name).predict(model, image)

        The image is a NumPy array, height × width or height × width × channels, with the values of its file. The weights
        are in WEIGHTS beside this file. Needs torch, numpy and safetensors.
        \"""

        from pathlib import Path

        import numpy as np
        import torch
        from safetensors.torch import load_file
        from torch import nn
        from torch.nn import functional as F
        """
    }

    private var constants: String {
        var lines = [
            "WEIGHTS = \(Self.literal(weights))", "CLASSES = \(Self.literal(facts.classNames))",
            "IMAGE_CHANNELS = \(facts.inputChannels)", "BASE_CHANNELS = \(model.architecture.baseChannels)",
            "DEPTH = \(model.architecture.depth)", "",
            "# The sides of its input: so many pixels or more, in steps.",
            "SMALLEST_INPUT = \(facts.smallestInput)", "INPUT_STEP = \(facts.sizeStep)",
        ]
        if facts.margin > 0 {
            lines += [
                "# Pixels on each side by which the output is smaller: the convolutions are not padded.",
                "MARGIN = \(facts.margin)",
            ]
        }
        return lines.joined(separator: "\n")
    }

    private var block: String {
        let padding = layers.padding > 0 ? ", padding=\(layers.padding)" : ""
        var made: [String] = []
        if layers.isNormalized {
            let most = GroupNormalization.mostGroups
            made.append("groups = max(n for n in range(1, \(most + 1)) if outputs % n == 0)")
        }
        for (number, inputs) in [(1, "inputs"), (2, "outputs")] {
            made.append("self.conv\(number) = nn.Conv2d(\(inputs), outputs, 3\(padding))")
            if layers.isNormalized { made.append("self.norm\(number) = nn.GroupNorm(groups, outputs)") }
        }
        func step(_ number: Int) -> String {
            layers.activated(
                layers.isNormalized ? "self.norm\(number)(self.conv\(number)(x))" : "self.conv\(number)(x)")
        }
        return """
            class Block(nn.Module):
                \"""Two 3×3 convolutions, each with \(layers.isNormalized ? "group normalisation and " : "")ReLU.\"""

                def __init__(self, inputs, outputs):
                    super().__init__()
                    \(made.joined(separator: "\n        "))

                def forward(self, x):
                    x = \(step(1))
                    return \(step(2))
            """
    }

    private var decoder: String {
        let inputs = layers.concatenates ? "2 * outputs" : "outputs"
        let skip = isCropped ? "centre(skip, x)" : "skip"
        let joined =
            layers.concatenates ? "torch.cat([\(skip), x], dim=1)" : layers.adds ? "\(skip) + x" : "x"
        let words =
            layers.concatenates
            ? "An up-convolution, whose output goes on beside the encoder's."
            : layers.adds
                ? "An up-convolution, to whose output the encoder's is added." : "An up-convolution and a block."
        return """
            class Decoder(Block):
                \"""\(words)\"""

                def __init__(self, inputs, outputs):
                    super().__init__(\(inputs), outputs)
                    self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)

                def forward(self, x\(layers.hasSkips ? ", skip" : "")):
                    x = self.up(x)
                    return super().forward(\(joined))
            """
    }

    private var centre: String {
        """
        def centre(skip, x):
            \"""The centre of the encoder's output, which is larger, of the size of the decoder's.\"""
            top, left = ((a - b) // 2 for a, b in zip(skip.shape[2:], x.shape[2:]))
            return skip[:, :, top : top + x.shape[2], left : left + x.shape[3]]
        """
    }

    private var network: String {
        let isDeep = model.architecture.depth > 0
        let decoder =
            isDeep
            ? "\n        self.decoder = nn.ModuleList(Decoder(i, o) for i, o in zip(channels[1:], channels))" : ""
        let dropout = layers.dropout > 0 ? "\n        self.dropout = nn.Dropout(\(layers.dropout))" : ""
        let skips = layers.hasSkips && isDeep
        let way =
            ["x = self.encoder[0](x)"] + (skips ? ["skips = []"] : [])
            + (isDeep
                ? ["for block in self.encoder[1:]:"] + (skips ? ["    skips.append(x)"] : [])
                    + ["    x = block(F.max_pool2d(x, 2))"] : [])
            + (layers.dropout > 0 ? ["x = self.dropout(x)"] : [])
            + (isDeep
                ? [
                    "for level in reversed(range(DEPTH)):",
                    "    x = self.decoder[level](x\(skips ? ", skips[level]" : ""))",
                ] : []) + ["return self.head(x)"]
        return """
            class UNet(nn.Module):
                \"""From the normalised image, N × channels × height × width, to the logits of its classes.\"""

                def __init__(self):
                    super().__init__()
                    channels = [BASE_CHANNELS * 2**level for level in range(DEPTH + 1)]
                    self.encoder = nn.ModuleList(Block(i, o) for i, o in zip([IMAGE_CHANNELS] + channels, channels))\(decoder)\(dropout)
                    self.head = nn.Conv2d(BASE_CHANNELS, len(CLASSES), 1)

                def forward(self, x):
                    \(way.joined(separator: "\n        "))
            """
    }

    private var loading: String {
        """
        def load(path=Path(__file__).with_name(WEIGHTS), device="cpu"):
            \"""The trained network, ready to predict.\"""
            model = UNet()
            model.load_state_dict(load_file(path))
            return model.eval().to(device)
        """
    }

    private var normalization: String {
        switch facts.normalization {
        case .standardize:
            """
            def normalize(image):
                \"""Each channel of the whole image to mean 0 and standard deviation 1; a constant one to 0.\"""
                image = image.astype(np.float64)
                deviation = image.std(axis=(0, 1))
                return (image - image.mean(axis=(0, 1))) / np.where(deviation > 0, deviation, np.inf)
            """
        case .unit:
            """
            def normalize(image):
                \"""The full scale of the pixel type to 1; floating-point values stay as they are.\"""
                return image / np.iinfo(image.dtype).max if np.issubdtype(image.dtype, np.integer) else image
            """
        }
    }

    private var prediction: String {
        let isUnpadded = facts.margin > 0
        let border =
            isUnpadded
            ? """
            # Mirrored as far as the network looks beyond the image, and to a size that it takes.
                border = [(MARGIN, legal(side + 2 * MARGIN) - side - MARGIN) for side in (height, width)]
            """
            : """
            # Mirrored to a size that the network takes.
                border = [(0, legal(side) - side) for side in (height, width)]
            """
        return """
            def legal(side):
                \"""The smallest side that the network takes, no shorter than this one.\"""
                return SMALLEST_INPUT + max(0, -(-(side - SMALLEST_INPUT) // INPUT_STEP)) * INPUT_STEP


            @torch.inference_mode()
            def predict(model, image):
                \"""The probability of each class, height × width × classes, of an image of any size, in one piece.\"""
                image = normalize(np.atleast_3d(image))
                height, width, _ = image.shape
                \(border)
                x = np.pad(image, border + [(0, 0)], mode="reflect").transpose(2, 0, 1)[None]
                logits = model(torch.from_numpy(x).float().to(next(model.parameters()).device))
                return logits.softmax(dim=1)[0, :, :height, :width].permute(1, 2, 0).cpu().numpy()
            """
    }

    /// A text or list as Python writes it, which takes JSON's.
    private static func literal(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        let json = (try? encoder.encode(value)) ?? Data()
        return String(decoding: json, as: UTF8.self).replacing("\",\"", with: "\", \"")
    }
}
