internal import CTIFF
import Support

/// How a page's samples lie in its strips or tiles, and what becomes of them.
struct TIFFLayout {
    enum Format {
        case unsigned
        case signed
        case float
    }

    /// A rectangle of a block, and its place in a region that is being read.
    struct Part {
        var firstRow: Int
        var firstColumn: Int
        var rows: Int
        var columns: Int
        var atRow: Int
        var atColumn: Int
        /// The channel that the block holds, where it holds one alone.
        var channel: Int
    }

    /// Of the image as it is stored, not turned.
    private(set) var header: ImageHeader
    let bits: Int
    let format: Format
    let isPalette: Bool
    let blockWidth: Int
    let blockHeight: Int
    /// Samples of a pixel in a block.
    private let stride: Int
    /// The samples of a pixel that are kept, by their number in the file.
    private var kept: [Int]
    /// The first sample of a pixel that is alpha.
    private let alphaSample: Int?
    private let isPlanar: Bool
    private var isInverted: Bool

    /// Throws `Failure.request` where the image is of a kind that is not supported.
    init(_ header: ctiff_header, as meaning: SampleMeaning, isAlpha: (UInt16) -> Bool, name: String) throws {
        func refuse(_ what: String, _ advice: String = "save it as grey or RGB") -> Failure {
            .request("image \(name) \(what), which is not supported: \(advice)")
        }
        bits = Int(header.bits)
        switch (header.format, bits) {
        // Without a format (4) samples are numbers, as a rule.
        case (1, 1...16), (1, 32), (1, 64), (4, 1...16), (4, 32): format = .unsigned
        case (2, 8), (2, 16), (2, 32), (2, 64): format = .signed
        case (3, 16), (3, 32), (3, 64): format = .float
        case (5, _), (6, _): throw refuse("has complex numbers")
        default: throw refuse("has samples of \(bits) bits", "save it with 8 or 16 bits, or as 32-bit floating-point")
        }
        switch header.photometric {
        case 0: (isInverted, isPalette) = (meaning == .light, false)
        case 1, 2: (isInverted, isPalette) = (false, false)
        case 3: (isInverted, isPalette) = (false, true)
        case 4: throw refuse("is a mask of another image")
        case 5: throw refuse("has the colours of print (CMYK)")
        case 6:
            throw refuse(
                "has its colours as YCbCr (compressed with \(TIFFCompression.name(of: header.compression)))",
                "save it as RGB, as tiff2rgba -n does")
        case 32803, 34892: throw refuse("is a camera's raw image", "save it as TIFF, as dcraw -T does")
        case 8, 9, 10: throw refuse("has its colours as CIE L*a*b*")
        default: throw refuse("has colours of kind \(header.photometric) (PhotometricInterpretation)")
        }
        guard !isPalette || (format == .unsigned && bits <= 8 && header.samples == 1) else {
            throw refuse("has a palette of more than 8 bits or several samples a pixel")
        }
        let samples = Int(header.samples)
        let extra = min(Int(header.extra_samples), samples)
        let isRGB = header.photometric == 2
        guard !isRGB || samples >= 3 else {
            throw Failure.request(
                "image \(name) is damaged: RGB with \(samples) samples a pixel; copy it or save it again")
        }
        func declaresAlpha(_ sample: Int) -> Bool {
            let number = sample - (samples - extra)
            return number >= 0 && isAlpha(UInt16(number))
        }
        kept = (0..<samples).filter { !declaresAlpha($0) }
        alphaSample = (0..<samples).first(where: declaresAlpha)
        guard !kept.isEmpty else { throw refuse("is nothing but alpha") }
        isPlanar = header.is_planar != 0
        stride = isPlanar ? 1 : samples
        blockWidth = Int(header.block_width)
        blockHeight = Int(header.block_height)
        let maximum: UInt64 =
            switch format {
            case _ where isPalette: 255
            case .unsigned: bits == 64 ? .max : (1 << UInt64(bits)) - 1
            case .signed: (1 << UInt64(bits - 1)) - 1
            case .float: 1
            }
        self.header = ImageHeader(
            width: Int(header.width), height: Int(header.height), channels: kept.count, maximum: maximum,
            isPalette: isPalette, isFloat: format != .unsigned || bits > 16, alphaSamples: samples - kept.count)
    }

    /// The alpha samples in place of the others; nil where there are none.
    var ofAlpha: TIFFLayout? {
        guard let alphaSample else { return nil }
        var layout = self
        layout.kept = [alphaSample]
        layout.isInverted = false
        layout.header = ImageHeader(
            width: header.width, height: header.height, channels: 1, maximum: header.maximum, isFloat: header.isFloat)
        return layout
    }

    /// What blocks of a place there are: of all channels in one, or of one each, by their sample's number.
    var planes: [(channel: Int, sample: Int)] {
        isPlanar ? kept.enumerated().map { ($0.offset, $0.element) } : [(0, 0)]
    }

