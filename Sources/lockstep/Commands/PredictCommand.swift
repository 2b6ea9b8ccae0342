import ArgumentParser
import Foundation
import Training

struct PredictCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Segments images of any size.",
        discussion: """
            Writes one PNG an image, of its name: the class of each pixel, or with two classes 0 and 255. Large images \
            go through the network in overlapping tiles with mirrored borders. Under mpirun the ranks share the images \
            out.
            """)
    static let usesRanks = true

    @Argument(help: "Checkpoints (.safetensors) or run folders; the probabilities of several are averaged.")
    var checkpoints: [String]

    @Option(help: "A PNG image, or a folder of them.")
    var input: String

    @Option(help: "The folder for the results; made if missing.")
    var output: String

    @Flag(help: "Also writes STEM.probability.png, 16-bit grey (with more than two classes STEM.class1.png, …).")
    var probabilities = false

    @Flag(help: "Also writes STEM.overlay.png: the image with its classes tinted and outlined.")
    var overlay = false

    @Flag(help: "Prints the list of results as JSON.")
    var json = false

    @OptionGroup var model: ModelOptions

    func run(in job: Job) throws {
        let ensemble = try job.world.agree { try model.load(checkpoints) }
        let console = job.console
        let predicting = PredictionJob(
            ensemble, world: job.world, outputs: .init(probabilities: probabilities, overlay: overlay))
        let images = try predicting.run(input: input, output: output) { done, all in
            console.progress("\(done) of \(all) images")
        }
        struct Answer: Encodable {
            let images: Int
            let output: String
        }
        console.endProgress()
        try job.answer(
            "\(images.count) image\(images.count == 1 ? "" : "s") segmented into \(output)",
            json: json ? Answer(images: images.count, output: output) : nil)
    }
}
