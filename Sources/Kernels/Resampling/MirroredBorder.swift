/// An image mirrored beyond its edges without end, as NumPy's `pad(mode="reflect")` does: the edge pixel is not
/// repeated, and where the margin is larger than the image the mirror image is mirrored again.
public enum MirroredBorder {
    /// The pixel 0..<`size` that lies at `position`, any integer, of a row mirrored at both ends. Of one pixel, it.
    public static func index(_ position: Int, size: Int) -> Int {
        precondition(size > 0, "an empty image has no mirror image")
        if position >= 0 && position < size { return position }
        guard size > 1 else { return 0 }
        // Once mirrored, which is nearly always enough and takes no division.
        if position < 0 && position > -size { return -position }
        if position >= size && position < 2 * size - 1 { return 2 * (size - 1) - position }
        // Forth and back is a period.
        let period = 2 * (size - 1)
        let phase = position % period
        let inPeriod = phase < 0 ? phase + period : phase
        return inPeriod < size ? inPeriod : period - inPeriod
    }

    /// Fills `window` with the rectangle of the endlessly mirrored `image` whose first pixel is at row `top`, column
    /// `left` of the image; both may be negative or beyond the image. Channels must agree.
    public static func copyMirrored(from image: Tensor, top: Int, left: Int, into window: TensorView) {
        precondition(image.channels == window.channels, "a window of \(window.shape) into an image of \(image.shape)")
        let channels = image.channels
        // Columns of the window that lie inside the image, one block a row; the others go one by one.
        let innerStart = min(max(-left, 0), window.width)
        let innerEnd = max(min(image.width - left, window.width), innerStart)
        let outer = Array(0..<innerStart) + Array(innerEnd..<window.width)
        let sources = outer.map { index(left + $0, size: image.width) * channels }
        let targets = outer.map { $0 * channels }
        for y in 0..<window.height {
            let source = image.base + index(top + y, size: image.height) * image.width * channels
            let target = window.row(y)
            if innerEnd > innerStart {
                (target + innerStart * channels).update(
                    from: source + (left + innerStart) * channels, count: (innerEnd - innerStart) * channels)
            }
            for i in 0..<outer.count {
                for c in 0..<channels { target[targets[i] + c] = source[sources[i] + c] }
            }
        }
    }
}
