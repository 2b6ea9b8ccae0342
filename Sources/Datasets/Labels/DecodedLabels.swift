import Kernels

/// What a label file says of an image.
public struct DecodedLabels: Sendable {
    /// H×W classes.
    public let labels: LabelMap
    /// H×W object numbers, 0 for background and for what is ignored, where the file holds them (`data.labels:
    /// instances`). An object is all pixels of one number, in however many parts.
    public let instances: LabelMap?
    /// What is doubtful about the file.
    public let doubts: LabelDoubts
}

/// What a label file that can be decoded leaves in doubt: each may be meant, or a mistake that the pixels cannot tell from
/// it. A user who is told can.
public struct LabelDoubts: Sendable, Hashable {
    /// The file says that 0 is shown white (TIFF's MinIsWhite, ImageJ's inverting look-up table): numbers are taken as
    /// stored, and a viewer shows the reverse.
    public var isWhiteZero = false
    /// Values that lie between others on edges a pixel wide: a class of borders, or what resizing has made.
    public var hasThinValues = false
    /// Under `binary`: objects of different values touch, and are one object from here on.
    public var mergesObjects = false
    /// Under `binary`: no pixel is 0, and there are several values.
    public var hasNoZero = false
    /// Under `instances`: the one number of the file, where it stands for regions that do not touch.
    public var sharedNumber: UInt16?

    public init() {}
}
