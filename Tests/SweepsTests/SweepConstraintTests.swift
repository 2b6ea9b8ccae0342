import Support
import Sweeps
import Testing

@Suite struct SweepConstraintTests {
    private static let values: [String: SweepConstraint.Value] = [
        "model.base_channels": .number(16), "training.batch": .number(4), "model.normalization": .text("group"),
        "augmentation.flip": .truth(true), "seed": .number(0),
    ]

    private func holds(_ text: String) throws -> Bool {
        try SweepConstraint(text, at: "s.yaml line 3").holds { Self.values[$0] }
    }

    @Test(arguments: [
        ("model.base_channels * training.batch <= 64", true), ("model.base_channels * training.batch < 64", false),
        ("1 + 2 * 3 == 7 and (1 + 2) * 3 == 9", true), ("10 - 4 - 3 == 3 and 8 / 4 / 2 == 1", true),
        ("-training.batch + 5 == 1", true), ("2e1 == 20 and .5 > 0", true),
        ("model.normalization == 'group'", true), ("model.normalization != \"group\"", false),
        ("not augmentation.flip or training.batch >= 4", true),
        ("not (augmentation.flip or training.batch >= 4)", false),
        ("augmentation.flip", true), ("augmentation.flip == false", false), ("true or false and false", true),
        ("seed == 0 or 1 / seed > 0", true),
    ])
    func conditions(text: String, expected: Bool) throws { #expect(try holds(text) == expected) }

    @Test(arguments: [
        ("training.batch <= ", "expected a key, a number or a text in quotes, not the end at character 19"),
        ("training.batch 4", "expected an operator such as <= or and, not '4' at character 16"),
        (
            "trainin.batch < 4",
            "'trainin.batch' at character 1 is no key of the configuration: did you mean 'training.batch'?"
        ),
        ("training.batch = 4", "'=' at character 16 means nothing here: write == to compare"),
        ("seed < 1 && seed > 0", "'&' at character 10 means nothing here: write and"),
        ("1 < seed < 3", "join comparisons with and: expected and, or, or the end, not '<' at character 10"),
        ("(seed < 1", "expected ), not the end at character 10"),
        ("seed == 'a", "the text at character 9 has no second quote: add it"),
        ("1.2.3 < 4", "'1.2.3' at character 1 is no number"),
        ("", "expected a key, a number or a text in quotes, not the end at character 1"),
    ])
    func mistakesAreNamedWithTheirPlace(text: String, words: String) {
        #expect(throws: Failure.request("s.yaml line 3: constraint '\(text)': \(words)")) { try holds(text) }
    }

    @Test(arguments: [
        ("training.batch", "is a value and no condition: compare it, as in … <= 64"),
        ("model.normalization < 3", "computes with model.normalization, which is no number"),
        ("seed and true", "takes seed for a condition: compare it with something"),
        ("1 / seed > 0", "divides by 0"), ("model.depth > 1", "needs model.depth, which has no value here"),
    ])
    func whatCannotBeToldIsSaid(text: String, words: String) {
        #expect(throws: Failure.request("constraint '\(text)' \(words)")) { try holds(text) }
    }

    @Test func nothingOverrunsTheStack() {
        for text in [
            String(repeating: "(", count: 1500), String(repeating: "not ", count: 400) + "true",
            String(repeating: "-", count: 1900) + "1 < 2",
        ] {
            #expect(throws: Failure.self) { try holds(text) }
        }
        #expect(throws: Failure.self) { try holds(String(repeating: "1 + ", count: 1000) + "1 > 0") }
    }

    @Test func combinationsThatBreakThemAreLeftOut() throws {
        func place(_ lines: String) throws -> SweepPlace {
            try SweepPlace(lines) {
                """
                name: s
                base: base.yaml
                set: {training.steps: 20}
                parameters:
                  model.base_channels: [8, 16, 32]
                  training.batch: [2, 4, 8]
                \($0)

                """
            }
        }
        let constraint = "constraints: [\"model.base_channels * training.batch <= 64\", \"model.depth == 4\"]"
        let grid = try place(constraint)
        _ = try grid.run(FakeLauncher())
        #expect(
            try grid.rows().dropFirst().map { $0.split(separator: ",")[2...3].joined(separator: "×") }
                == ["8×2", "8×4", "8×8", "16×2", "16×4", "32×2"])
        let random = try place(constraint + "\nstrategy: {random: {trials: 40}}")
        _ = try random.run(FakeLauncher())
        let drawn = try random.rows().dropFirst().map { $0.split(separator: ",")[2...3].compactMap { Int($0) } }
        #expect(drawn.count == 40 && drawn.allSatisfy { $0[0] * $0[1] <= 64 } && Set(drawn).count == 6)
        let none = try place("constraints: [\"training.batch > 8\"]")
        #expect(throws: Failure.request("\(none.sweep): constraints leave out every combination")) {
            try none.run(FakeLauncher())
        }
    }
}
