import Glibc

/// Height, width and channels of one image or feature map.
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
/// A tensor is written by one thread or by threads that share out its rows; it has no lock of its own.
public final class Tensor: @unchecked Sendable {
    public let shape: ImageShape
    public let base: UnsafeMutablePointer<Float>

    /// A tensor of zeros.
    public init(_ shape: ImageShape) {
        precondition(shape.height >= 0 && shape.width >= 0 && shape.channels >= 0, "negative shape \(shape)")
        self.shape = shape
        base = allocateFloats(shape.count)
    }

    public convenience init(_ height: Int, _ width: Int, _ channels: Int) {
        self.init(ImageShape(height, width, channels))
    }

    deinit { base.deallocate() }

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
    public var isContiguous: Bool { rowStride == width * channels }

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

/// `count` zeros, aligned to a cache line and followed by one, so that the last values can be read as a whole vector;
/// the caller deallocates. Large buffers ask for huge pages, since a Winograd tile touches dozens of rows at once, more
/// than the first-level TLB has entries for.
public func allocateFloats(_ count: Int) -> UnsafeMutablePointer<Float> {
    let hugePage = 2 << 20
    let bytes = (count + 16) * MemoryLayout<Float>.stride
    let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: bytes < hugePage ? 64 : hugePage)
    if bytes >= hugePage { madvise(raw, bytes, MADV_HUGEPAGE) }
    let base = raw.bindMemory(to: Float.self, capacity: count + 16)
    base.initialize(repeating: 0, count: count + 16)
    return base
}
