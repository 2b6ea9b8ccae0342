extension Configuration {
    /// A value of this configuration where a configuration that names images alone has another.
    package struct Difference: Sendable {
        /// Dotted.
        package let key: String
        /// As YAML in one line.
        package let value: String
        /// nil where there is none.
        package let standard: String?
    }

    /// What differs from the defaults, in the order of a `config.yaml`.
    package func differencesFromDefaults() throws -> [Difference] {
        let plain = Configuration(data: .init(train: .files(images: "", labels: "")))
        let standard = Dictionary(try plain.values(), uniquingKeysWith: { first, _ in first })
        return try values().filter { $0.0 != "name" && standard[$0.0] != $0.1 }.map { key, value in
            Difference(key: key, value: value, standard: standard[key] == "\"\"" ? nil : standard[key])
        }
    }

    /// Every value with its dotted key.
    private func values() throws -> [(String, String)] {
        try ConfigurationNode.parse(yaml: yaml, name: name).leaves.map { ($0.key, $0.value.text) }
    }
}
