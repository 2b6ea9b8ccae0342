import Datasets
import Network

// The table of all keys. A key is one entry: its name, where it is stored, its type, which values it may have, and what
// it means. Reading, `--set`, writing, the guesses at misspelt keys and the reference (`lockstep config`) follow from it;
// what several keys must fulfil together is in `ConfigurationValidation.swift`.

extension Configuration {
    /// The whole configuration.
    static let keys = ConfigurationSection<Configuration>(
        .block,
        [
            .key(
                "name", \.name, .text,
                .require(
                    "a folder's name", { !$0.isEmpty && $0 != "." && $0 != ".." && !$0.contains("/") },
                    else: { "must be a folder's name without '/', not '\($0.shortened)'" }),
                meaning: "The run's name, and that of its folder in run.output."),
            .key(
                "seed", \.seed, .natural,
                .require("0 or more", { $0 <= UInt64(Int.max) }, else: { "must be 0 to \(Int.max), not \($0)" }),
                meaning:
                    "The start of all random numbers of a run. The same configuration with the same seed gives the same weights."
            ),
            .section("model", \.model, Model.keys, meaning: "The network: a U-Net and its classes."),
            .section("data", \.data, Data.keys, meaning: "Images and labels, and how tiles are taken from them."),
            .section(
                "augmentation", \.augmentation, Augmentation.keys, initial: Augmentation(), off: "null",
                takesFalse: false,
                meaning:
                    "How training samples are varied at random. Without this section they are not; an empty one ({}) has the defaults below."
            ),
            .section("loss", \.loss, Loss.keys, meaning: "What training makes small."),
            .section(
                "optimizer", \.optimizer, Optimizer.keys,
                meaning: "Stochastic gradient descent with momentum, as PyTorch's SGD."
            ),
            .section("training", \.training, Training.keys, meaning: "How long a run trains, and with what."),
            .section("checkpoint", \.checkpoint, Checkpoint.keys, meaning: "When the weights are saved."),
            .section(
                "validation", \.validation, Validation.keys,
                meaning: "When and where the validation images are measured."),
            .section("run", \.run, Run.keys, meaning: "How a run uses the machine."),
            .section(
                "communication", \.communication, Communication.keys,
                meaning: "How gradients are summed over the workers."),
        ])
}

extension Configuration.Model {
    // The upper limits keep sizes within integers; memory ends long before.
    fileprivate static let keys = ConfigurationSection<Self>(
        .block,
        [
            .key(
                "input_channels", \.architecture.inputChannels, .integer, .within(1...UNetArchitecture.mostChannels),
                meaning: "Channels of the images: 1 for grey images, 3 for RGB, or any number that they have."),
            .key(
                "classes", \.architecture.classes, .integer, .within(2...UNetArchitecture.mostChannels),
                meaning: "Classes that a pixel may belong to; the background counts as one."),
            .optional(
                "class_names", \.classNames, .texts,
                meaning: "One name a class, for tables and pictures. Without it classes are called by their numbers."),
            .optional(
                "class_colors", \.classColors, .colors,
                meaning:
                    "One colour a class, for pictures, as in [\"#000000\", \"#FF8000\"]. Without it the program chooses."
            ),
            .key(
                "base_channels", \.architecture.baseChannels, .integer, .within(1...UNetArchitecture.mostChannels),
                meaning: "Channels of the first level; each level below has twice as many. 64 is the paper's."),
            .key(
                "depth", \.architecture.depth, .integer, .within(0...UNetArchitecture.mostDepth),
                meaning:
                    "How often the image is halved on the way down; the deeper, the more surroundings each pixel sees."),
            .key(
                "padding", \.architecture.padding, .word,
                meaning:
                    "valid: 3×3 convolutions without padding as in the paper, whose output is smaller than its input; same: padded with zeros, the output has the input's size."
            ),
            .key(
                "skip", \.architecture.skip, .word,
                meaning:
                    "The skip connections: the encoder's channels beside the decoder's (concatenate, the paper's), added to them (add, as in FCN), or left out (none)."
            ),
            .key(
                "normalization", \.architecture.normalization, .word,
                meaning:
                    "What stands between each 3×3 convolution and its ReLU: nothing as in the paper, or group normalization."
            ),
            .key(
                "dropout", \.architecture.dropout, .number, .atLeast(0, below: 1),
                meaning: "Rate of the dropout after the bottom of the U, in training only; 0: none."),
        ])
}

