import Images
import Optimization
import Segmentation

/// The values of a configuration that can be written in more than one form.
extension SectionReader {
    /// `data.train`: {images, labels} | {list}; this reader is at that section.
    func sampleSource() throws -> SampleSource {
        let given = given(amongExclusive: ["images", "labels", "list"])
        if given.contains("list"), let list = try text("list") {
            guard given.count == 1 else {
                throw failure("list", "and \(dotted(given[0])) exclude each other: give the list or images and labels")
            }
            return .list(list)
        }
        for key in ["images", "labels"] where !has(key) {
            throw failure(key, "is missing: name the folder of the \(key)")
        }
        return .files(images: try text("images") ?? "", labels: try text("labels") ?? "")
    }

    /// `data.validation`: {images, labels} | {list} | {fraction} | {fold, of}, or nothing.
    func validationSource() throws -> Configuration.ValidationSource {
        guard has("validation") else { return .none }
        let keys = ["images", "labels", "list", "fraction", "fold", "of"]
        let section = try section("validation", keys: keys)
        let given = Set(section.given(amongExclusive: keys))
        if given.isSubset(of: ["images", "labels", "list"]), !given.isEmpty {
            return .samples(try section.sampleSource())
        }
        if given == ["fraction"], let fraction = try section.number("fraction") { return .split(.fraction(fraction)) }
        // A --set may give one of the two, and the file the other.
        if given.isSubset(of: ["fold", "of"]), !given.isEmpty, let fold = try section.integer("fold"),
            let of = try section.integer("of")
        {
            return .split(.fold(fold, of: of))
        }
        throw failure(
            "validation", "must be {images: …, labels: …}, {list: …}, {fraction: 0.2} or {fold: 0, of: 5}")
    }

    /// `data.labels`: index | binary | instances | {palette: [colours]}.
    func labelEncoding() throws -> LabelEncoding {
        guard let node = node("labels") else { return .index }
        if case .section = node.content {
            let section = try section("labels", keys: ["palette"])
            guard let palette = try section.colors("palette") else {
                throw section.failure("palette", "is missing: list one colour a class")
            }
            return .palette(palette)
        }
        if case .scalar(let text, _) = node.content {
            switch text {
            case "index": return .index
            case "binary": return .binary
            case "instances": return .instances
            default: break
            }
        }
        throw failure("labels", "must be index, binary, instances or {palette: [\"#000000\", …]}, not \(node.kind)")
    }

    func colors(_ key: String) throws -> [RGBColor]? {
        try texts(key)?.map { text in
            guard let color = RGBColor(hex: text) else {
                throw failure(key, "must hold colours such as \"#FF8000\" in quotes, not '\(text)'")
            }
            return color
        }
    }

    /// `optimizer.schedule`; this reader is at that section. Where a key is missing, `every` is 1000, `factor` 0.1,
    /// `power` 0.9 and `final` 0.
    func schedule() throws -> LearningRateSchedule {
        let shapes = ["constant": [], "step": ["every", "factor"], "polynomial": ["power"], "cosine": ["final"]]
        let kind = try word("kind", among: ["constant", "step", "polynomial", "cosine"]) ?? "constant"
        let own = shapes[kind] ?? []
        // A --set of another kind leaves the file's values of the old kind behind: only then are they passed over.
        let isReplaced = origins.byKey[dotted("kind")]?.isSetting ?? false
        for key in ["every", "factor", "power", "final"] where has(key) && !own.contains(key) {
            if isReplaced, origins.byKey[dotted(key)]?.isSetting == false { continue }
            throw failure(key, "has no meaning in a schedule of kind \(kind): remove it or change the kind")
        }
        let shape: LearningRateSchedule.Shape =
            switch kind {
            case "step": .step(every: try integer("every") ?? 1000, factor: try number("factor") ?? 0.1)
            case "polynomial": .polynomial(power: try number("power") ?? 0.9)
            case "cosine": .cosine(final: try number("final") ?? 0)
            default: .constant
            }
        return LearningRateSchedule(shape, warmupSteps: try integer("warmup_steps") ?? 0)
    }

