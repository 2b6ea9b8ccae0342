/// What `predict` writes of each image beside its classes, and in which files.
public struct PredictionOutputs: Sendable {
    public var probabilities: Bool
    /// A picture: of the objects where there are objects, else of the classes.
    public var overlay: Bool
    /// Whether the objects' numbers stand in it.
    public var numbers: Bool
    /// Numbered objects, and a table of them.
    public var instances: Bool
    /// Objects of fewer pixels are left out.
    public var minimumSize: Int
    /// The objects' outlines, for QuPath and napari.
    public var geoJSON: Bool
    /// The objects' outlines, for ImageJ.
    public var rois: Bool
    /// Of pixels' files; those of images too large for PNG are TIFF files in any case.
    public var format: PredictionNames.Format

    public init(
        probabilities: Bool = false, overlay: Bool = false, numbers: Bool = false, instances: Bool = false,
        minimumSize: Int = 0, geoJSON: Bool = false, rois: Bool = false, format: PredictionNames.Format = .png
    ) {
        self.probabilities = probabilities
        self.overlay = overlay
        self.numbers = numbers
        self.instances = instances
        self.minimumSize = minimumSize
        self.geoJSON = geoJSON
        self.rois = rois
        self.format = format
    }

    /// The classes whose probabilities are written.
    func probabilityClasses(of classes: Int) -> Range<Int> { probabilities ? 1..<classes : 0..<0 }

    /// The names of all that is written of an input.
    ///
    /// - Parameters:
    ///   - names: of the file of results.
    ///   - images: the names of each of its images, whose pictures are files of their own.
    func fileNames(
        _ names: PredictionNames, images: [PredictionNames], classes: Int, _ format: PredictionNames.Format
    ) -> [String] {
        [names.classes(format)]
            + probabilityClasses(of: classes).map { names.probability(ofClass: $0, classes: classes, format) }
            + (instances ? [names.instances(format), names.objects] : []) + (geoJSON ? [names.geoJSON] : [])
            + (rois ? [names.rois] : []) + (overlay ? images.map(\.overlay) : [])
    }

    /// What the record of finished images says of an image that has these files.
    package var kinds: [String] {
        let objects = "of \(minimumSize) pixels or more"
        return ["classes"] + (probabilities ? ["probabilities"] : [])
            + (instances ? ["instances \(objects)"] : []) + (geoJSON ? ["geojson \(objects)"] : [])
            + (rois ? ["rois \(objects)"] : [])
            + (overlay ? [instances ? "overlay of instances \(objects)\(numbers ? ", numbered" : "")" : "overlay"] : [])
    }
}
