import Datasets
import Images
import Kernels
import Metrics
import ObjectFiles
import Pictures
import Support

/// Writes the results of an input: probabilities come image by image, in bands from top to bottom, and every file is written
/// whole or not at all.
final class PredictionFiles {
    private let input: PredictionInput
    private let outputs: PredictionOutputs
    private let folder: String
    /// With the folder.
    private let names: PredictionNames
    private let format: PredictionNames.Format
    private let calibration: ImageCalibration
    private let colors: ClassColors
    private let classNames: [String]
    private let open: (Int) throws -> any ImageRows

    private let classWriter: any PictureWriter
    private let probabilityWriters: [(ofClass: Int, writer: any PictureWriter)]
    private let instanceWriter: (any PictureWriter)?
    private var tables: [(image: Int?, table: ObjectTable)] = []
    private var outlined: [OutlinedObject] = []

    /// The number of the image that is being written.
    private var image = 0
    /// Of the whole image, where something is made of it in the end.
    private var classes: LabelMap?
    private var certainty: [Float] = []

    /// - Parameters:
    ///   - format: of the pixels' files: TIFF is written strip by strip, PNG gathered in memory.
    ///   - open: gives an image of the input as its file has it, once more.
    init(
        _ input: PredictionInput, _ outputs: PredictionOutputs, folder: String, ensemble: ModelEnsemble,
        _ format: PredictionNames.Format, open: @escaping (Int) throws -> any ImageRows
    ) throws {
        self.input = input
        self.outputs = outputs
        self.folder = folder
        self.format = format
        self.open = open
        names = PredictionNames("\(folder)/\(input.stem)")
        colors = ensemble.classColors
        classNames = ensemble.shownClassNames
        let calibration = try ImageCalibration(input.path)
        self.calibration = calibration
        let count = ensemble.classes
        let first = input.sizes[0]
        func writer(
            _ path: String, maximum: UInt16, shown: Int, palette: [RGBColor]? = nil
        ) throws -> any PictureWriter {
            switch format {
            case .png:
                return PNGPicture(
                    path, width: first.width, height: first.height, maximum: maximum, palette: palette)
            case .tif:
                let tags = calibration.tags(forImages: input.images.count, upTo: shown)
                return TIFFPicture(
                    try TIFFWriter(
                        path, width: first.width, height: first.height, maximum: maximum, palette: palette,
                        // As many of the first page's size as all have pixels: they may be unlike.
                        tags: tags, pages: max(input.images.count, input.pixels / first.pixels + 1)))
            }
        }
        let names = names
        let palette = ensemble.namedColors.map { PredictionPictures.palette($0, count: count) }
        classWriter = try writer(
            names.classes(format), maximum: 255, shown: palette != nil || count == 2 ? 255 : count - 1,
            palette: palette)
        probabilityWriters = try outputs.probabilityClasses(of: count).map {
            ($0, try writer(names.probability(ofClass: $0, classes: count, format), maximum: 65535, shown: 65535))
        }
        instanceWriter =
            try outputs.instances ? writer(names.instances(format), maximum: 65535, shown: 65535) : nil
        begin(0)
    }

    private func begin(_ index: Int) {
        image = index
        let size = input.sizes[index]
        let needsWhole = outputs.instances || outputs.overlay
        classes = needsWhole ? LabelMap(height: size.height, width: size.width, filledWith: 0) : nil
        certainty.removeAll(keepingCapacity: true)
        if outputs.instances { certainty.reserveCapacity(size.pixels) }
    }

