import Foundation

/// What the files of one image's prediction are called: as `predict` writes them, and as `evaluate` looks for them.
public struct PredictionNames: Hashable, Sendable {
    /// How pixels are written: as PNG, or as TIFF, strip by strip and the images of a stack in one file.
    public enum Format: String, CaseIterable, Sendable {
        case png
        case tif
    }

    /// The image's name, with or without a folder before it.
    public let stem: String

    public init(_ stem: String) { self.stem = stem }

    /// Each pixel's class.
    public func classes(_ format: Format) -> String { "\(stem).\(format)" }

    /// The probability of one class; with two classes only that of class 1 is written.
    public func probability(ofClass index: Int = 1, classes: Int = 2, _ format: Format) -> String {
        "\(stem).\(classes == 2 ? "probability" : "class\(index)").\(format)"
    }

    /// Numbered objects.
    public func instances(_ format: Format) -> String { "\(stem).instances.\(format)" }
    /// The table of the objects.
    public var objects: String { "\(stem).objects.csv" }
    /// The outlines of the objects, for QuPath and napari.
    public var geoJSON: String { "\(stem).geojson" }
    /// The outlines of the objects, for ImageJ.
    public var rois: String { "\(stem).rois.zip" }
    /// The image with its classes or objects drawn in.
    public var overlay: String { "\(stem).overlay.png" }

    /// All that there may be beside the classes, in any format.
    public func besideClasses(classes: Int) -> [String] {
        (1..<classes).flatMap { index in
            Format.allCases.map { probability(ofClass: index, classes: classes, $0) }
        } + Format.allCases.map { instances($0) } + [objects, geoJSON, rois, overlay]
    }

    /// What there may be in a format of pixels.
    func pixels(classes count: Int, _ format: Format) -> [String] {
        [classes(format), instances(format)]
            + (1..<count).map { probability(ofClass: $0, classes: count, format) }
    }

    /// All that there may be of an image.
    func all(classes: Int) -> [String] {
        Format.allCases.map { self.classes($0) } + besideClasses(classes: classes)
    }

    /// Whether there may be a file of this name of an image, or of one of the images of a stack.
    static func isName(_ name: String, of stem: String, classes: Int) -> Bool {
        guard name.hasPrefix(stem) else { return false }
        let rest = name.dropFirst(stem.count)
        let number = rest.first == "-" ? rest.dropFirst().prefix { $0.isASCII && $0.isNumber } : ""
        return PredictionNames(number.isEmpty ? stem : "\(stem)-\(number)").all(classes: classes).contains(name)
    }

    /// The file of the classes that is there, or else the PNG that might be.
    public var classesFound: String { found(classes) ?? classes(.png) }

    /// The files of the classes that are there, of all formats.
    var classFiles: [String] {
        Format.allCases.map { classes($0) }.filter(FileManager.default.fileExists)
    }

    /// Whether a file of this stem is one of those beside an image's classes.
    static func isBesideClasses(_ stem: String) -> Bool {
        guard let dot = stem.lastIndex(of: ".") else { return false }
        let part = stem[stem.index(after: dot)...]
        return ["probability", "instances", "overlay"].contains(part)
            || part.hasPrefix("class") && Int(part.dropFirst(5)) != nil
    }

    /// The file of class 1's probability that is there, of two classes.
    public var probabilityFound: String? { found { probability($0) } }
    /// The file of numbered objects that is there.
    public var instancesFound: String? { found { instances($0) } }

    private func found(_ name: (Format) -> String) -> String? {
        Format.allCases.map(name).first(where: FileManager.default.fileExists)
    }
}
