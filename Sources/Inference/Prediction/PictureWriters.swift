import Images

/// A picture of grey values or indices that comes in bands from top to bottom, page by page. One that goes away unfinished
/// leaves no file behind.
protocol PictureWriter: AnyObject {
    /// Begins another page, after the last row of the one before it.
    func nextPage(width: Int, height: Int) throws
    func write(_ rows: RasterImage) throws
    /// After the last row; the file is there from now on.
    func finish() throws
}

/// A PNG file, gathered in memory: one image.
final class PNGPicture: PictureWriter {
    private let path: String
    private let width: Int
    private let height: Int
    private let maximum: UInt16
    private let palette: [RGBColor]?
    private var samples: [UInt16] = []

    init(_ path: String, width: Int, height: Int, maximum: UInt16, palette: [RGBColor]? = nil) {
        self.path = path
        self.width = width
        self.height = height
        self.maximum = maximum
        self.palette = palette
        samples.reserveCapacity(width * height)
    }

    func nextPage(width: Int, height: Int) { preconditionFailure("a second image in a PNG file") }

    func write(_ rows: RasterImage) { samples += rows.samples }

    func finish() throws {
        try PNG.write(
            RasterImage(
                width: width, height: height, channels: 1, maximum: maximum, samples: samples, palette: palette),
            to: path)
    }
}

/// A TIFF file, written strip by strip.
final class TIFFPicture: PictureWriter {
    private let writer: TIFFWriter

    init(_ writer: TIFFWriter) { self.writer = writer }

    func nextPage(width: Int, height: Int) throws { try writer.nextPage(width: width, height: height) }

    func write(_ rows: RasterImage) throws { try writer.append(rows) }

    func finish() throws { try writer.finish() }
}
