import Kernels

/// Neighbouring rows of an image, ready for the network; a whole image is the band of all its rows.
public struct ImageBand: Sendable {
    /// Rows×width×channels.
    public let tensor: Tensor
    /// Which of the image's rows these are.
    public let rows: Range<Int>
    /// Rows of the whole image.
    public let height: Int

    public init(_ tensor: Tensor, rows: Range<Int>, ofHeight height: Int) {
        precondition(
            tensor.height == rows.count && rows.lowerBound >= 0 && rows.upperBound <= height,
            "rows \(rows) of \(height) in a tensor of \(tensor.shape)")
        self.tensor = tensor
        self.rows = rows
        self.height = height
    }

    /// A whole image.
    public init(_ image: Tensor) {
        self.init(image, rows: 0..<image.height, ofHeight: image.height)
    }

    public var width: Int { tensor.width }
}
