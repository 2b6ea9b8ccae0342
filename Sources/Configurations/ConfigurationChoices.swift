import Optimization

/// The keys of a section of which one chooses what others mean: each as a property that is nil where it means nothing.

extension Configuration.Training {
    var steps: Int? {
        get { if case .steps(let steps) = length { steps } else { nil } }
        set { if let newValue { length = .steps(newValue) } }
    }

    var epochs: Int? {
        get { if case .epochs(let epochs) = length { epochs } else { nil } }
        set { if let newValue { length = .epochs(newValue) } }
    }

    var minutes: Double? {
        get { if case .minutes(let minutes) = length { minutes } else { nil } }
        set { if let newValue { length = .minutes(newValue) } }
    }

    /// Of the keys that say how long a run trains, those that do not count. Throws where two are given.
    static func passedOver(_ section: SectionReader) throws -> Set<String> {
        let lengths = ["steps", "epochs", "minutes"]
        let given = section.given(amongExclusive: lengths)
        guard given.count < 2 else {
            throw section.failure(given[1], "and \(section.dotted(given[0])) exclude each other: give one of them")
        }
        return Set(lengths).subtracting(given)
    }
}

extension LearningRateSchedule {
    /// The shapes by the names that configurations give them.
    enum Kind: String, CaseIterable, Sendable {
        case constant, step, polynomial, cosine

        /// The shape, its parameters as they are where a configuration leaves them out.
        var shape: Shape {
            switch self {
            case .constant: .constant
            case .step: .step(every: 1000, factor: 0.1)
            case .polynomial: .polynomial(power: 0.9)
            case .cosine: .cosine(final: 0)
            }
        }

        /// The keys of its parameters.
        fileprivate var parameters: [String] {
            switch self {
            case .constant: []
            case .step: ["every", "factor"]
            case .polynomial: ["power"]
            case .cosine: ["final"]
            }
        }
    }

    init(_ kind: Kind) { self.init(kind.shape) }

    /// Setting it gives the shape its default parameters.
    var kind: Kind {
        get {
            switch shape {
            case .constant: .constant
            case .step: .step
            case .polynomial: .polynomial
            case .cosine: .cosine
            }
        }
        set { shape = newValue.shape }
    }

    var every: Int? {
        get { if case .step(let every, _) = shape { every } else { nil } }
        set { if let newValue, let factor { shape = .step(every: newValue, factor: factor) } }
    }

    var factor: Double? {
        get { if case .step(_, let factor) = shape { factor } else { nil } }
        set { if let newValue, let every { shape = .step(every: every, factor: newValue) } }
    }

    var power: Double? {
        get { if case .polynomial(let power) = shape { power } else { nil } }
        set { if let newValue, power != nil { shape = .polynomial(power: newValue) } }
    }

    var final: Double? {
        get { if case .cosine(let final) = shape { final } else { nil } }
        set { if let newValue, final != nil { shape = .cosine(final: newValue) } }
    }

    /// The keys that mean nothing in a schedule of the kind that the section gives. Throws where one of them is there,
    /// except where a `--set` of another kind leaves the file's values of the old kind behind.
    static func passedOver(_ section: SectionReader) throws -> Set<String> {
        let kind = try section.word("kind", as: Kind.self) ?? .constant
        let meaningless = Kind.allCases.flatMap(\.parameters).filter { !kind.parameters.contains($0) }
        let isReplaced = section.isSetting("kind")
        for key in meaningless where section.has(key) && !(isReplaced && !section.isSetting(key)) {
            throw section.failure(
                key, "has no meaning in a schedule of kind \(kind.rawValue): remove it or change the kind")
        }
        return Set(meaningless)
    }
}
