extension Configuration {
    /// The keys that runs are compared by, dotted, each with its value: those that a result depends on, and no paths.
    package func hyperparameters() throws -> [(key: String, value: ConfigurationNode)] {
        try ConfigurationNode.parse(yaml: yaml, name: name).leaves.filter { key, _ in
            !Self.notCompared.contains { key == $0 || key.hasPrefix("\($0).") }
        }
    }

    private static let notCompared = [
        "name", "run", "checkpoint", "validation", "communication", "data.root", "data.train", "data.validation",
        "data.cache_mb", "data.loader_threads", "model.class_names", "model.class_colors",
    ]
}
