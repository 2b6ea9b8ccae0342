import ArgumentParser
import Configurations

struct ConfigCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Lists the keys of a configuration: type, default, meaning.",
        discussion: """
            KEY is a key or a section as --set names it, optimizer.momentum or optimizer; without it all keys are listed, \
            in the order of a run's config.yaml.
            """)

    @Argument(help: "A key or section.")
    var key: String?

    @Flag(help: "Prints it as JSON.")
    var json = false

    func run(in job: Job) throws {
        let reference = try key.map(ConfigurationReference.init(key:)) ?? .all
        try job.answer(reference.text, json: json ? reference : nil)
    }
}
