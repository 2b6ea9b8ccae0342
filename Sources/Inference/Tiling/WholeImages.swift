import Kernels

// Images in memory, and results that are wanted whole.

extension AveragedPrediction {
    /// The class probabilities of several images in memory that all networks see alike, one after another.
    ///
    /// - Parameters:
    ///   - count: how many there are.
    ///   - progress: called after every tile, by who takes the images.
    ///   - load: loads one of 0..<`count`: its pixels, and what shall come with its probabilities.
    package func stream<Image>(
        _ plan: PredictionPlan, of count: Int, progress: @escaping () -> Void = {},
        load: @escaping (Int) throws -> (image: Image, pixels: Tensor)
    ) -> PredictionStream<Image> {
        PredictionStream(self, plan, progress: progress, of: bands(of: count, load: load))
    }

    /// What gives a stream the bands of these images.
    private func bands<Image>(
        of count: Int, load: @escaping (Int) throws -> (image: Image, pixels: Tensor)
    ) -> () throws -> BandInput<Image>? {
        var places = (0..<count)[...]
        var current: (image: Image, band: ImageBand, rows: ArraySlice<Range<Int>>)?
        return {
            if current?.rows.isEmpty ?? true {
                guard let place = places.popFirst() else { return nil }
                let (image, pixels) = try load(place)
                current = (image, ImageBand(pixels), bands(height: pixels.height, width: pixels.width)[...])
            }
            guard let rows = current?.rows.popFirst(), let current else { return nil }
            return BandInput(image: current.image, rows: rows, bands: members.map { _ in current.band })
        }
    }
}

extension PredictionStream {
    /// The next image whole, H×W×classes, where all its bands are in the stream; nil at the end.
    package func nextImage() throws -> (image: Image, probabilities: Tensor)? {
        var whole: Tensor?
        while let band = try next() {
            let part = band.probabilities
            if whole == nil, band.isWhole { return (band.image, part) }
            let result = whole ?? Tensor(band.height, part.width, part.channels)
            whole = result
            (result.base + band.rows.lowerBound * part.width * part.channels).update(from: part.base, count: part.count)
            if band.rows.upperBound == band.height { return (band.image, result) }
        }
        return nil
    }
}
