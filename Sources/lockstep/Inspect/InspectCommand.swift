import ArgumentParser

struct InspectCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Shows what a checkpoint, a data set or an image holds.",
        discussion: """
            PATH is a .safetensors file or a run's folder (network, classes, scores, step, SHA-256 of the weights), a \
            configuration (its images and the balance of its classes), an image (size, channels, pages, range of values, \
            resolution), or a folder of images, with labels where it has the folders images and labels.
            """)

    @Argument(help: "A checkpoint, run, configuration, image or folder of images.")
    var path: String

    @Option(
        name: .customLong("set"), help: ArgumentHelp("Overrides one key of a configuration.", valueName: "key=value"))
    var settings: [String] = []

    @Flag(help: "Lists a checkpoint's tensors with their shapes; --json has them always.")
    var tensors = false

    @Flag(help: "Prints it as JSON.")
    var json = false

    func run(in job: Job) throws {
        let inspection = try Inspection(of: path, settings: settings)
        let answer = json ? inspection : nil
        switch inspection {
        case .checkpoint(let summary): try job.answer(summary.text(listingTensors: tensors), json: answer)
        case .dataSet(let summary): try job.answer(summary.text, json: answer)
        case .image(let summary): try job.answer(summary.text, json: answer)
        }
    }
}
