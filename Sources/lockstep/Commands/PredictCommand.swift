import ArgumentParser
import Foundation
import Inference

extension PredictionNames.Format: ExpressibleByArgument {}

struct PredictCommand: JobCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Segments images of any size.",
        discussion: """
            Writes one PNG an image, of its name: the class of each pixel, or with two classes 0 and 255. Where the \
            configuration has colours for the classes (data.labels: {palette: …} or model.class_colors) the PNG has \
            them as its palette, over the same numbers. Large images go through the network in overlapping tiles with \
            mirrored borders, a band of rows at a time. Under mpirun the ranks share the images out, and the bands of \
            an image of more than 4 megapixels, or of a stack with --format tif.

            With --format tif a stack comes out as one STEM.tif with its slices and frames in their order, and so do \
            its probabilities and object numbers. The resolution is the input's, and where that has ImageJ's or OME's \
            metadata, ImageJ's description says slices, frames, unit and spacing. Its objects are in one table, with \
            the image's number in the column image; overlays are one PNG an image.

            Of an image of more than 67 megapixels (2^26) pixels' files are TIFF in any case; such an image is never in \
            memory as a whole, be it a TIFF in strips or tiles or a PNG that is not interlaced. --overlay keeps 4 bytes \
            a pixel of it, --instances 16, and 64 for each pixel around the object that is being parted.

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
            "An image (PNG, TIFF, JPEG), a folder of them, or a path with wildcards in quotes. The images of a TIFF stack become STEM-0000, STEM-0001, … (see --format)."
    )
    var input: String

    @Option(help: "The folder for the results; made if missing.")
    var output: String

    @Flag(help: "Also writes STEM.probability.png, 16-bit grey (with more than two classes STEM.class1.png, …).")
    var probabilities = false

    @Flag(
        help: """
            Also writes STEM.overlay.png: the image with its classes, or with --instances its objects, outlined, and a \
            legend. RGB of 8 bits keeps its colours, other images are stretched in brightness; one of more than 4096 \
            pixels on a side is scaled down to that.
            """)
    var overlay = false

    @Flag(help: "With --overlay --instances: each object bears its number in the picture.")
    var numbers = false

    @Flag(
        help: """
            Also writes STEM.instances.png, 16-bit object numbers from 1 up (0: none), touching objects split by a \
            watershed, and STEM.objects.csv: each object's class, area, centre and extent in pixels from 0 at the top \
            and left, mean grey value of the image's file, and shape as scikit-image's regionprops measures it: \
            perimeter, equivalent_diameter, major_axis and minor_axis (of the ellipse of the same second moments), \
            eccentricity, solidity. Where the file knows the size of a pixel (ImageJ's or OME's unit; else a resolution \
            of 1,016 pixels an inch or more) also in micrometres: area_um2, perimeter_um (of square pixels), …
            """)
    var instances = false

    @Flag(
        help: """
            Also writes STEM.geojson, and what --instances does: the outline of each object along the edges of its \
            pixels, with holes, in pixels; QuPath imports it as detections with class and measurements, napari reads it.
            """)
    var geojson = false

    @Flag(
        help: """
            Also writes STEM.rois.zip, and what --instances does: the same outlines for ImageJ's ROI Manager, those with \
            holes as composite selections.
            """)
    var rois = false

    @Option(help: "png or tif: in what pixels are written; tif keeps stacks in one file, with resolution and axes.")
    var format = PredictionNames.Format.png

    @Option(help: "With --instances, --geojson or --rois: objects of fewer pixels are left out.")
    var minimumSize: Int?

    @Flag(help: "Averages over the eight flips and rotations of each image; takes eight times as long.")
    var augment = false

    @Flag(help: "Prints how many images there were, and where the results are, as JSON.")
    var json = false

    @OptionGroup var model: ModelOptions

    private var findsObjects: Bool { instances || geojson || rois }

    func validate() throws {
        if numbers, !overlay || !findsObjects {
            throw ValidationError("--numbers are those of objects in the overlay: add --overlay --instances")
        }
        guard let minimumSize else { return }
        guard findsObjects else { throw ValidationError("--minimum-size is about objects: add --instances") }
        guard minimumSize >= 0 else { throw ValidationError("--minimum-size \(minimumSize): give 0 or more") }
    }

    func run(in job: Job) throws {
        let ensemble = try job.world.agree { try model.load(checkpoints, augment: augment) }
        let console = job.console
        for remark in ensemble.remarks { console.say(remark) }
        let predicting = PredictionJob(
            ensemble, world: job.world,
            outputs: .init(
                probabilities: probabilities, overlay: overlay, numbers: numbers, instances: findsObjects,
                minimumSize: minimumSize ?? 0, geoJSON: geojson, rois: rois, format: format))
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
