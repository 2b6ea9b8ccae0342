/// What an image file says of a page before its pixels are decoded. Width and height are those of the picture as viewers
/// show it: turned as the file's orientation says.
public struct ImageHeader: Sendable, Hashable {
    public let width: Int
    public let height: Int
    /// 1 (grey, or indices of a palette), 3 (RGB) or any other number; alpha is not counted.
    public let channels: Int
    /// Full scale of a sample, as `RasterImage.maximum`.
    public let maximum: UInt64
    /// Whether the samples are indices of a palette.
    public let isPalette: Bool
    /// Whether the samples come as `RasterImage.Content.floats`.
    public let isFloat: Bool
    /// Samples a pixel that are dropped since the file declares them alpha.
    public let alphaSamples: Int
    /// Whether the file was compressed with loss, so that samples are not those that were given to it.
    public let isLossy: Bool
    /// The value of pixels without data, where the file names one (GDAL_NODATA of GeoTIFF).
    public let noData: Double?

    public init(
        width: Int, height: Int, channels: Int, maximum: UInt64 = 255, isPalette: Bool = false, isFloat: Bool = false,
        alphaSamples: Int = 0, isLossy: Bool = false, noData: Double? = nil
    ) {
        self.width = width
        self.height = height
        self.channels = channels
        self.maximum = maximum
        self.isPalette = isPalette
        self.isFloat = isFloat
        self.alphaSamples = alphaSamples
        self.isLossy = isLossy
        self.noData = noData
    }

    /// Channels of the picture: a palette paints three.
    public var pictureChannels: Int { isPalette ? 3 : channels }
}
