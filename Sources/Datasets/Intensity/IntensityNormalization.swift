import Images
import Kernels

/// How raw samples become the network's input (`data.normalize`).
public enum IntensityNormalization: String, Codable, Hashable, Sendable, CaseIterable {
    /// Each channel of the whole image to mean 0 and population deviation 1; a constant channel to 0.
    case standardize
    /// The full scale of the pixel type to 1; floating-point samples stay as they are.
    case unit

    /// The image as a tensor, H×W×C with the raster's channels. Palette indices are no intensities: expand them first.
    public func tensor(of raster: RasterImage) -> Tensor {
        scale(channels: raster.channels, maximum: raster.maximum) { $0(raster) }.tensor(of: raster)
    }

    /// What makes a tensor of an image that is too large to be held, part by part.
    ///
    /// - Parameters:
    ///   - channels: of the image.
    ///   - maximum: full scale of its samples.
    ///   - visit: gives all parts of the image to its argument, whole rows from the top to the bottom. It is called as
    ///     often as it takes: twice to standardize, for the means and then for the deviations. The sums run over the
    ///     pixels in the same order however the image is cut, so that the result has the same bits.
    public func scale(
        channels: Int, maximum: UInt64, visit: ((RasterImage) -> Void) throws -> Void
    ) rethrows -> IntensityScale {
        switch self {
        case .unit:
            return IntensityScale(kind: .unit(maximum: Float(maximum)))
        case .standardize:
            var means = ChannelMeans(channels: channels)
            try visit { means.add($0) }
            var deviations = ChannelDeviations(means.means)
            try visit { deviations.add($0) }
            let isConstant = means.isConstant
            let factors = deviations.deviations.enumerated().map { channel, deviation in
                isConstant[channel] || deviation == 0 ? 0 : 1 / deviation
            }
            return IntensityScale(kind: .standardize(means: means.means, factors: factors))
        }
    }
}

/// How the samples of one image are shifted and scaled.
public struct IntensityScale: Codable, Sendable {
    fileprivate enum Kind: Codable {
        case unit(maximum: Float)
        /// By channel.
        case standardize(means: [Double], factors: [Double])
    }

    fileprivate let kind: Kind

    /// A part of the image as a tensor, H×W×C.
    public func tensor(of raster: RasterImage) -> Tensor {
        precondition(raster.palette == nil, "intensities of palette indices")
        let tensor = Tensor(raster.height, raster.width, raster.channels)
        switch raster.content {
        case .integers(let samples): samples.withUnsafeBufferPointer { apply($0, raster.channels, tensor.base) }
        case .floats(let samples): samples.withUnsafeBufferPointer { apply($0, raster.channels, tensor.base) }
        }
        return tensor
    }

    @inline(__always)
    private func apply<Value: RasterSample>(
        _ samples: UnsafeBufferPointer<Value>, _ channels: Int, _ out: UnsafeMutablePointer<Float>
    ) {
        switch kind {
        case .unit(let maximum):
            for i in 0..<samples.count { out[i] = samples[i].float / maximum }
        case .standardize(let means, let factors):
            precondition(means.count == channels, "\(channels) channels of an image of \(means.count)")
            for channel in 0..<channels {
                let mean = means[channel]
                let factor = factors[channel]
                var i = channel
                while i < samples.count {
                    out[i] = Float((samples[i].double - mean) * factor)
                    i &+= channels
                }
            }
        }
    }
}
