import Datasets
import Foundation
import Support

// A run that goes on with another configuration than its checkpoint's computes something else from there on: what, is
// said, key by key. Keys that are not named here are said as they are, so that a new one is not passed over.

extension Configuration {
    /// What a run that goes on with this configuration does otherwise than it did with `old`, a sentence a thing.
    ///
    /// Left out are keys that change no result, paths that lead to the same files, the learning rate and the run's length,
    /// whose effect depends on the step (`rate`), and the network, which cannot change. Where the images are known to be
    /// others, that has a sentence of its own.
    package func changes(since old: Configuration, haveSameImages: Bool) throws -> [String] {
        let (then, now) = (try old.settings(), try settings())
        let keys = now.map(\.key) + then.map(\.key).filter { key in !now.contains { $0.key == key } }
        var said: Set<String> = []
        return keys.compactMap { key in
            let pair = [then, now].map { list in list.first { $0.key == key }?.value }
            guard pair[0] != pair[1] else { return nil }
            let section = String(key.prefix { $0 != "." })
            let isThere = [then, now].map { list in list.contains { $0.key.hasPrefix("\(section).") } }
            // A section that was switched on or off is one thing.
            guard !key.contains(".") || isThere[0] == isThere[1] else {
                return said.insert(section).inserted
                    ? "\(section) is \(isThere[1] ? "on" : "off") from here, and was not" : nil
            }
            return sentence(key, value: pair[1] ?? "left out", was: pair[0] ?? "left out", old: old, haveSameImages)
        }
    }

    /// Each key of a section, and each that stands in none, with its value as YAML in one line.
    private func settings() throws -> [(key: String, value: String)] {
        let document = try ConfigurationNode.parse(yaml: yaml, name: name)
        return (document.entries ?? []).flatMap { entry -> [(key: String, value: String)] in
            switch entry.value.content {
            case .section(let inner): inner.map { ("\(entry.key).\($0.key)", $0.value.text) }
            // A section that is off has no keys.
            case .null: []
            case .scalar, .list: [(entry.key, entry.value.text)]
            }
        }
    }

    /// A SHA-256 of all that results depend on, but for the run's length: runs of the same go on as one.
    package var resultDigest: String {
        get throws {
            let hash = SHA256()
            for (key, value) in try settings()
            where key == "optimizer.learning_rate" || !Self.isWithoutEffect(key) {
                hash.update(Foundation.Data("\(key)\0\(value)\0".utf8))
            }
            return hash.finish().hexadecimal
        }
    }

    private static func isWithoutEffect(_ key: String) -> Bool {
        withoutEffect.contains(key) || withoutEffect.contains(String(key.prefix { $0 != "." }))
    }

    /// Sections and keys that change no result, or are told of elsewhere.
    private static let withoutEffect: Set<String> = [
        "name", "run", "checkpoint", "validation.every", "validation.on", "communication.overlap",
        "communication.host_sums", "communication.route", "communication.bucket_mb", "data.root", "data.cache_mb",
        "data.loader_threads",
        "model.class_colors",
        "optimizer.learning_rate", "training.steps", "training.epochs", "training.minutes",
    ]

    private func sentence(
        _ key: String, value: String, was: String, old: Configuration, _ haveSameImages: Bool
    ) -> String? {
        guard !Self.isWithoutEffect(key) else { return nil }
        let plain = "\(key) is \(value) from here, and was \(was)"
        let strong = "\(key) is \(value), and the weights were trained with \(was)"
        let putBack = "put it back, unless the run shall learn anew"
        switch key {
        case "data.train":
            guard haveSameImages, data.paths(of: data.train) != old.data.paths(of: old.data.train) else { return nil }
            return
                "\(plain): images of the same names in another place; where they are others, the weights know nothing of them"
        case "data.validation":
            guard haveSameImages, data.validationPaths != old.data.validationPaths else { return nil }
            return "\(plain): scores compare with the earlier ones only where the images are the same"
        case "data.normalize": return "\(strong): they do not fit images that are normalised otherwise; \(putBack)"
        case "data.labels": return "\(strong): a class may now stand for other pixels than it was taught; \(putBack)"
        case "data.ignore_index", "data.ignore_color":
            return "\(strong): pixels count now that did not, or the other way round; \(putBack)"
        case "data.pages": return "\(strong): images may have other channels, or be others; \(putBack)"
        case "model.class_names":
            let (now, then) = (model.classNames ?? [], old.model.classNames ?? [])
            guard now.sorted() == then.sorted() else { return plain }
            return "\(strong): the classes are in another order, and each would be called by another's name; \(putBack)"
        case "training.initialize_from":
            return training.initializeFrom == nil
                ? nil : "\(key) \(value) is not read: a resumed run goes on with its own weights"
        case "training.ema":
            // That averaging begins is said by whoever reads the checkpoint.
            guard old.training.ema > 0 else { return nil }
            return training.ema > 0
                ? plain : "\(plain): the averaged weights are given up, and the last step's are validated"
        case "validation.metric": return "\(plain): the best score is sought anew"
        default: return plain
        }
    }
}

extension Configuration.Data {
    /// Where a source's files are, links followed.
    fileprivate func paths(of source: SampleSource) -> [String] {
        let paths =
            switch source {
            case .files(let images, let labels): [images, labels]
            case .list(let list): [list]
            }
        return paths.map { realPath(resolve($0)) }
    }

    /// Where the validation images are, where they have files of their own; else how they are held back.
    fileprivate var validationPaths: [String] {
        switch validation {
        case .samples(let source): paths(of: source)
        case .split(let split): ["\(split)"]
        }
    }
}
