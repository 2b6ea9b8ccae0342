import ArgumentParser

struct InspectCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Shows what a checkpoint or a data set holds.",
        discussion: """
            PATH is a .safetensors file or a run's folder (tensors, step, SHA-256 of the weights), a configuration (its \
            images and the balance of its classes), or a folder of images, with labels where it has the folders images \
            and labels.
            """)

    @Argument(help: "A checkpoint, run, configuration or folder of images.")
    var path: String

    @Flag(help: "Prints it as JSON.")
    var json = false

    func run(in job: Job) throws {
        let inspection = try Inspection(of: path)
        switch inspection {
        case .checkpoint(let summary): try job.answer(summary.text, json: json ? inspection : nil)
        case .dataSet(let summary): try job.answer(summary.text, json: json ? inspection : nil)
        }
    }
}
