import Datasets
import Images
import Kernels
import Metrics
import Pictures
import Support

/// Writes the results of one image: probabilities come in bands from top to bottom, and every file is written whole or
/// not at all.
final class PredictionFiles {
    private let input: PredictionInput
    private let outputs: PredictionOutputs
    /// With the folder.
    private let names: PredictionNames
    private let colors: ClassColors
    private let classWriter: any PictureWriter
    private let probabilityWriters: [(ofClass: Int, writer: any PictureWriter)]
    /// Of the whole image, where something is made of it in the end.
    private let classes: LabelMap?
    private var certainty: [Float] = []

    /// - Parameters:
    ///   - tags: of the image, for TIFF files.
    ///   - format: of the pixels' files: TIFF is written strip by strip, PNG gathered in memory.
    init(
        _ input: PredictionInput, _ outputs: PredictionOutputs, folder: String, ensemble: ModelEnsemble,
        tags: TIFFTags, _ format: PredictionNames.Format
    ) throws {
        self.input = input
        self.outputs = outputs
        names = PredictionNames("\(folder)/\(input.stem)")
        colors = ensemble.classColors
        let count = ensemble.classes
        func writer(_ path: String, maximum: UInt16) throws -> any PictureWriter {
            let (width, height) = (input.width, input.height)
            switch format {
            case .png:
                return PNGPicture(path, width: width, height: height, maximum: maximum)
            case .tif:
                // Of the description only its author knows whether it holds for classes too.
                let tags = TIFFTags(resolution: tags.resolution, resolutionUnit: tags.resolutionUnit)
                return TIFFPicture(
                    try TIFFWriter(path, width: width, height: height, maximum: maximum, tags: tags))
            }
        }
        let names = names
        classWriter = try writer(names.classes(format), maximum: 255)
        probabilityWriters = try outputs.probabilityClasses(of: count).map {
            ($0, try writer(names.probability(ofClass: $0, classes: count, format), maximum: 65535))
        }
        let needsWhole = outputs.instances || outputs.overlay
        classes = needsWhole ? LabelMap(height: input.height, width: input.width, filledWith: 0) : nil
        if outputs.instances { certainty.reserveCapacity(input.pixels) }
    }

    /// Takes the next band's probabilities, rows×width×classes.
    ///
    /// Throws `Failure.running` where one is not a number, and where the disk is full.
    func add(_ probabilities: Tensor, rows: Range<Int>) throws {
        if let place = probabilities.firstNaN {
            let (row, column) = (place / probabilities.channels).quotientAndRemainder(dividingBy: input.width)
            throw Failure.running(
                "\(input.path): the network's answer is not a number at row \(rows.lowerBound + row), column \(column): its "
                    + "weights have diverged, or the image has values far beyond what it was trained on")
        }
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
            // As the file has it, not as the network takes it.
            let raster = try ((image as? ConvertedRows)?.original ?? image).read(0..<image.height)
            var picture: RasterImage?
            if outputs.instances {
                let separation = ObjectSeparation(minimumSize: outputs.minimumSize)
                let (objects, count) = separation.objects(classes: classes, certainty: certainty)
                guard count <= Int(UInt16.max) else {
                    throw Failure.request(
                        "\(input.path) has \(count) objects, and a 16-bit image can number 65535: leave out small ones with --minimum-size, or cut the image"
                    )
                }
                try PNG.write(PredictionPictures.objects(objects), to: names.instances)
                let table = ObjectTable(objects, count: count, classes: classes, image: raster)
                try AtomicFile.write(table.csv, to: names.objects)
                if outputs.overlay {
                    picture = ObjectOverlay.picture(
                        image: IntensityNormalization.unit.tensor(of: raster), objects: objects, count: count)
                }
            } else if outputs.overlay {
                picture = Overlay(colors: colors).picture(
                    image: IntensityNormalization.unit.tensor(of: raster), classes: classes)
            }
            if let picture { try PNG.write(picture, to: names.overlay) }
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
