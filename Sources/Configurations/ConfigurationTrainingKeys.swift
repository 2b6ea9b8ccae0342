import Datasets
import Optimization

// The sections that say what is learned and how; see `ConfigurationKeys.swift`.

extension Augmentation {
    static let keys = ConfigurationSection<Self>(
        .block,
        [
            .key(
                "rotate", \.rotate, .rotation, .within(0...180, "degrees"),
                meaning: "The largest angle of a rotation either way. true is 180, any angle; false is 0, none."),
            .key(
                "flip", \.flip, .flip,
                meaning:
                    "Which mirror images a sample may become: left to right and up to down (true), left to right (horizontal), or none (false)."
            ),
            .key(
                "scale", \.scale, .bounds,
                .each(.within(0.1...10, "times the size"), of: { [$0.lowerBound, $0.upperBound] }),
                meaning: "The smallest and the largest magnification."),
            .key(
                "translate", \.translate, .number, .within(0...100_000, "pixels"),
                meaning: "The largest shift each way, on top of the tile's own random place."),
            .section(
                "elastic", \.elastic,
                ConfigurationSection(
                    .flow,
                    [
                        .key(
                            "grid", \.grid, .integer, .within(2...64),
                            meaning: "Nodes along each side of the coarse grid, which spans the tile."),
                        .key(
                            "sigma", \.sigma, .number, .within(0...1000, "pixels"),
                            meaning: "Standard deviation of a node's displacement, down and right."),
                    ]), initial: Elastic(), off: "false",
                meaning:
                    "Elastic deformation: the nodes of a coarse grid are displaced at random, and all pixels follow smoothly."
            ),
            .section(
                "grey", \.grey,
                ConfigurationSection(
                    .flow,
                    [
                        .key(
                            "shift", \.shift, .number, .within(0...100, "deviations of the image"),
                            meaning: "The largest change of brightness."),
                        .key(
                            "scale", \.scale, .number, .within(0...1, "as a share"),
                            meaning: "The contrast changes by a factor from 1 - scale to 1 + scale."),
                        .key(
                            "gamma", \.gamma, .number, .within(0...10, "above a gamma of 1"),
                            meaning: "Gamma lies between 1/(1 + gamma) and 1 + gamma; 0: no change."),
                    ]), initial: Grey(), off: "false", meaning: "Grey values, as cameras and stainings vary."),
            .key(
                "noise", \.noise, .number, .within(0...100, "deviations of the image"),
                meaning: "The largest standard deviation of Gaussian noise; a sample's lies between 0 and this."),
            .key(
                "blur", \.blur, .number, .within(0...100, "pixels"),
                meaning: "The largest standard deviation of a Gaussian blur; a sample's lies between 0 and this."),
        ])
}

extension Configuration.Loss {
    static let keys = ConfigurationSection<Self>(
        .block,
        [
            .key("kind", \.kind, .word, meaning: "The loss function; a + is a sum."),
            .key(
                "label_smoothing", \.labelSmoothing, .number, .atLeast(0, below: 1),
                meaning:
                    "The share of each pixel's target that is spread evenly over all classes, as PyTorch's label_smoothing; cross-entropy only."
            ),
            .key(
                "class_weights", \.classWeights, .weighting,
                .each(.atLeast(0), of: { if case .list(let weights) = $0 { weights } else { [] } }),
                meaning:
                    "How much each class counts in the cross-entropy: all alike (none), rare ones more (balanced), or one weight a class."
            ),
            .section(
                "border", \.border,
                ConfigurationSection(
                    .flow,
                    [
                        .key(
                            "w0", \.w0, .number, .atLeast(0),
                            meaning: "How much more a pixel counts between two objects that nearly touch."),
                        .key(
                            "sigma", \.sigma, .number, .above(0, atMost: 1000, "pixels"),
                            meaning: "The distance over which the weight falls off."),
                    ]), initial: BorderWeights(), off: "null",
                meaning:
                    "Weights of background pixels between objects that nearly touch, as in the paper; cross-entropy only. Without this section there are none; an empty one ({}) has the defaults below."
            ),
        ])
}

