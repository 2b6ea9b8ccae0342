/// The class of every pixel of an image, row by row.
///
/// Sendable without a lock, as `Tensor` is: its values are written by one thread while no other reads them.
public final class LabelMap: @unchecked Sendable {
    /// Marks a pixel that counts in no loss and in no metric.
    public static let ignored: Int32 = -1

    public let height: Int
    public let width: Int
    /// `height·width` classes from 0, or `ignored`.
    public let values: UnsafeMutableBufferPointer<Int32>
    private let memory: AlignedBuffer<Int32>

    /// A map in which every pixel is `value`.
    public init(height: Int, width: Int, filledWith value: Int32 = LabelMap.ignored) {
        self.height = height
        self.width = width
        memory = AlignedBuffer(max(height * width, 1))
        values = UnsafeMutableBufferPointer(start: memory.base, count: memory.count)
        values.update(repeating: value)
    }

    public subscript(y: Int, x: Int) -> Int32 {
        get { values[y * width + x] }
        set { values[y * width + x] = newValue }
    }
}
