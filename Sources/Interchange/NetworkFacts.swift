import Datasets
import Inference
import Network

/// What other programs have to know of a network to run it right: said in an exported file, and to whoever exports it.
package struct NetworkFacts {
    package let inputChannels: Int
    package let classes: Int
    /// Class names, or "class 0" and so on.
    package let classNames: [String]
    package let normalization: IntensityNormalization
    package let geometry: UNetGeometry
    /// Whether results depend on the size of the input.
    let normalizesEachImage: Bool
    /// `TrainedModel.Hints.metadata`.
    private let notes: [String: String]

    package init(_ model: TrainedModel) {
        let architecture = model.architecture
        (inputChannels, classes, geometry) = (architecture.inputChannels, architecture.classes, architecture.geometry)
        classNames = model.classNames ?? (0..<architecture.classes).map { "class \($0)" }
        normalization = model.normalization
        normalizesEachImage = architecture.normalization == .group
        notes = TrainedModel.Hints(of: model).metadata
    }

    /// Pixels by which the output is smaller than the input, on each side.
    package var margin: Int { geometry.margin }
    package var smallestInput: Int { geometry.smallestInput }
    package var sizeStep: Int { geometry.stride }

    /// What a padded network's edges spoil, to be cut off where an image is taken in tiles. An unpadded one has cut it off.
    var halo: Int { TiledPrediction.spoiledBorder(geometry) }

    /// The smallest input of which something is left without the halo, as bioimage.io wants it.
    var smallestInputBeyondHalo: Int { geometry.legalInput(atLeast: 2 * halo + 1) }

    package var normalizationInWords: String {
        switch normalization {
        case .standardize:
            "each channel of the whole image shifted and scaled to mean 0 and standard deviation 1 (of the population)"
        case .unit: "values divided by the full scale of the pixel type (255 for 8 bits, 65535 for 16)"
        }
    }

    package var sizesInWords: String {
        "height and width \(smallestInput) or more, in steps of \(sizeStep)"
    }

    var inputInWords: String {
        "Input: N×\(inputChannels)×height×width, \(normalizationInWords); \(sizesInWords)."
    }

    var outputInWords: String {
        let size =
            margin == 0
            ? "of the input's size"
            : "\(2 * margin) pixels smaller each way, since its convolutions are not padded: mirror the image by "
                + "\(margin) pixels on each side to have all of it segmented"
        return "Output: the probability of each class (\(classNames.joined(separator: ", "))), \(size)."
    }

    /// As keys and values: the notes of a weights file (`unet.…`), and the sizes.
    var metadata: [String: String] {
        notes.merging([
            "unet.margin": String(margin), "unet.smallest_input": String(smallestInput),
            "unet.size_step": String(sizeStep),
        ]) { $1 }
    }
}
