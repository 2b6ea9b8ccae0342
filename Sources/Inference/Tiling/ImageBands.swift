import Datasets
import Images

/// Bands of an image for networks that want it normalised each in its way: rows are read once, from top to bottom, and
/// kept as long as the next band may need them.
public final class ImageBands {
    private let image: any ImageRows
    private let normalizations: [IntensityNormalization]
    private let scales: [IntensityNormalization: IntensityScale]
    /// The raw rows of the last band.
    private var held: (rows: Range<Int>, raster: RasterImage)?

    /// - Parameters:
    ///   - normalizations: one for each network.
    ///   - scales: the image's, for each of these.
    public init(
        _ image: any ImageRows, _ normalizations: [IntensityNormalization],
        scales: [IntensityNormalization: IntensityScale]
    ) {
        self.image = image
        self.normalizations = normalizations
        self.scales = scales
    }

    /// Some rows, once for each network; networks that see an image alike share one tensor.
    public func read(_ rows: Range<Int>) throws -> [ImageBand] {
        let raster = try raw(rows)
        let height = image.height
        let bands = scales.mapValues { ImageBand($0.tensor(of: raster), rows: rows, ofHeight: height) }
        return normalizations.map { normalization in
            guard let band = bands[normalization] else { preconditionFailure("no scale for \(normalization)") }
            return band
        }
    }

    private func raw(_ rows: Range<Int>) throws -> RasterImage {
        var raster: RasterImage
        if let held, held.rows.contains(rows.lowerBound), held.rows.upperBound < rows.upperBound {
            let old = held.raster.rows(rows.lowerBound - held.rows.lowerBound..<held.rows.count)
            self.held = nil
            raster = old.above(try image.read(held.rows.upperBound..<rows.upperBound))
        } else {
            raster = try image.read(rows)
        }
        held = (rows, raster)
        return raster
    }
}
