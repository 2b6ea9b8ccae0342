import ArgumentParser
import Foundation
import Inference

struct PredictCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Segments images of any size.",
        discussion: """
            Writes one PNG an image, of its name: the class of each pixel, or with two classes 0 and 255. Large images \
            go through the network in overlapping tiles with mirrored borders, a band of rows at a time. Under mpirun \
            the ranks share the images out, and the bands of an image of more than 4 megapixels. Of an image of more \
            than 67 megapixels (2^26) the results are TIFF files (STEM.tif), with the resolution of a TIFF's; such an \
            image is never in memory as a whole, be it a TIFF in strips or tiles or a PNG that is not interlaced. \
            --instances and --overlay need it whole, and refuse it.

            With --threads several tiles are computed side by side, of one image or of several, as far as half of the free \
            memory goes; the next image is read and the last one written meanwhile. Results do not depend on it.

            Grey images given to a model of RGB are read as three equal channels, and RGB without colours given to one \
            of grey as one channel; images of other channels are refused before the first is written.

            Every file is written whole or not at all. Started again with the same checkpoints, a prediction that was \
            stopped (Ctrl-C, status 75), killed or lost its power goes on with the images that are not finished: results \
            are compared with the hashes that the record beside them (.lockstep-predict.jsonl) holds.
            """)
    static let usesRanks = true

    @Argument(
        help:
            "Checkpoints (.safetensors), folders of runs, or of a cross-validation, which stands for all of its folds; the probabilities of several are averaged."
    )
    var checkpoints: [String]

    @Option(
        help:
            "An image (PNG, TIFF, JPEG), a folder of them, or a path with wildcards in quotes. The pages of a TIFF stack become STEM-0000, STEM-0001, …"
    )
    var input: String

    @Option(help: "The folder for the results; made if missing.")
    var output: String

    @Flag(help: "Also writes STEM.probability.png, 16-bit grey (with more than two classes STEM.class1.png, …).")
    var probabilities = false

    @Flag(
        help: "Also writes STEM.overlay.png: the image with its classes, or with --instances its objects, outlined.")
    var overlay = false

    @Flag(
        help: """
            Also writes STEM.instances.png, 16-bit object numbers from 1 up (0: none), touching objects split by a \
            watershed, and STEM.objects.csv: each object's class, area, centre and extent in pixels from 0 at the top \
            and left, and mean grey value of the image's file.
            """)
    var instances = false

    @Option(help: "With --instances: objects of fewer pixels are left out.")
    var minimumSize: Int?

    @Flag(help: "Averages over the eight flips and rotations of each image; takes eight times as long.")
    var augment = false

    @Flag(help: "Prints how many images there were, and where the results are, as JSON.")
    var json = false

    @OptionGroup var model: ModelOptions

    func validate() throws {
        guard let minimumSize else { return }
        guard instances else { throw ValidationError("--minimum-size is about objects: add --instances") }
        guard minimumSize >= 0 else { throw ValidationError("--minimum-size \(minimumSize): give 0 or more") }
    }

    func run(in job: Job) throws {
        let ensemble = try job.world.agree { try model.load(checkpoints, augment: augment) }
        let console = job.console
        for remark in ensemble.remarks { console.say(remark) }
        let predicting = PredictionJob(
            ensemble, world: job.world,
            outputs: .init(
                probabilities: probabilities, overlay: overlay, instances: instances, minimumSize: minimumSize ?? 0))
        defer { console.endProgress() }
        let outcome = try predicting.run(input: input, output: output) { console.progress($0) }
        struct Answer: Encodable {
            let images: Int
            let skipped: Int
            let output: String
            let notes: [String]
        }
        console.endProgress()
        for note in outcome.notes { console.say(note) }
        try job.answer(
            "\(outcome.images) image\(outcome.images == 1 ? "" : "s") segmented into \(output)"
                + (outcome.skipped > 0 ? ", \(outcome.skipped) of them before: these were skipped" : ""),
            json: json
                ? Answer(images: outcome.images, skipped: outcome.skipped, output: output, notes: outcome.notes) : nil,
            isSaved: true)
    }
}
