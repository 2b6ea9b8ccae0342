import Diagnostics
import Images
import Kernels
import Segmentation

/// The results of one image on their way to the disk: they come in bands from top to bottom, and every file is written
/// whole or not at all.
final class PredictionFiles {
    private let input: PredictionInput
    private let outputs: PredictionOutputs
    private let folder: String
    private let colors: ClassColors
    private let classWriter: any PictureWriter
    private let probabilityWriters: [(classIndex: Int, writer: any PictureWriter)]
    /// Of the whole image, where something is made of it in the end.
    private let classes: LabelMap?
    private var certainty: [Float] = []

    /// - Parameters:
    ///   - tags: of the image, for TIFF files.
    ///   - isLarge: whether pixels go to TIFF files strip by strip; else PNG files are gathered in memory.
    init(
        _ input: PredictionInput, _ outputs: PredictionOutputs, folder: String, ensemble: ModelEnsemble,
        tags: TIFFTags, isLarge: Bool
    ) throws {
        self.input = input
        self.outputs = outputs
        self.folder = folder
        colors = ensemble.classColors
        let count = ensemble.classes
        func writer(_ name: String, maximum: UInt16) throws -> any PictureWriter {
            let (width, height) = (input.width, input.height)
            guard isLarge else {
                return PNGPicture("\(folder)/\(name).png", width: width, height: height, maximum: maximum)
            }
            // Of the description only its author knows whether it holds for classes too.
            let tags = TIFFTags(resolution: tags.resolution, resolutionUnit: tags.resolutionUnit)
            return TIFFPicture(
                try TIFFWriter(
                    "\(folder)/\(name).tif", width: width, height: height, maximum: maximum, tags: tags))
        }
        classWriter = try writer(input.stem, maximum: 255)
        probabilityWriters = try outputs.probabilityNames(classes: count).map {
            ($0.classIndex, try writer("\(input.stem).\($0.name)", maximum: 65535))
        }
        let needsWhole = outputs.instances || outputs.overlay
        classes = needsWhole ? LabelMap(height: input.height, width: input.width, filledWith: 0) : nil
        if outputs.instances { certainty.reserveCapacity(input.pixels) }
    }

    /// Takes the next band's probabilities, rows×width×classes.
    func add(_ probabilities: Tensor, rows: Range<Int>) throws {
        let best = LabelMap(mostProbable: probabilities)
        try classWriter.write(PredictionPictures.classes(best, count: probabilities.channels))
        for (index, writer) in probabilityWriters {
            try writer.write(PredictionPictures.probability(probabilities, ofClass: index))
        }
        guard let classes else { return }
        let first = rows.lowerBound * input.width
        for pixel in 0..<rows.count * input.width { classes.values[first + pixel] = best.values[pixel] }
        if outputs.instances {
            for pixel in 0..<rows.count * input.width {
                certainty.append(probabilities.base[pixel * probabilities.channels + Int(best.values[pixel])])
            }
        }
    }

    /// Finishes every file, after the last band.
    func finish(_ image: any ImageRows) throws {
        for (_, writer) in probabilityWriters { try writer.finish() }
        if let classes {
            let raster = try image.read(0..<image.height)
            let base = "\(folder)/\(input.stem)"
            var picture: RasterImage?
            if outputs.instances {
                let separation = ObjectSeparation(minimumSize: outputs.minimumSize)
                let (objects, count) = separation.objects(classes: classes, certainty: certainty)
                guard count <= Int(UInt16.max) else {
                    throw Failure.request(
                        "\(input.path) has \(count) objects, and a 16-bit image can number 65535: leave out small ones with --minimum-size, or cut the image"
                    )
                }
                try PNG.write(PredictionPictures.objects(objects), to: "\(base).instances.png")
                let table = ObjectTable(objects, count: count, classes: classes, image: raster)
                try AtomicFile.write(table.csv, to: "\(base).objects.csv")
                if outputs.overlay {
                    picture = ObjectOverlay.picture(
                        image: IntensityNormalization.unit.tensor(of: raster), objects: objects, count: count)
                }
            } else if outputs.overlay {
                picture = Overlay(colors: colors).picture(
                    image: IntensityNormalization.unit.tensor(of: raster), classes: classes)
            }
            if let picture { try PNG.write(picture, to: "\(base).overlay.png") }
        }
        try classWriter.finish()
    }
}

/// A grey picture that comes in bands from top to bottom. One that goes away unfinished leaves no file behind.
protocol PictureWriter: AnyObject {
    func write(_ rows: RasterImage) throws
    /// After the last row; the file is there from now on.
    func finish() throws
}

/// A PNG file, gathered in memory.
final class PNGPicture: PictureWriter {
    private let path: String
    private let width: Int
    private let height: Int
    private let maximum: UInt16
    private var samples: [UInt16] = []

    init(_ path: String, width: Int, height: Int, maximum: UInt16) {
        self.path = path
        self.width = width
        self.height = height
        self.maximum = maximum
        samples.reserveCapacity(width * height)
    }

    func write(_ rows: RasterImage) { samples += rows.samples }

    func finish() throws {
        try PNG.write(
            RasterImage(width: width, height: height, channels: 1, maximum: maximum, samples: samples), to: path)
    }
}

/// A TIFF file, written strip by strip.
final class TIFFPicture: PictureWriter {
    private let writer: TIFFWriter

    init(_ writer: TIFFWriter) { self.writer = writer }

    func write(_ rows: RasterImage) throws { try writer.append(rows) }

    func finish() throws { try writer.finish() }
}
