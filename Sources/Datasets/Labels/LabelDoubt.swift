/// What a label file that can be decoded leaves in doubt: each may be meant, or a mistake that the pixels cannot tell from
/// it. A user who is told can.
public enum LabelDoubt: String, CaseIterable, Codable, Sendable {
    /// The file says that 0 is shown white (TIFF's MinIsWhite, ImageJ's inverting look-up table).
    case whiteIsZero
    /// Many pixels at edges lie between others.
    case thinValues
    /// Under `binary`: there are several values besides 0, as in a file of object numbers.
    case manyValues
    /// Under `binary`: objects of different values touch, and are one object from here on.
    case mergedObjects
    /// Under `binary`: no pixel is 0, and there are several values.
    case noZero
    /// Under `instances`: numbers stand for several regions each that do not touch, as those of masks and classes do.
    case sharedNumbers
    /// Under `instances`: objects are so small that the border between touching ones leaves no pixel of them.
    case lostObjects
    /// Under `instances`: the border between touching objects takes more than a twentieth of their pixels.
    case wideBorders
    /// Under `instances`: no pixel is 0, and one object covers more than half of the image.
    case noBackground
    /// All pixels are ignored.
    case nothingCounts
    /// Pixels have the value that the file gives to those without data (GDAL_NODATA), which is not ignored.
    case noData
    /// The image is turned as its file says (EXIF or TIFF Orientation), and the label is not.
    case imageIsTurned
    /// The label has the pixels of its image, of two values.
    case isItsImage

    /// What is to be known of files of which it was seen, "label a.png" or "3 labels (first: a.png)"; nil where it is of
    /// no consequence by itself.
    func remark(on files: String) -> String? {
        switch self {
        case .manyValues: nil
        case .whiteIsZero:
            "\(files) stored with 0 as white (MinIsWhite, an inverting look-up table): the numbers are taken as stored, "
                + "whatever a viewer shows"
        case .thinValues:
            "\(files) with values that lie between others on single pixels at edges: right for a class of borders, or for "
                + "classes by pixel, wrong if the labels were resized or compressed with loss"
        case .mergedObjects:
            "\(files) with different values that touch, which data.labels: binary makes one object: if they number objects, "
                + "data.labels: instances keeps them apart; if they are classes, use index"
        case .noZero:
            "\(files) with several values and no 0: with data.labels: binary all of it is class 1; if one of the values is "
                + "the background, set data.labels: index or palette"
        case .sharedNumbers:
            "\(files) with one number for many regions that do not touch, which data.labels: instances takes for one object: "
                + "if they are masks, set data.labels: binary; if they are classes, index"
        case .lostObjects:
            "\(files) with objects so small that the border between touching ones leaves no pixel of them (data.labels: "
                + "instances): enlarge images and labels, or set data.labels: binary"
        case .wideBorders:
            "\(files) whose touching objects give more than a twentieth of their pixels to the border between them, which is "
                + "background (data.labels: instances): scores of class 1 are without it"
        case .noBackground:
            "\(files) without a 0, in which one object covers more than half: if it is the background, store it as 0"
        case .nothingCounts:
            "\(files) in which no pixel counts: all are ignored"
        case .noData:
            "\(files) with pixels of the value that stands for none in their files (GDAL_NODATA), which counts as any other: set "
                + "data.ignore_index to it"
        case .imageIsTurned:
            "\(files) of images that are turned as their files say (EXIF or TIFF Orientation): labels must lie on the picture as "
                + "viewers show it"
        case .isItsImage:
            "\(files) with the very pixels of the image: right only if the image is a mask itself"
        }
    }
}
