import Diagnostics

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

    /// The probabilities' files, by class; empty without them.
    func probabilityNames(classes: Int) -> [(classIndex: Int, name: String)] {
        guard probabilities else { return [] }
        return (1..<classes).map { ($0, classes == 2 ? "probability" : "class\($0)") }
    }

    /// The names of all that is written of an image.
    ///
    /// - Parameter isLarge: whether the image is written as TIFF.
    func fileNames(_ input: PredictionInput, classes: Int, isLarge: Bool) -> [String] {
        let stem = input.stem
        let kind = isLarge ? "tif" : "png"
        return ["\(stem).\(kind)"] + probabilityNames(classes: classes).map { "\(stem).\($0.name).\(kind)" }
            + (instances ? ["\(stem).instances.png", "\(stem).objects.csv"] : [])
            + (overlay ? ["\(stem).overlay.png"] : [])
    }

    /// What the record of finished images says of an image that has these files.
    var kinds: [String] {
        ["classes"] + (probabilities ? ["probabilities"] : [])
            + (instances ? ["instances of \(minimumSize) pixels or more"] : [])
            + (overlay ? [instances ? "overlay of instances of \(minimumSize) pixels or more" : "overlay"] : [])
    }
}
