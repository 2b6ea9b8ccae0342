import Diagnostics
import Images
import Optimization
import Segmentation

/// The values of a configuration that can be written in more than one form.
extension SectionReader {
    func folders() throws -> Configuration.ImageFolders {
        for key in ["images", "labels"] where !has(key) {
            throw failure(key, "is missing: name the folder of the \(key)")
        }
        return Configuration.ImageFolders(images: try text("images") ?? "", labels: try text("labels") ?? "")
    }

    /// `data.validation`: {images, labels} | {fraction} | {fold, of}, or nothing.
    func validationSource() throws -> Configuration.ValidationSource {
        guard has("validation") else { return .none }
        let section = try section("validation", keys: ["images", "labels", "fraction", "fold", "of"])
        let given = Set(section.given(amongExclusive: ["images", "labels", "fraction", "fold", "of"]))
        if given.isSubset(of: ["images", "labels"]), !given.isEmpty { return .folders(try section.folders()) }
        if given == ["fraction"], let fraction = try section.number("fraction") { return .split(.fraction(fraction)) }
        // A --set may give one of the two, and the file the other.
        if given.isSubset(of: ["fold", "of"]), !given.isEmpty, let fold = try section.integer("fold"),
            let of = try section.integer("of")
        {
            return .split(.fold(fold, of: of))
        }
        throw failure("validation", "must be {images: …, labels: …}, {fraction: 0.2} or {fold: 0, of: 5}")
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
}