    /// Takes the next band's probabilities, rows×width×classes.
    ///
    /// Throws `Failure.running` where one is not a number, and where the disk is full.
    func add(_ probabilities: Tensor, image index: Int, rows: Range<Int>) throws {
        if index != image {
            try finishImage()
            begin(index)
            let size = input.sizes[index]
            for writer in [classWriter] + probabilityWriters.map(\.writer) + [instanceWriter].compactMap(\.self) {
                try writer.nextPage(width: size.width, height: size.height)
            }
        }
        let width = probabilities.width
        if let place = probabilities.firstNaN {
            let (row, column) = (place / probabilities.channels).quotientAndRemainder(dividingBy: width)
            throw Failure.running(
                "\(input.images[index].name): the network's answer is not a number at row \(rows.lowerBound + row), column \(column): its "
                    + "weights have diverged, or the image has values far beyond what it was trained on")
        }
        let best = LabelMap(mostProbable: probabilities)
        try classWriter.write(PredictionPictures.classes(best, count: probabilities.channels))
        for (index, writer) in probabilityWriters {
            try writer.write(PredictionPictures.probability(probabilities, ofClass: index))
        }
        guard let classes else { return }
        let first = rows.lowerBound * width
        for pixel in 0..<rows.count * width { classes.values[first + pixel] = best.values[pixel] }
        if outputs.instances {
            for pixel in 0..<rows.count * width {
                certainty.append(probabilities.base[pixel * probabilities.channels + Int(best.values[pixel])])
            }
        }
    }

    /// Finishes every file, after the last band. That of the classes comes last.
    func finish() throws {
        try finishImage()
        for (_, writer) in probabilityWriters { try writer.finish() }
        try instanceWriter?.finish()
        if outputs.instances {
            try AtomicFile.write(
                ObjectTable.csv(tables, classNames: classNames, pixelSize: calibration.pixelSize), to: names.objects)
        }
        if outputs.geoJSON { try GeoJSONFile.write(outlined, to: names.geoJSON) }
        if outputs.rois { try ImageJROIArchive.write(outlined, to: names.rois) }
        try classWriter.finish()
    }

    // MARK: - What is made of a whole image

    private func finishImage() throws {
        guard let classes else { return }
        let rows = try open(image)
        let overlayPath = "\(folder)/\(input.imageNames[image].overlay)"
        guard let instanceWriter else {
            let picture = Overlay(colors: colors, names: classNames)
                .picture(image: try ShownImage(rows), classes: classes)
            return try PNG.write(picture, to: overlayPath)
        }
        let separation = ObjectSeparation(minimumSize: outputs.minimumSize)
        let (objects, count) = try separation.objects(classes: classes, certainty: certainty)
        certainty.removeAll(keepingCapacity: input.isStack)
        guard count <= Int(UInt16.max) else {
            throw Failure.request(
                "\(input.images[image].name) has \(count) objects, and a 16-bit image can number 65535: leave out small ones with --minimum-size, or cut the image"
            )
        }
        try write(objects, to: instanceWriter)
        let table = try ObjectTable(
            objects, count: count, classes: classes, channels: rows.channels, reading: rows.read)
        tables.append((input.isStack ? image : nil, table))
        if outputs.geoJSON || outputs.rois { outlined += describe(objects, table) }
        if outputs.overlay {
            let picture = ObjectOverlay(names: classNames, numbers: outputs.numbers)
                .picture(image: try ShownImage(rows), objects: objects, table: table)
            try PNG.write(picture, to: overlayPath)
        }
    }

    /// Writes an image of object numbers in bands.
    private func write(_ objects: LabelMap, to writer: any PictureWriter) throws {
        let band = max(1, (1 << 20) / objects.width)
        for top in stride(from: 0, to: objects.height, by: band) {
            try writer.write(PredictionPictures.objects(objects, rows: top..<min(top + band, objects.height)))
        }
    }

    /// The objects of the image with their outlines.
    private func describe(_ objects: LabelMap, _ table: ObjectTable) -> [OutlinedObject] {
        let size = calibration.pixelSize
        let place = calibration.place(ofImage: image, of: input.images.count)
        let plane = OutlinedObject.Plane(
            image: image, slice: place?.slice ?? image, frame: place?.frame ?? 0,
            isHyperstack: place != nil && calibration.isHyperstack)
        return zip(ObjectOutline.all(objects, count: table.rows.count), table.rows).enumerated().map { index, object in
            let (outline, row) = object
            return OutlinedObject(
                number: index + 1, className: classNames[row.classIndex], color: colors.swatch(row.classIndex),
                outline: outline, plane: input.isStack ? plane : nil,
                measurements: [("area", Double(row.area))] + ObjectTable.measurements(of: row, size))
        }
    }
}