    /// `loss.class_weights`: none | balanced | [w0, w1, …].
    func classWeighting() throws -> ClassWeighting {
        guard let node = node("class_weights") else { return .none }
        if case .list = node.content { return .list(try numbers("class_weights") ?? []) }
        switch node.content {
        case .scalar("none", _): return .none
        case .scalar("balanced", _): return .balanced
        default: throw failure("class_weights", "must be none, balanced or a list of numbers, not \(node.kind)")
        }
    }

    /// `loss.border`: {w0, sigma}, each with its default; without the key there is no border term.
    func border() throws -> BorderWeights? {
        guard let section = try optionalSection("border", keys: ["w0", "sigma"]) else { return nil }
        var border = BorderWeights()
        border.w0 = try section.number("w0") ?? border.w0
        border.sigma = try section.number("sigma") ?? border.sigma
        return border
    }

    /// `augmentation`; this reader is at that section. A key that is missing has the default of the paper's recipe.
    func augmentation() throws -> Augmentation {
        var augmentation = Augmentation()
        augmentation.rotate = try rotation() ?? augmentation.rotate
        augmentation.flip = try flip() ?? augmentation.flip
        if let bounds = try numbers("scale") {
            guard bounds.count == 2, bounds[0] <= bounds[1] else {
                throw failure("scale", "must be the smallest and the largest magnification, such as [0.9, 1.1]")
            }
            augmentation.scale = bounds[0]...bounds[1]
        }
        augmentation.translate = try number("translate") ?? augmentation.translate
        if isOff("elastic") {
            augmentation.elastic = nil
        } else if let section = try optionalSection("elastic", keys: ["grid", "sigma"]) {
            augmentation.elastic?.grid = try section.integer("grid") ?? 3
            augmentation.elastic?.sigma = try section.number("sigma") ?? 10
        }
        if isOff("grey") {
            augmentation.grey = nil
        } else if let section = try optionalSection("grey", keys: ["shift", "scale", "gamma"]) {
            augmentation.grey?.shift = try section.number("shift") ?? 0.1
            augmentation.grey?.scale = try section.number("scale") ?? 0.1
            augmentation.grey?.gamma = try section.number("gamma") ?? 0
        }
        augmentation.noise = try number("noise") ?? augmentation.noise
        augmentation.blur = try number("blur") ?? augmentation.blur
        return augmentation
    }

    /// `augmentation.rotate`: true (any angle) | false | degrees either way.
    private func rotation() throws -> Double? {
        guard let node = node("rotate") else { return nil }
        if let degrees = node.number { return degrees }
        switch node.content {
        case .scalar("true", isPlain: true): return 180
        case .scalar("false", isPlain: true): return 0
        default: throw failure("rotate", "must be true, false or the largest angle in degrees, not \(node.kind)")
        }
    }

    /// `augmentation.flip`: true | false | horizontal.
    private func flip() throws -> Augmentation.Flip? {
        guard let node = node("flip") else { return nil }
        switch node.content {
        case .scalar("true", isPlain: true): return .both
        case .scalar("false", isPlain: true): return Augmentation.Flip.none
        case .scalar("horizontal", _): return .horizontal
        default: throw failure("flip", "must be true, false or horizontal, not \(node.kind)")
        }
    }

    /// Whether a section is switched off by `false`.
    private func isOff(_ key: String) -> Bool {
        if case .scalar("false", isPlain: true) = node(key)?.content { return true }
        return false
    }

    /// The section at `key`; nil where it is missing or `false`.
    private func optionalSection(_ key: String, keys: [String]) throws -> SectionReader? {
        has(key) && !isOff(key) ? try section(key, keys: keys) : nil
    }
}
