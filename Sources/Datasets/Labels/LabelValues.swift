import Images
import Support

extension RasterImage {
    /// The image with integers, where its samples are floating-point, signed or of 32 bits but mean labels: whole numbers
    /// from 0 to 65535. Its full scale is 255 where that holds all of them.
    ///
    /// Throws `Failure.request` that names `path`, the first sample that is none (row and column from 0) and its value.
    public func labelValues(path: String) throws -> RasterImage {
        guard case .floats(let samples) = content else { return self }
        var wrong: Int?
        let whole = [UInt16](unsafeUninitializedCapacity: samples.count) { buffer, filled in
            for i in 0..<samples.count {
                guard let value = UInt16(exactly: samples[i]) else {
                    wrong = i
                    return
                }
                buffer[i] = value
            }
            filled = samples.count
        }
        if let wrong {
            let (row, column) = (wrong / channels).quotientAndRemainder(dividingBy: width)
            let value = samples[wrong]
            let text = value == value.rounded() && abs(value) < 1e9 ? String(Int(value)) : String(value)
            throw Failure.request(
                "label \(path) has the value \(text) at row \(row), column \(column), but labels are whole numbers from 0 "
                    + "to 65535: correct the file")
        }
        return RasterImage(
            width: width, height: height, channels: channels, maximum: whole.contains { $0 > 255 } ? 65535 : 255,
            content: .integers(whole), isWhiteZero: isWhiteZero, alpha: alpha)
    }
}
