import Images
import Kernels

/// How raw samples become the network's input (`data.normalize`).
public enum IntensityNormalization: String, Hashable, Sendable, CaseIterable {
    /// Each channel of the whole image to mean 0 and population deviation 1; a constant channel to 0.
    case standardize
    /// The full scale of the pixel type to 1.
    case unit

    /// The image as a tensor, H×W×C with the raster's channels. Palette indices are no intensities: expand them first.
    public func tensor(of raster: RasterImage) -> Tensor {
        precondition(raster.palette == nil, "intensities of palette indices")
        let tensor = Tensor(raster.height, raster.width, raster.channels)
        let out = tensor.base
        raster.samples.withUnsafeBufferPointer { samples in
            switch self {
            case .unit:
                let maximum = Float(raster.maximum)
                for i in 0..<samples.count { out[i] = Float(samples[i]) / maximum }
            case .standardize:
                for channel in 0..<raster.channels {
                    Self.standardize(samples, channel: channel, of: raster.channels, into: out)
                }
            }
        }
        return tensor
    }

    private static func standardize(
        _ samples: UnsafeBufferPointer<UInt16>, channel: Int, of channels: Int, into out: UnsafeMutablePointer<Float>
    ) {
        let pixels = samples.count / channels
        guard pixels > 0 else { return }
        var sum = 0
        for i in 0..<pixels { sum &+= Int(samples[i &* channels &+ channel]) }
        let mean = Double(sum) / Double(pixels)
        var squares = 0.0
        for i in 0..<pixels {
            let difference = Double(samples[i &* channels &+ channel]) - mean
            squares += difference * difference
        }
        // Of a constant channel the mean is exact, and every difference 0.
        let scale = squares > 0 ? 1 / (squares / Double(pixels)).squareRoot() : 0
        for i in 0..<pixels {
            let position = i &* channels &+ channel
            out[position] = Float((Double(samples[position]) - mean) * scale)
        }
    }
}
