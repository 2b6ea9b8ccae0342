import Configurations
import Support

/// A condition on a trial's configuration, such as `model.base_channels * training.batch <= 64`.
///
/// Dotted keys stand for their values in the trial, defaults included. There are numbers, texts in quotes, `true` and
/// `false`; `+ - * /`, `< <= > >= == !=`, `not`, `and`, `or` and brackets, which bind as in Python.
package struct SweepConstraint: Sendable, Equatable {
    /// As it was written.
    package let text: String
    private let condition: Expression

    /// What a part of a condition is worth.
    package enum Value: Sendable, Equatable {
        case number(Double)
        case text(String)
        case truth(Bool)
    }

    indirect enum Expression: Sendable, Equatable {
        case constant(Value)
        case key(String)
        case negative(Expression)
        case not(Expression)
        case binary(Operator, Expression, Expression)
    }

    enum Operator: String, Sendable, Equatable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case less = "<"
        case atMost = "<="
        case more = ">"
        case atLeast = ">="
        case equal = "=="
        case unequal = "!="
        case and, or
    }

    /// Reads a condition; `place` begins an error's message.
    package init(_ text: String, at place: String) throws {
        self.text = text
        do {
            var parser = try ConstraintParser(text)
            condition = try parser.parse()
        } catch let mistake as ConstraintParser.Mistake {
            throw Failure.request("\(place): constraint '\(text.shortened)': \(mistake.words)")
        }
    }

    /// Whether it holds.
    ///
    /// - Parameter value: of a key; nil where it has none.
    /// - Throws: a request's failure where it cannot be told.
    package func holds(_ value: (String) throws -> Value?) throws -> Bool {
        guard case .truth(let holds) = try evaluate(condition, value) else {
            throw failure("is a value and no condition: compare it, as in … <= 64")
        }
        return holds
    }

    private func failure(_ problem: String) -> Failure { .request("constraint '\(text.shortened)' \(problem)") }

    private func evaluate(_ expression: Expression, _ value: (String) throws -> Value?) throws -> Value {
        func number(_ part: Expression) throws -> Double {
            let found = try evaluate(part, value)
            guard case .number(let number) = found else {
                throw failure("computes with \(name(part, found)), which is no number")
            }
            return number
        }
        func truth(_ part: Expression) throws -> Bool {
            let found = try evaluate(part, value)
            guard case .truth(let truth) = found else {
                throw failure("takes \(name(part, found)) for a condition: compare it with something")
            }
            return truth
        }
        switch expression {
        case .constant(let constant): return constant
        case .key(let key):
            guard let found = try value(key) else { throw failure("needs \(key), which has no value here") }
            return found
        case .negative(let part): return .number(-(try number(part)))
        case .not(let part): return .truth(!(try truth(part)))
        case .binary(let operation, let left, let right):
            switch operation {
            case .add: return .number(try number(left) + number(right))
            case .subtract: return .number(try number(left) - number(right))
            case .multiply: return .number(try number(left) * number(right))
            case .divide:
                let divisor = try number(right)
                guard divisor != 0 else { throw failure("divides by 0") }
                return .number(try number(left) / divisor)
            case .less: return .truth(try number(left) < number(right))
            case .atMost: return .truth(try number(left) <= number(right))
            case .more: return .truth(try number(left) > number(right))
            case .atLeast: return .truth(try number(left) >= number(right))
            case .equal: return .truth(try evaluate(left, value) == evaluate(right, value))
            case .unequal: return .truth(try evaluate(left, value) != evaluate(right, value))
            case .and: return .truth(try truth(left) && truth(right))
            case .or: return .truth(try truth(left) || truth(right))
            }
        }
    }

    private func name(_ part: Expression, _ value: Value) -> String {
        if case .key(let key) = part { return key }
        switch value {
        case .number(let number): return YAMLText.number(number)
        case .text(let text): return "the text '\(text.shortened)'"
        case .truth(let truth): return "\(truth)"
        }
    }
}

extension ConfigurationNode {
    /// The value of a scalar as a constraint takes it; a list or a section is its text in one line.
    var constraintValue: SweepConstraint.Value {
        if let number { return .number(number) }
        guard case .scalar(let text, let isPlain) = content else { return .text(self.text) }
        return isPlain && ["true", "false"].contains(text) ? .truth(text == "true") : .text(text)
    }
}
