/// What other programs call our keys, so that who writes from habit is told our name.
enum ForeignKeys {
    /// The dotted key that a word most likely stands for; nil of a word that is not known.
    static func key(for word: String) -> String? { keys[word.lowercased()] }

    private static let keys = [
        "lr": "optimizer.learning_rate", "batch_size": "training.batch", "batchsize": "training.batch",
        "num_epochs": "training.epochs", "max_epochs": "training.epochs", "max_steps": "training.steps",
        "iterations": "training.steps", "num_classes": "model.classes", "n_classes": "model.classes",
        "in_channels": "model.input_channels", "n_channels": "model.input_channels", "filters": "model.base_channels",
        "features": "model.base_channels", "patch_size": "data.tile", "crop_size": "data.tile",
        "tile_size": "data.tile", "image_size": "data.tile", "num_workers": "data.loader_threads",
        "norm": "model.normalization", "val": "validation", "masks": "data.train.labels",
    ]

    /// What to say of an unknown dotted key that asks for something which there is not; nil of others.
    static func explanation(of key: String) -> String? {
        switch key {
        case "optimizer.kind", "optimizer.type", "optimizer.name", "optimizer.optimizer", "optimizer.algorithm":
            "the optimizer is SGD with momentum, and there is no other"
        case "model.kind", "model.type", "model.name", "model.architecture", "model.encoder", "model.backbone":
            "the network is a U-Net, and there is no other"
        default: nil
        }
    }
}