extension Configuration.Data {
    fileprivate static let keys = ConfigurationSection<Self>(
        .block,
        [
            .key(
                "root", \.root, .text, .filled("must be a folder, not empty: use . for the working directory"),
                meaning: "Where the relative paths of this section start; itself relative to the working directory."),
            .key(
                "train", \.train, .source, .init { $0.problem.map { ($0.part, $0.words) } },
                missing: "is missing: add train: {images: FOLDER, labels: FOLDER} to data",
                meaning: "The images to train on and their labels."),
            .key(
                "validation", \.validation, .validation, .init { $0.problem },
                meaning:
                    "The images to validate on: images of their own, or a part of the training images, which then are not trained on. Without it there is no validation."
            ),
            .key(
                "labels", \.labels, .labels,
                meaning:
                    "What a label's pixels mean. index: the value is the class; binary: 0 is class 0, anything else class 1; instances: the value is the object's number, 0 the background; {palette}: a colour a class."
            ),
            .optional(
                "ignore_index", \.ignoreIndex, .integer, .within(0...65535),
                meaning: "The value of label pixels that count in no loss and no metric."),
            .optional(
                "ignore_color", \.ignoreColor, .color,
                meaning:
                    "With labels: {palette}, the colour of label pixels that count in no loss and no metric, as in \"#FFFFFF\"; it need not be in the palette."
            ),
            .key(
                "pages", \.pages, .word,
                meaning:
                    "What the pages of a TIFF file of images are. images: each is an image; channels: all are the channels of one image; auto: what ImageJ's or OME's own metadata in the file say, else images. Pages of labels are always images."
            ),
            .key(
                "normalize", \.normalize, .word,
                meaning:
                    "standardize: each channel of the whole image to mean 0 and standard deviation 1; unit: the full scale of the pixel type to 1."
            ),
            .key(
                "tile", \.tile, .integer, .within(0...UNetArchitecture.mostTile),
                meaning:
                    "Side of the square in pixels that is the network's input in training; 0: whole images. Which sides are possible depends on model.depth and model.padding."
            ),
            .key(
                "cache_mb", \.cacheMegabytes, .integer, .within(0...1 << 30),
                meaning:
                    "Megabytes that decoded images and border weights may take in the memory of each rank, at most what the machine has. Results do not depend on it."
            ),
            .key(
                "loader_threads", \.loaderThreads, .integer, .within(1...1024),
                meaning:
                    "Threads of each rank that read and augment images ahead of the training. Results do not depend on it."
            ),
            .section(
                "sampling", \.self,
                ConfigurationSection(
                    .flow,
                    [
                        .key(
                            "foreground", \.foregroundShare, .number,
                            .within(0...1, lead: "is a share of the tiles,"),
                            meaning:
                                "The share of the training tiles that are drawn around a labelled object, where the image has one."
                        )
                    ]), meaning: "Where training tiles are taken."),
        ])
}

extension Configuration.ValidationSource {
    /// What is wrong with the source itself, without a look at the disk.
    fileprivate var problem: ConfigurationProblem? {
        switch self {
        case .samples(let source): source.problem.map { ($0.part, $0.words) }
        case .split(.none): nil
        case .split(.fraction(let fraction)):
            fraction > 0 && fraction < 1
                ? nil : ("fraction", "must be more than 0 and less than 1, not \(YAMLText.number(fraction))")
        case .split(.fold(let fold, let of)):
            of < 2
                ? ("of", "must be 2 or more, not \(of)")
                : fold < 0 || fold >= of ? ("fold", "must be 0 to \(of - 1), not \(fold)") : nil
        }
    }
}
