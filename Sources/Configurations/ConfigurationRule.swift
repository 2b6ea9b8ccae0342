import Support

/// What is wrong with a key's value: the key below it where it has several, and words that continue a sentence which
/// begins with the dotted key.
typealias ConfigurationProblem = (part: String?, words: String)

/// What a key's value may be, whatever the other keys have.
struct ConfigurationRule<Value: Sendable>: Sendable {
    /// The values allowed, for the reference: "1 to 64"; nil: all of the type.
    let allowed: String?
    let problem: @Sendable (Value) -> ConfigurationProblem?

    init(allowed: String? = nil, problem: @escaping @Sendable (Value) -> ConfigurationProblem?) {
        (self.allowed, self.problem) = (allowed, problem)
    }

    static var any: Self { Self { _ in nil } }

    /// Values for which `holds`; `words` tells what is wrong with another one.
    static func require(
        _ allowed: String? = nil, _ holds: @escaping @Sendable (Value) -> Bool,
        else words: @escaping @Sendable (Value) -> String
    ) -> Self {
        Self(allowed: allowed) { holds($0) ? nil : (nil, words($0)) }
    }
}

/// A type whose values have a rule by their size.
protocol ConfigurationNumber: Comparable, Sendable {
    /// As an error message and YAML give it.
    var configurationText: String { get }
    /// No bound: what a rule does not name above.
    static var unbounded: Self { get }
}

extension Int: ConfigurationNumber {
    var configurationText: String { String(self) }
    // Sums and products of such numbers stay within 64 bits.
    static var unbounded: Int { 1_000_000_000_000 }
}

extension Double: ConfigurationNumber {
    var configurationText: String { YAMLText.number(self) }
    static var unbounded: Double { .greatestFiniteMagnitude }
}

extension ConfigurationRule where Value: ConfigurationNumber {
    /// Values for which `holds`; the error reads "must be 1 to 64, not 65" with `allowed` "1 to 64".
    static func must(
        lead: String = "must be", _ allowed: String, _ holds: @escaping @Sendable (Value) -> Bool
    ) -> Self {
        require(allowed, holds) { "\(lead) \(allowed), not \($0.configurationText)" }
    }

    static func atLeast(_ least: Value) -> Self {
        let allowed = "\(least.configurationText) or more"
        return require(
            allowed, { $0 >= least && $0 <= .unbounded },
            else: { value in
                let most = value > .unbounded ? " and at most \(Value.unbounded.configurationText)" : ""
                return "must be \(allowed)\(most), not \(value.configurationText)"
            })
    }

    /// - Parameters:
    ///   - unit: what follows the bounds: "pixels".
    ///   - lead: how the error begins instead of "must be".
    static func within(_ bounds: ClosedRange<Value>, _ unit: String = "", lead: String = "must be") -> Self {
        must(lead: lead, text(of: bounds, unit)) { bounds.contains($0) }
    }

    static func atLeast(_ least: Value, below most: Value, lead: String = "must be") -> Self {
        must(lead: lead, "at least \(least.configurationText) and less than \(most.configurationText)") {
            $0 >= least && $0 < most
        }
    }

    static func above(_ least: Value) -> Self {
        must("more than \(least.configurationText)") { $0 > least && $0 <= .unbounded }
    }

    static func above(_ least: Value, atMost most: Value, _ unit: String = "") -> Self {
        let bounds = "more than \(least.configurationText) and at most \(most.configurationText)"
        return must(unit.isEmpty ? bounds : "\(bounds) \(unit)") { $0 > least && $0 <= most }
    }

    fileprivate static func text(of bounds: ClosedRange<Value>, _ unit: String) -> String {
        let text = "\(bounds.lowerBound.configurationText) to \(bounds.upperBound.configurationText)"
        return unit.isEmpty ? text : "\(text) \(unit)"
    }
}

extension ConfigurationRule {
    /// The rule of each number that `numbers` finds in the value.
    static func each<Number: ConfigurationNumber>(
        _ rule: ConfigurationRule<Number>, of numbers: @escaping @Sendable (Value) -> [Number]
    ) -> Self {
        Self(allowed: rule.allowed) { value in numbers(value).lazy.compactMap(rule.problem).first }
    }
}

extension ConfigurationRule<String> {
    /// A text that is not empty; `words` is the error about an empty one.
    static func filled(_ words: String) -> Self { require("not empty", { !$0.isEmpty }, else: { _ in words }) }
}

/// Throws failures about the keys of one section, with the place where the key was given.
struct ConfigurationCheck {
    /// How an error about a dotted key begins.
    let place: (String) -> String
    /// What comes before the section's keys: "optimizer."; empty for the document.
    private var prefix = ""

    init(place: @escaping (String) -> String) { self.place = place }

    func below(_ name: String) -> Self {
        var check = self
        check.prefix += "\(name)."
        return check
    }

    func callAsFunction(_ holds: Bool, _ key: String, _ problem: @autoclosure () -> String) throws {
        guard holds else { throw Failure.request("\(place(prefix + key)): \(prefix + key) \(problem())") }
    }

    func callAsFunction(_ problem: ConfigurationProblem?, _ key: String) throws {
        guard let problem else { return }
        try self(false, problem.part.map { "\(key).\($0)" } ?? key, problem.words)
    }
}