    /// Bytes of a row of a block.
    var blockRowBytes: Int { (blockWidth * stride * bits + 7) / 8 }

    // MARK: - Samples of a block

    /// Writes the part's samples to their places in a region that is `width` pixels wide.
    func unpack(_ block: UnsafeRawPointer, _ part: Part, width: Int, into out: UnsafeMutablePointer<UInt16>) {
        switch bits {
        case 8:
            let flip: UInt8 = isInverted ? .max : 0
            copy(block, part, width: width, out) { (sample: UInt8) in UInt16(truncatingIfNeeded: sample ^ flip) }
        case 16:
            let flip: UInt16 = isInverted ? .max : 0
            copy(block, part, width: width, out) { (sample: UInt16) in sample ^ flip }
        default:
            let flip: UInt16 = isInverted ? UInt16(truncatingIfNeeded: header.maximum) : 0
            copyPacked(block, part, width: width, out) { $0 ^ flip }
        }
    }

    func unpack(_ block: UnsafeRawPointer, _ part: Part, width: Int, into out: UnsafeMutablePointer<Float>) {
        func integers<Sample: FixedWidthInteger>(_ type: Sample.Type) {
            // All bits turned round: the maximum less the sample, and with signs, what is as far from the other end.
            let flip: Sample = isInverted ? ~0 : 0
            copy(block, part, width: width, out) { (sample: Sample) in Float(sample ^ flip) }
        }
        func floats<Sample: BinaryFloatingPoint>(_ type: Sample.Type) {
            let isInverted = isInverted
            copy(block, part, width: width, out) { (sample: Sample) in isInverted ? 1 - Float(sample) : Float(sample) }
        }
        switch (format, bits) {
        case (.unsigned, 8): integers(UInt8.self)
        case (.unsigned, 16): integers(UInt16.self)
        case (.unsigned, 32): integers(UInt32.self)
        case (.unsigned, 64): integers(UInt64.self)
        case (.signed, 8): integers(Int8.self)
        case (.signed, 16): integers(Int16.self)
        case (.signed, 32): integers(Int32.self)
        case (.signed, 64): integers(Int64.self)
        case (.float, 16): floats(Float16.self)
        case (.float, 32): floats(Float.self)
        case (.float, 64): floats(Double.self)
        default:
            let flip: UInt16 = isInverted ? UInt16(truncatingIfNeeded: header.maximum) : 0
            copyPacked(block, part, width: width, out) { Float($0 ^ flip) }
        }
    }

    /// Samples of whole bytes.
    @inline(__always)
    private func copy<Sample, Result>(
        _ block: UnsafeRawPointer, _ part: Part, width: Int, _ out: UnsafeMutablePointer<Result>,
        _ convert: (Sample) -> Result
    ) {
        let channels = header.channels
        for y in 0..<part.rows {
            let row = block + (part.firstRow + y) * blockRowBytes
            let source = row.assumingMemoryBound(to: Sample.self) + part.firstColumn * stride
            let target = out + ((part.atRow + y) * width + part.atColumn) * channels
            if isPlanar || channels == stride {
                // One run of samples, of all channels or of one.
                let step = isPlanar ? channels : 1
                let first = isPlanar ? part.channel : 0
                for i in 0..<part.columns * stride { target[first &+ i &* step] = convert(source[i]) }
            } else {
                for (channel, sample) in kept.enumerated() {
                    for x in 0..<part.columns {
                        target[x &* channels &+ channel] = convert(source[x &* stride &+ sample])
                    }
                }
            }
        }
    }

    /// Samples of fewer than 16 bits, packed from the highest bit on; every row begins with a new byte.
    private func copyPacked<Result>(
        _ block: UnsafeRawPointer, _ part: Part, width: Int, _ out: UnsafeMutablePointer<Result>,
        _ convert: (UInt16) -> Result
    ) {
        let channels = header.channels
        let mask = (1 << bits) - 1
        for y in 0..<part.rows {
            let row = (block + (part.firstRow + y) * blockRowBytes).assumingMemoryBound(to: UInt8.self)
            let last = blockRowBytes - 1
            let target = out + ((part.atRow + y) * width + part.atColumn) * channels
            for x in 0..<part.columns {
                for channel in 0..<(isPlanar ? 1 : channels) {
                    let sample = isPlanar ? 0 : kept[channel]
                    let position = ((part.firstColumn + x) * stride + sample) * bits
                    // A sample lies in three bytes at most.
                    let byte = position >> 3
                    let window =
                        Int(row[byte]) << 16 | Int(row[min(byte + 1, last)]) << 8 | Int(row[min(byte + 2, last)])
                    let value = window >> (24 - (position & 7) - bits) & mask
                    target[x * channels + (isPlanar ? part.channel : channel)] =
                        convert(UInt16(truncatingIfNeeded: value))
                }
            }
        }
    }
}
