import Configurations
import Support

/// Reads the conditions of a sweep file: a parser by recursive descent, a function for each strength of binding.
struct ConstraintParser {
    /// What is wrong, and at which character.
    struct Mistake: Error {
        let words: String
    }

    private enum Token: Equatable {
        case number(Double)
        case text(String)
        case word(String)
        case symbol(String)
        case end

        var name: String {
            switch self {
            case .number(let number): "'\(YAMLText.number(number))'"
            case .text(let text): "the text '\(text.shortened)'"
            case .word(let word): "'\(word.shortened)'"
            case .symbol(let symbol): "'\(symbol)'"
            case .end: "the end"
            }
        }
    }

    private typealias Expression = SweepConstraint.Expression

    /// Each with the character, from 1, that it begins at.
    private var tokens: ArraySlice<(token: Token, place: Int)>
    private var depth = 0

    /// No condition that a person writes comes near; deeper ones would overrun the stack.
    private static let mostDepth = 100
    private static let mostCharacters = 2000

    init(_ text: String) throws {
        let characters = Array(text)
        guard characters.count <= Self.mostCharacters else {
            throw Mistake(words: "has more than \(grouped(Self.mostCharacters)) characters: write several shorter ones")
        }
        var tokens: [(token: Token, place: Int)] = []
        var place = 0
        func run(while holds: (Character) -> Bool) -> String {
            let start = place
            while place < characters.count, holds(characters[place]) { place += 1 }
            return String(characters[start..<place])
        }
        func isLetter(_ character: Character) -> Bool {
            character.isASCII && (character.isLetter || character == "_")
        }
        func isDigit(_ character: Character) -> Bool { ("0"..."9").contains(character) }
        while true {
            _ = run { $0.isWhitespace }
            guard place < characters.count else { break }
            let (character, start) = (characters[place], place + 1)
            let next = place + 1 < characters.count ? characters[place + 1] : " "
            if isLetter(character) {
                tokens.append((.word(run { isLetter($0) || isDigit($0) || $0 == "." }), start))
            } else if isDigit(character) || character == "." && isDigit(next) {
                var digits = run { isDigit($0) || $0 == "." }
                if place < characters.count, "eE".contains(characters[place]) {
                    digits.append(characters[place])
                    place += 1
                    if place < characters.count, "+-".contains(characters[place]) {
                        digits.append(characters[place])
                        place += 1
                    }
                    digits += run(while: isDigit)
                }
                guard let number = Double(digits), number.isFinite else {
                    throw Mistake(words: "'\(digits.shortened)' at character \(start) is no number")
                }
                tokens.append((.number(number), start))
            } else if "\"'".contains(character) {
                place += 1
                let text = run { $0 != character }
                guard place < characters.count else {
                    throw Mistake(words: "the text at character \(start) has no second quote: add it")
                }
                place += 1
                tokens.append((.text(text), start))
            } else {
                let pair = String([character, next])
                if ["<=", ">=", "==", "!="].contains(pair) {
                    tokens.append((.symbol(pair), start))
                    place += 2
                } else if "+-*/<>()".contains(character) {
                    tokens.append((.symbol(String(character)), start))
                    place += 1
                } else {
                    let advice =
                        switch pair {
                        case "&&": "write and"
                        case "||": "write or"
                        case _ where character == "=": "write == to compare"
                        case _ where character == "!": "write not"
                        default: "use keys, numbers, texts in quotes, + - * / < <= > >= == != and or not ( )"
                        }
                    throw Mistake(words: "'\(character)' at character \(start) means nothing here: \(advice)")
                }
            }
        }
        tokens.append((.end, characters.count + 1))
        self.tokens = tokens[...]
    }

    /// The whole condition.
    mutating func parse() throws -> SweepConstraint.Expression {
        let expression = try disjunction()
        guard next == .end else { throw mistake("expected an operator such as <= or and") }
        return expression
    }

    private var next: Token { tokens.first?.token ?? .end }

    private func mistake(_ expected: String) -> Mistake {
        Mistake(words: "\(expected), not \(next.name) at character \(tokens.first?.place ?? 1)")
    }

    /// Takes the next token, if it is one of these.
    private mutating func take(_ choices: [String]) -> SweepConstraint.Operator? {
        switch next {
        case .symbol(let text) where choices.contains(text), .word(let text) where choices.contains(text):
            tokens.removeFirst()
            return SweepConstraint.Operator(rawValue: text)
        default: return nil
        }
    }

    private mutating func chain(
        _ choices: [String], _ part: (inout ConstraintParser) throws -> Expression
    ) throws -> Expression {
        var left = try part(&self)
        while let operation = take(choices) { left = .binary(operation, left, try part(&self)) }
        return left
    }

    private mutating func disjunction() throws -> Expression { try chain(["or"]) { try $0.conjunction() } }
    private mutating func conjunction() throws -> Expression { try chain(["and"]) { try $0.negation() } }

    private mutating func negation() throws -> Expression {
        guard next == .word("not") else { return try comparison() }
        return try nested { parser in
            parser.tokens.removeFirst()
            return .not(try parser.negation())
        }
    }

    private mutating func comparison() throws -> Expression {
        let symbols = ["<", "<=", ">", ">=", "==", "!="]
        let left = try sum()
        guard let operation = take(symbols) else { return left }
        let comparison = Expression.binary(operation, left, try sum())
        if case .symbol(let symbol) = next, symbols.contains(symbol) {
            throw mistake("join comparisons with and: expected and, or, or the end")
        }
        return comparison
    }

    private mutating func sum() throws -> Expression { try chain(["+", "-"]) { try $0.product() } }
    private mutating func product() throws -> Expression { try chain(["*", "/"]) { try $0.factor() } }

    private mutating func factor() throws -> Expression {
        switch next {
        case .symbol("-"):
            return try nested { parser in
                parser.tokens.removeFirst()
                return .negative(try parser.factor())
            }
        case .symbol("("):
            return try nested { parser in
                parser.tokens.removeFirst()
                let inner = try parser.disjunction()
                guard parser.next == .symbol(")") else { throw parser.mistake("expected )") }
                parser.tokens.removeFirst()
                return inner
            }
        case .number(let number):
            tokens.removeFirst()
            return .constant(.number(number))
        case .text(let text):
            tokens.removeFirst()
            return .constant(.text(text))
        case .word("true"), .word("false"):
            defer { tokens.removeFirst() }
            return .constant(.truth(next == .word("true")))
        case .word(let word) where !["and", "or", "not"].contains(word):
            guard Configuration.everyKey.contains(word) else { throw unknown(word) }
            tokens.removeFirst()
            return .key(word)
        default: throw mistake("expected a key, a number or a text in quotes")
        }
    }

    private func unknown(_ word: String) -> Mistake {
        let place = tokens.first?.place ?? 1
        let guess = nearestName(to: word, among: Configuration.everyKey)
        return Mistake(
            words: "'\(word.shortened)' at character \(place) is no key of the configuration: "
                + (guess.map { "did you mean '\($0)'?" } ?? "write a text in quotes"))
    }

    private mutating func nested(_ body: (inout ConstraintParser) throws -> Expression) throws -> Expression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.mostDepth else {
            throw Mistake(words: "lies more than \(Self.mostDepth) deep in brackets: write several conditions")
        }
        return try body(&self)
    }
}