extension Configuration.Optimizer {
    static let keys = ConfigurationSection<Self>(
        .block,
        [
            .key(
                "learning_rate", \.learningRate, .number, .above(0),
                meaning:
                    "How far a step moves the weights. Too high: the loss jumps or ends in nan; too low: it hardly falls."
            ),
            .key(
                "momentum", \.momentum, .number, .atLeast(0, below: 1),
                meaning: "How much of the direction of the steps before a step keeps; 0: none."),
            .key("nesterov", \.nesterov, .truth, meaning: "Whether the momentum is Nesterov's, as PyTorch's nesterov."),
            .key(
                "weight_decay", \.weightDecay, .number, .atLeast(0),
                meaning: "The factor of the weights that is added to the gradient (L2 regularization); 0: off."),
            .key(
                "clip_norm", \.clipNorm, .number, .atLeast(0),
                meaning: "The gradient is clipped to this L2 norm where it has a larger one; 0: off."),
            .section(
                "schedule", \.schedule, LearningRateSchedule.keys, meaning: "How the learning rate changes over a run."),
        ])
}

extension LearningRateSchedule {
    fileprivate static let keys = ConfigurationSection<Self>(
        .flow,
        [
            .key(
                "kind", \.kind, .word,
                meaning:
                    "constant; step: times factor after every so many steps; polynomial: (1 - progress)^power, down to 0; cosine: half a cosine down to final."
            ),
            .optional(
                "every", \.every, .integer, .atLeast(1), absent: nil, example: Self(.step),
                meaning: "Steps from one reduction to the next; kind step only."),
            .optional(
                "factor", \.factor, .number, .above(0, atMost: 1), absent: nil, example: Self(.step),
                meaning: "What each reduction multiplies the learning rate by; kind step only."),
            .optional(
                "power", \.power, .number, .atLeast(0), absent: nil, example: Self(.polynomial),
                meaning: "The exponent; kind polynomial only."),
            .optional(
                "final", \.final, .number, .within(0...1, lead: "is a share of the learning rate,"), absent: nil,
                example: Self(.cosine),
                meaning: "The share of the learning rate that is left at the end; kind cosine only."),
            .key(
                "warmup_steps", \.warmupSteps, .integer, .atLeast(0),
                meaning: "Steps over which the learning rate grows linearly at the beginning; 0: none."),
        ], passingOver: passedOver)
}

extension Configuration.Training {
    static let keys = ConfigurationSection<Self>(
        .block,
        [
            .optional(
                "steps", \.steps, .integer, .atLeast(1), absent: nil,
                meaning: "Steps that a run trains. Give one of steps, epochs and minutes."),
            .optional(
                "epochs", \.epochs, .integer, .within(1...1 << 31), absent: nil,
                meaning:
                    "Instead of steps: passes through the training images, which are epochs × images / batch steps, rounded up."
            ),
            .optional(
                "minutes", \.minutes, .number, .above(0, atMost: 1e8), absent: nil,
                meaning:
                    "Instead of steps: wall-clock time of training. Schedules then follow the time, and the run is not reproducible."
            ),
            .key(
                "batch", \.batch, .integer, .within(1...1 << 20),
                meaning: "Images of one step over all workers; at least as many as there are workers."),
            .key(
                "shuffle", \.shuffle, .truth,
                meaning: "Whether each epoch has an order of its own; false: the images in the order of their names."),
            .optional(
                "initialize_from", \.initializeFrom, .text, .filled("must be a checkpoint's path, not empty"),
                meaning:
                    "A checkpoint or run whose weights the run starts from. Another number of classes starts a new head."
            ),
            .key(
                "freeze", \.freeze, .texts,
                meaning:
                    "Layers that keep their weights, by the beginning of their names: encoder is all its levels, encoder.0 one, decoder.1.up a layer."
            ),
            .key(
                "ema", \.ema, .number, .atLeast(0, below: 1, lead: "is a decay,"),
                meaning:
                    "Decay of the exponential moving average of the weights, which is then what is validated and what predicts; 0: none."
            ),
            .key(
                "on_nonfinite", \.onNonFinite, .word,
                meaning:
                    "What a loss or gradient that is not finite does: end the run (stop), or leave the weights as they are and go on (skip)."
            ),
        ], passingOver: passedOver)
}
