/// Height, width and channels of one image or activation (feature map).
public struct ImageShape: Hashable, Sendable, CustomStringConvertible {
    public var height: Int
    public var width: Int
    public var channels: Int

    public init(_ height: Int, _ width: Int, _ channels: Int) {
        self.height = height
        self.width = width
        self.channels = channels
    }

    /// Number of pixels, `height·width`.
    public var pixels: Int { height * width }
    /// Number of values, `height·width·channels`.
    public var count: Int { height * width * channels }

    public var description: String { "\(height)×\(width)×\(channels)" }
}

/// One image's values, H×W×C (channels last), contiguous, 64-byte aligned, 32-bit floats. There is no batch dimension.
///
/// Sendable without a lock: shape and place never change, and the values are written by one thread, or by threads that share
/// out the rows, while no other reads them.
public final class Tensor: @unchecked Sendable {
    public let shape: ImageShape
    public let base: UnsafeMutablePointer<Float>
    private let memory: AlignedBuffer<Float>

    /// A tensor of zeros.
    public init(_ shape: ImageShape) {
        precondition(shape.height >= 0 && shape.width >= 0 && shape.channels >= 0, "negative shape \(shape)")
        self.shape = shape
        memory = AlignedBuffer(shape.count)
        base = memory.base
    }

    public convenience init(_ height: Int, _ width: Int, _ channels: Int) {
        self.init(ImageShape(height, width, channels))
    }

    public var height: Int { shape.height }
    public var width: Int { shape.width }
    public var channels: Int { shape.channels }
    public var count: Int { shape.count }

    /// All values, row by row, a pixel's channels side by side.
    public var values: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: base, count: count) }

    /// The whole tensor as a view.
    public var view: TensorView { TensorView(base: base, shape: shape, rowStride: width * channels) }

    public subscript(y: Int, x: Int, c: Int) -> Float {
        get { base[(y * width + x) * channels + c] }
        set { base[(y * width + x) * channels + c] = newValue }
    }
}

/// A rectangle of a tensor, read or written where it lies: pixels are contiguous within a row, rows are `rowStride`
/// floats apart. A view does not keep its tensor alive.
///
/// Sendable as the tensor is, whose values it reaches.
public struct TensorView: @unchecked Sendable {
    public let base: UnsafeMutablePointer<Float>
    public let shape: ImageShape
    /// Floats from one row's first value to the next row's.
    public let rowStride: Int

    public init(base: UnsafeMutablePointer<Float>, shape: ImageShape, rowStride: Int) {
        self.base = base
        self.shape = shape
        self.rowStride = rowStride
    }

    public var height: Int { shape.height }
    public var width: Int { shape.width }
    public var channels: Int { shape.channels }
    var isContiguous: Bool { rowStride == width * channels }

    /// The first value of row `y`.
    public func row(_ y: Int) -> UnsafeMutablePointer<Float> { base + y &* rowStride }

    /// The centred rectangle of `height`×`width` pixels; both margins must be even.
    public func centreCrop(height: Int, width: Int) -> TensorView {
        precondition(
            height <= self.height && width <= self.width && (self.height - height) % 2 == 0
                && (self.width - width) % 2 == 0,
            "no centred \(height)×\(width) crop of \(shape)")
        let start = row((self.height - height) / 2) + (self.width - width) / 2 * channels
        return TensorView(base: start, shape: ImageShape(height, width, channels), rowStride: rowStride)
    }

    /// Sets every value.
    public func fill(_ value: Float) {
        for y in 0..<height { row(y).update(repeating: value, count: width * channels) }
    }
}
