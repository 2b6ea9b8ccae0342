import Kernels

/// The warping error of the ISBI 2012 challenge (Jain et al. 2010, "Boundary learning by optimization with topological
/// constraints"): what is left of a difference once the truth has been bent to the prediction without tearing it.
enum WarpingError {
    /// How many pixels differ still after the truth has been warped.
    ///
    /// Pixels where the truth differs from the prediction are looked at again and again, those with the largest
    /// difference first and in raster order among equals. One that is simple at its turn, for a 4-connected foreground
    /// in an 8-connected background, is flipped, until a round flips none. Beyond the image there is background.
    /// Ignored pixels are background that is never flipped, and are not counted.
    ///
    /// - Parameters:
    ///   - truth: H×W; above 0 where the foreground is.
    ///   - prediction: H×W; above 0 where the foreground is.
    ///   - difference: of each pixel, how sure the prediction is that the truth is wrong there; asked where they differ.
    static func mismatches(
        truth: LabelMap, prediction: LabelMap, difference: (_ pixel: Int) -> Float
    ) -> Int {
        let (height, width) = (truth.height, truth.width)
        // A frame of background around the image spares the edges.
        let stride = width + 2
        var warped = [Bool](repeating: false, count: (height + 2) * stride)
        var different: [(place: Int, difference: Float)] = []
        for y in 0..<height {
            for x in 0..<width {
                let pixel = y * width + x
                let place = (y + 1) * stride + x + 1
                warped[place] = truth.values[pixel] > 0
                if truth.values[pixel] >= 0, warped[place] != (prediction.values[pixel] > 0) {
                    different.append((place, difference(pixel)))
                }
            }
        }
        // Places go up in the list, and tell equals apart.
        different.sort { $0.difference > $1.difference || $0.difference == $1.difference && $0.place < $1.place }
        warped.withUnsafeMutableBufferPointer { warped in
            var before = Int.max
            while different.count < before {
                before = different.count
                different = different.filter { place, _ in
                    guard isSimple(place, in: warped, stride: stride) else { return true }
                    warped[place].toggle()
                    return false
                }
            }
        }
        return different.count
    }

    /// Whether flipping the pixel changes no component and no hole: Yokoi's connectivity number for a 4-connected
    /// foreground is 1.
    private static func isSimple(_ place: Int, in mask: UnsafeMutableBufferPointer<Bool>, stride: Int) -> Bool {
        let around = (
            mask[place + 1], mask[place + 1 - stride], mask[place - stride], mask[place - 1 - stride],
            mask[place - 1], mask[place - 1 + stride], mask[place + stride], mask[place + 1 + stride]
        )
        func begins(_ side: Bool, _ corner: Bool, _ next: Bool) -> Int { side && !(corner && next) ? 1 : 0 }
        return begins(around.0, around.1, around.2) + begins(around.2, around.3, around.4)
            + begins(around.4, around.5, around.6) + begins(around.6, around.7, around.0) == 1
    }
}
