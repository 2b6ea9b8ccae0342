import Configurations
import Foundation
import Testing

/// What is said of a run that goes on with another configuration.
@Suite struct ConfigurationChangesTests {
    private static let text = """
        data:
          root: /cells
          train: {images: a, labels: b}
          validation: {images: c, labels: d}
        model: {class_names: [ground, cell]}
        optimizer: {learning_rate: 0.01, schedule: {kind: cosine}}
        augmentation: {}

        """

    private func changes(_ old: [String], _ new: [String], haveSameImages: Bool = true) throws -> [String] {
        let then = try Configuration.decode(yaml: Self.text, name: "then", settings: old)
        let now = try Configuration.decode(yaml: Self.text, name: "now", settings: new)
        return try now.changes(since: then, haveSameImages: haveSameImages)
    }

    @Test func theSameHasNothingToSay() throws {
        #expect(try changes([], []).isEmpty)
        #expect(try changes(["seed=1"], ["augmentation.rotate=true", "loss=null"]).isEmpty)
    }

    @Test(
        "what changes no result, or is told of elsewhere, is left out",
        arguments: [
            "name=x", "run.threads=2", "run.output=elsewhere", "run.coordinator=shared", "run.trace=true",
            "checkpoint={every: 3, keep: 9}", "validation.every=7", "validation.on=workers", "data.cache_mb=1",
            "data.loader_threads=3", "communication={overlap: false, host_sums: false, route: direct, bucket_mb: 1}",
            "training.steps=9",
            "training.epochs=3", "optimizer.learning_rate=0.5", "data.root=/cells/../cells",
            "data.train={images: /cells/a, labels: /cells/./b}", "data.validation={images: /cells/c, labels: d}",
            "model.class_colors=[\"#000000\", \"#ffffff\"]",
        ])
    func leftOut(setting: String) throws {
        #expect(try changes([], [setting]).isEmpty)
    }

    @Test(
        "each choice has one sentence with the old value and the new",
        arguments: [
            ("seed=7", "seed is 7 from here, and was 1"),
            ("optimizer.momentum=0.5", "optimizer.momentum is 0.5 from here, and was 0.99"),
            ("optimizer.weight_decay=0.1", "optimizer.weight_decay is 0.1 from here, and was 0"),
            ("optimizer.nesterov=true", "optimizer.nesterov is true from here, and was false"),
            ("training.batch=9", "training.batch is 9 from here, and was 4"),
            ("training.freeze=[head]", "training.freeze is [head] from here, and was []"),
            ("loss.kind=dice", "loss.kind is dice from here, and was cross_entropy"),
            ("loss.border={}", "loss.border is {w0: 10, sigma: 5} from here, and was null"),
            ("augmentation.flip=false", "augmentation.flip is false from here, and was true"),
            ("augmentation=null", "augmentation is off from here, and was not"),
            ("data.tile=188", "data.tile is 188 from here, and was 572"),
            ("data.sampling.foreground=0.5", "data.sampling is {foreground: 0.5} from here, and was {foreground: 0}"),
            ("model.dropout=0", "model.dropout is 0 from here, and was 0.5"),
            ("validation.metric=dice", "the best score is sought anew"),
            ("model.class_names=[a, b]", "model.class_names is [a, b] from here"),
            ("training.initialize_from=x", "training.initialize_from x is not read"),
            ("communication.compression=bf16", "communication.compression is bf16 from here"),
            ("optimizer.schedule={kind: constant}", "optimizer.schedule is {kind: constant"),
            ("data.train={images: /other/a, labels: b}", "images of the same names in another place"),
            ("data.validation={images: other, labels: d}", "scores compare with the earlier ones only"),
        ])
    func choices(setting: String, says: String) throws {
        let found = try changes([], [setting])
        #expect(found.count == 1 && found[0].contains(says), "\(found)")
        #expect(!found.contains { $0.contains("put it back") })
    }

    @Test(
        "what makes weights wrong for the data is said in stronger words",
        arguments: [
            ("data.normalize=unit", "do not fit images that are normalised otherwise"),
            ("data.labels=binary", "a class may now stand for other pixels"),
            ("data.labels={palette: [\"#000000\", \"#ffffff\"]}", "a class may now stand for other pixels"),
            ("data.ignore_index=9", "pixels count now that did not"),
            ("model.class_names=[cell, ground]", "the classes are in another order"),
        ])
    func wrongWeights(setting: String, says: String) throws {
        let found = try changes([], [setting])
        #expect(found.count == 1 && found[0].contains(says) && found[0].contains("the weights were trained with"))
        #expect(found[0].contains("put it back, unless the run shall learn anew"), "\(found)")
    }

    @Test func averagesThatAreGivenUp() throws {
        #expect(try changes(["training.ema=0.9"], []).first?.contains("the averaged weights are given up") == true)
        #expect(try changes(["training.ema=0.9"], ["training.ema=0.99"]).first?.contains("0.99 from here") == true)
        // That averaging begins, whoever reads the checkpoint says.
        #expect(try changes([], ["training.ema=0.9"]).isEmpty)
        #expect(try changes(["augmentation=null"], []) == ["augmentation is on from here, and was not"])
    }

    @Test func otherImagesHaveASentenceOfTheirOwn() throws {
        let other = "data.train={images: /other/a, labels: b}"
        #expect(try changes([], [other], haveSameImages: false).isEmpty)
    }
}
