import Datasets
import Images
import Support

/// What labels mean, by the evidence of their pixels.
package struct LabelRules {
    private let evidence: LabelEvidence
    private let names: ClassNames

    /// Throws `Failure.request` where they can mean nothing that a configuration can say.
    package static func labels(_ evidence: LabelEvidence, names: ClassNames = ClassNames()) throws -> FoundLabels {
        let rules = LabelRules(evidence: evidence, names: names)
        var found = try rules.decide()
        found.verticalDifference = evidence.verticalDifference(
            areObjects: found.encoding == .instances || found.encoding == .binary)
        found.regions = Double(evidence.regions) / Double(max(1, evidence.count))
        return found
    }

    /// More values than these are no classes.
    private static let mostClasses = 64
    private static let black = RGBColor(0, 0, 0)

    private func decide() throws -> FoundLabels {
        if evidence.pictures > 0 || evidence.palettesDiffer { return try colors() }
        let used = evidence.values.keys.sorted()
        if evidence.areObjectNumbers { return instances() }
        if used.count <= 2, used.first == 0 || used.count == 1 {
            if evidence.hasPalettes, evidence.palette[0].map({ $0 != Self.black }) == true { return try colors() }
            return binary(used)
        }
        // Some files with 1 for what others give 255.
        if used == [0, 1, 255], evidence.valueSets.allSatisfy({ $0.count < 2 }) { return binary(used) }
        return try classes(used)
    }

    // MARK: - Objects and masks

    private func instances() -> FoundLabels {
        let (background, all) = (evidence.values[0] ?? 0, evidence.values.values.reduce(0, +))
        let share = Double(background) / Double(max(1, all))
        let largest = evidence.values.keys.max() ?? 0
        var found = FoundLabels(
            encoding: .instances, classes: named(["background", "object"], shares: [share, 1 - share]),
            words: "object numbers, 0 the background, up to \(grouped(largest)); each object is in one piece")
        if largest < Self.mostClasses {
            found.notes = [
                "label values 1 to \(largest) are taken as numbers of objects, since each is one piece and images differ in "
                    + "them; if they are classes, set data.labels: index and model.classes: \(largest + 1)"
            ]
        }
        return found
    }

    private func binary(_ used: [Int]) -> FoundLabels {
        let total = Double(max(1, evidence.values.values.reduce(0, +)))
        let share = Double(evidence.values[0] ?? 0) / total
        let top = used.last ?? 0
        var found = FoundLabels(
            encoding: .binary, classes: named(["background", "object"], shares: [share, 1 - share]),
            words: top == 0
                ? "masks of 0 alone"
                : "masks of 0 and \(used.filter { $0 > 0 }.map(String.init).joined(separator: " or "))")
        if top == 0 { found.notes.append("no label has a pixel above 0: there is nothing to learn yet") }
        if evidence.values[0] == nil { found.notes.append("no label has a pixel of 0: all of it is one class") }
        if top == 1 { found.words += " (black to the eye, and right)" }
        return found
    }

    // MARK: - Classes by their values

    private func classes(_ used: [Int]) throws -> FoundLabels {
        // 255 beside small numbers is what data sets give to pixels that nobody labelled.
        let hasVoid = used.last == 255 && used.count > 2 && used[used.count - 2] < Self.mostClasses
        let numbers = hasVoid && used[used.count - 2] < 100 && isDense(used.dropLast()) ? Array(used.dropLast()) : used
        let largest = numbers.last ?? 0
        guard numbers.count <= Self.mostClasses else { throw manyValues(used) }
        if isDense(numbers[...]), largest < Self.mostClasses {
            let isVoid = numbers.count < used.count
            let void = isVoid ? 255 : names.void.flatMap { names.entries.count == largest + 1 ? $0 : nil }
            let count = !isVoid && void == largest ? largest : largest + 1
            let ignored = void.flatMap { evidence.values[$0] } ?? 0
            let all = evidence.values.values.reduce(0, +)
            let total = Double(max(1, all - ignored))
            let shares = (0..<count).map { $0 == void ? 0 : Double(evidence.values[$0] ?? 0) / total }
            var found = FoundLabels(
                encoding: .index,
                classes: named((0..<count).map { "class_\($0)" }, shares: shares),
                words: "\(count) classes, the pixel's value is the class: 0 to \(count - 1)")
            found.ignoreIndex = void
            found.ignoredShare = Double(ignored) / Double(max(1, all))
            if let void {
                found.words += "; \(void) is void"
                if isVoid {
                    found.notes.append(
                        "label value 255 (\(percent(found.ignoredShare))) is taken as void, which counts nowhere "
                            + "(data.ignore_index)")
                }
            }
            if evidence.hasPalettes {
                for index in found.classes.indices { found.classes[index].color = evidence.palette[index] }
            }
            return found
        }
        // Values far apart, 0, 127 and 255 say, are the greys of a palette.
        guard evidence.maximum == 255, numbers.count <= 32, !evidence.hasPalettes else {
            throw evidence.maximum == 255 ? manyValues(used) : gaps(used)
        }
        try judgeSoftness()
        var counts: [RGBColor: Int] = [:]
        for (value, pixels) in evidence.values { counts[RGBColor(UInt8(value), UInt8(value), UInt8(value))] = pixels }
        return try palette(counts, what: "grey values")
    }

    /// Whether most numbers up to the largest occur.
    private func isDense(_ numbers: ArraySlice<Int>) -> Bool {
        guard let largest = numbers.last else { return false }
        return 2 * numbers.count > largest
    }

    // MARK: - Colours

    private func colors() throws -> FoundLabels {
        var counts = evidence.colors
        if evidence.pictures < evidence.count, !evidence.hasPalettes {
            for (value, pixels) in evidence.values where value < 256 {
                counts[RGBColor(UInt8(value), UInt8(value), UInt8(value)), default: 0] += pixels
            }
        }
        let hasBlack = counts[Self.black] != nil
        let total = Double(max(1, counts.values.reduce(0, +)))
        if hasBlack, counts.count <= 2 || counts.count > Self.mostClasses {
            let share = Double(counts[Self.black] ?? 0) / total
            let areGrey = counts.keys.allSatisfy { $0.red == $0.green && $0.green == $0.blue }
            var found = FoundLabels(
                encoding: .binary, classes: named(["background", "object"], shares: [share, 1 - share]),
                words: counts.count == 1
                    ? "masks, all black"
                    : counts.count == 2
                        ? "masks of two colours, black and \(counts.keys.first { $0 != Self.black }?.hex ?? "")"
                            + (areGrey ? " (grey, stored as RGB)" : "")
                        : "pictures of \(grouped(counts.count)) colours on black")
            if counts.count > 2 {
                found.notes.append(
                    "labels have \(grouped(counts.count)) colours, one for each object it seems: all but black is taken as one class, "
                        + "in which objects that touch are one; to keep them apart, save object numbers as 16-bit grey "
                        + "(data.labels: instances)")
            }
            return found
        }
        guard counts.count <= Self.mostClasses else { throw manyValues(Array(repeating: 0, count: counts.count)) }
        return try palette(counts, what: "colours")
    }

    /// - Parameter counts: pixels of each colour.
    private func palette(_ counts: [RGBColor: Int], what: String) throws -> FoundLabels {
        let total = Double(max(1, counts.values.reduce(0, +)))
        var void = names.voidColor.flatMap { counts[$0] == nil ? nil : $0 }
        let isCertain = void != nil
        if void == nil, !names.hasColors { void = Self.guessVoid(counts, total: total) }
        let order = counts.keys.filter { $0 != void }.sorted { one, other in
            (names.position(of: one) ?? Int.max, one.packed) < (names.position(of: other) ?? Int.max, other.packed)
        }
        guard order.count > 1 else {
            throw Failure.request(
                "the labels (first: \(evidence.first)) are of one colour, \(order.first?.hex ?? "void") alone: there is nothing to tell "
                    + "apart; draw what is to be found in another")
        }
        let ignored = void.flatMap { counts[$0] } ?? 0
        let counting = max(1, total - Double(ignored))
        let classes = order.map { color in
            FoundLabels.Class(
                name: names.name(of: color)
                    ?? (what == "colours" ? String(color.hex.dropFirst()) : "grey_\(color.red)"),
                color: color, share: Double(counts[color] ?? 0) / counting)
        }
        var found = FoundLabels(
            encoding: .palette(order), classes: classes, words: "\(classes.count) classes by \(what)")
        found.ignoreColor = void
        found.ignoredShare = Double(ignored) / total
        if let void {
            found.words += ", and \(void.hex) for void"
            if !isCertain {
                found.notes.append(
                    "\(void.hex) (\(percent(found.ignoredShare))) is taken as void, which counts nowhere; if it is a class, move it from "
                        + "data.ignore_color into the palette, and add one to model.classes, class_names and class_colors"
                )
            }
        }
        return found
    }

    /// The colour that is likely to be none of the classes: black or white that covers little beside many classes.
    static func guessVoid(_ counts: [RGBColor: Int], total: Double) -> RGBColor? {
        let largest = counts.max { ($0.value, $1.key.packed) < ($1.value, $0.key.packed) }?.key
        let share = { (color: RGBColor) in Double(counts[color] ?? 0) / total }
        // PASCAL VOC's borders.
        let cream = RGBColor(224, 224, 192)
        if counts.count >= 3, counts[cream] != nil, share(cream) < 0.15 { return cream }
        if counts.count >= 5, counts[black] != nil, largest != black, share(black) < 0.15 { return black }
        let white = RGBColor(255, 255, 255)
        if counts.count >= 5, counts[white] != nil, largest == black, share(white) < 0.1 { return white }
        return nil
    }

    // MARK: - Words

    private func named(_ usual: [String], shares: [Double]) -> [FoundLabels.Class] {
        let given = names.entries.map(\.name)
        let isGiven = given.count == usual.count || given.count == usual.count + 1 && names.void == usual.count
        return zip(isGiven ? Array(given.prefix(usual.count)) : usual, shares).map {
            FoundLabels.Class(name: $0, share: $1)
        }
    }

    private func percent(_ share: Double) -> String { "\(decimals(100 * share, 1)) % of the pixels" }

    /// Refuses masks whose values were made by resizing or by compression with loss: as a mask of two classes they would be
    /// refused too.
    private func judgeSoftness() throws {
        let total = Double(max(1, evidence.values.values.reduce(0, +)))
        let largest = evidence.values.values.sorted().suffix(2).reduce(0, +)
        let rest = evidence.values.count - 2
        // Two values with many others of hardly any pixels.
        guard rest > 8, Double(largest) / total > 0.9 else { return }
        throw manyValues(evidence.values.keys.sorted())
    }

    private func manyValues(_ used: [Int]) -> Failure {
        .request(
            "the labels (first: \(evidence.first)) have \(grouped(used.count)) different values or colours, too many for classes, and they "
                + "are no numbers of objects either: if they were resized, drawn with smooth edges or compressed with loss "
                + "(JPEG), make them anew without; if they are images, say where the labels are with --labels PATH")
    }

    private func gaps(_ used: [Int]) -> Failure {
        let shown = used.prefix(6).map(String.init).joined(separator: ", ")
        return .request(
            "the labels (first: \(evidence.first)) have the values \(shown)\(used.count > 6 ? ", …" : ""), far apart and beyond 255: "
                + "number the classes from 0 up")
    }
}

extension RGBColor {
    var packed: Int { Int(red) << 16 | Int(green) << 8 | Int(blue) }
}
