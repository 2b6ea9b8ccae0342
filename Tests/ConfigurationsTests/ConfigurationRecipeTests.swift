import Configurations
import Datasets
import Support
import Testing

/// Augmentation and pixel weights: sections that are off where they are missing, and have the paper's values where not.
@Suite struct ConfigurationRecipeTests {
    private let minimal = "data: {train: {images: a, labels: b}}\n"

    private func decode(_ lines: String, _ settings: String...) throws -> Configuration {
        try Configuration.decode(yaml: minimal + lines, name: "a.yaml", settings: settings)
    }

    private func problem(_ lines: String) -> String? {
        do {
            _ = try decode(lines)
            return nil
        } catch {
            return (error as? Failure)?.message
        }
    }

    @Test func missingSectionsAreOffAndEmptyOnesThePapers() throws {
        let plain = try decode("")
        #expect(plain.augmentation == nil && plain.loss.border == nil && plain.loss.classWeights == .none)
        #expect(plain.data.foregroundShare == 0)
        let recipe = try decode("augmentation: {}\nloss: {border: {}, class_weights: balanced}")
        #expect(recipe.augmentation == Augmentation() && recipe.loss.border == BorderWeights(w0: 10, sigma: 5))
        #expect(recipe.augmentation?.elastic == .init(grid: 3, sigma: 10) && recipe.augmentation?.rotate == 180)
        #expect(recipe.loss.classWeights == .balanced)
        let partly = try decode("augmentation: {rotate: false, flip: false, elastic: false, grey: {gamma: 0.5}}")
        #expect(
            partly.augmentation
                == Augmentation(rotate: 0, flip: .none, elastic: nil, grey: .init(shift: 0.1, scale: 0.1, gamma: 0.5)))
        #expect(try decode("", "augmentation.elastic.sigma=4").augmentation?.elastic == .init(grid: 3, sigma: 4))
    }

    @Test(
        "What a run writes is read back",
        arguments: [
            "", "augmentation: {}", "augmentation: {elastic: false, grey: false, flip: false}",
            "loss: {border: {}, class_weights: balanced}", "loss: {class_weights: [1, 2.5]}",
        ])
    func written(lines: String) throws {
        let configuration = try decode(lines)
        #expect(try Configuration.decode(yaml: configuration.yaml, name: "b.yaml") == configuration)
    }

    @Test(arguments: [
        ("augmentation: {rotate: maybe}", "augmentation.rotate must be true, false or the largest angle in degrees"),
        ("augmentation: {rotate: 200}", "augmentation.rotate must be 0 to 180 degrees, not 200"),
        ("augmentation: {flip: vertical}", "augmentation.flip must be true, false or horizontal"),
        ("augmentation: {scale: [2, 1]}", "augmentation.scale must be the smallest and the largest magnification"),
        ("augmentation: {scale: [0, 1]}", "augmentation.scale must be 0.1 to 10 times the size, not 0"),
        ("augmentation: {elastic: {grid: 1}}", "augmentation.elastic.grid must be 2 to 64, not 1"),
        ("augmentation: {blur: -1}", "augmentation.blur must be 0 to 100 pixels, not -1"),
        ("augmentation: {elastic: {sigam: 1}}", "did you mean 'augmentation.elastic.sigma'?"),
        ("loss: {class_weights: [1, 2, 3]}", "loss.class_weights lists 3 for model.classes 2: list one a class"),
        ("loss: {class_weights: [1, -2]}", "loss.class_weights must be 0 or more, not -2"),
        ("loss: {class_weights: rare}", "loss.class_weights must be none, balanced or a list of numbers"),
        ("loss: {border: {sigma: 0}}", "loss.border.sigma must be more than 0 and at most 1000 pixels, not 0"),
        ("loss: {kind: dice, border: {}}", "loss.border weighs the cross-entropy, and loss.kind is dice"),
    ])
    func impossibleValuesAreRefused(lines: String, message: String) {
        let found = problem(lines)
        #expect(
            found?.hasPrefix("a.yaml line 2: ") == true && found?.contains(message) == true, "\(found ?? "nothing")")
    }
}
