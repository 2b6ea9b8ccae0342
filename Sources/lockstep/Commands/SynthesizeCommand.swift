import ArgumentParser
import Datasets

struct SynthesizeCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "synthesize",
        abstract: "Writes a data set of synthetic touching cells.",
        discussion: """
            DIR/images and DIR/labels get one PNG each an image. With two classes labels are 0 and 255 (labels: binary), \
            with more the class index (labels: index). A folder that has this very data set is left as it is; one with other \
            files is refused.
            """)

    @Argument(help: "The folder; made if missing.")
    var dir: String

    @Option(help: "Number of images.")
    var count = 40

    @Option(help: "Height and width in pixels.")
    var size = 192

    @Option(help: "Classes, the background included.")
    var classes = 2

    @Option(help: "Another seed gives other images.")
    var seed: UInt64 = 1

    @Flag(help: "Prints what was written as JSON.")
    var json = false

    func run(in job: Job) throws {
        let isNew = try SyntheticCells(size: size, classes: classes, seed: seed).write(count: count, to: dir)
        struct Answer: Encodable {
            let images: String
            let labels: String
            let count: Int
        }
        let answer = Answer(images: "\(dir)/images", labels: "\(dir)/labels", count: count)
        try job.answer(
            "\(count) images in \(answer.images), their labels in \(answer.labels)"
                + (isNew ? "" : "; they were there already, and nothing was written"), json: json ? answer : nil)
    }
}
