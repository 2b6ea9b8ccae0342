/// What `predict` writes of each image beside its classes.
public struct PredictionOutputs: Sendable {
    public var probabilities: Bool
    /// A picture: of the objects where there are objects, else of the classes.
    public var overlay: Bool
    /// Numbered objects, and a table of them.
    public var instances: Bool
    /// Objects of fewer pixels are left out.
    public var minimumSize: Int

    public init(probabilities: Bool = false, overlay: Bool = false, instances: Bool = false, minimumSize: Int = 0) {
        self.probabilities = probabilities
        self.overlay = overlay
        self.instances = instances
        self.minimumSize = minimumSize
    }

    /// The classes whose probabilities are written.
    func probabilityClasses(of classes: Int) -> Range<Int> { probabilities ? 1..<classes : 0..<0 }

    /// The names of all that is written of an image.
    func fileNames(_ names: PredictionNames, classes: Int, _ format: PredictionNames.Format) -> [String] {
        [names.classes(format)]
            + probabilityClasses(of: classes).map { names.probability(ofClass: $0, classes: classes, format) }
            + (instances ? [names.instances, names.objects] : []) + (overlay ? [names.overlay] : [])
    }

    /// What the record of finished images says of an image that has these files.
    package var kinds: [String] {
        ["classes"] + (probabilities ? ["probabilities"] : [])
            + (instances ? ["instances of \(minimumSize) pixels or more"] : [])
            + (overlay ? [instances ? "overlay of instances of \(minimumSize) pixels or more" : "overlay"] : [])
    }
}
