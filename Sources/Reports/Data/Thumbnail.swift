import Foundation
import Images
import Kernels
import Pictures
import Support

/// A small picture of an image: each pixel the mean of `step`×`step` of the image's, in grey where it has no colours.
struct Thumbnail {
    let width: Int
    let height: Int
    private let raster: RasterImage

    /// - Parameter image: as the network sees it; it is shown as overlays show it.
    init(_ image: Tensor, step: Int) {
        // Nothing is laid over it.
        let nothing = LabelMap(height: image.height, width: image.width, filledWith: 0)
        let whole = Overlay(colors: ClassColors([RGBColor(0, 0, 0)])).picture(image: image, classes: nothing)
        // An overlay enlarges narrow images, which a page does itself.
        let enlarged = whole.width / image.width
        let (width, height) = (image.width / step, image.height / step)
        let samples = whole.samples
        let isGrey = image.channels != 3
        let channels = isGrey ? 1 : 3
        var result = [UInt16](repeating: 0, count: width * height * channels)
        for y in 0..<height {
            for x in 0..<width {
                for channel in 0..<channels {
                    var sum = 0
                    for row in y * step..<(y + 1) * step {
                        for column in x * step..<(x + 1) * step {
                            sum += Int(samples[3 * (row * enlarged * whole.width + column * enlarged) + channel])
                        }
                    }
                    result[(y * width + x) * channels + channel] = UInt16(sum / (step * step))
                }
            }
        }
        (self.width, self.height) = (width, height)
        raster = RasterImage(width: width, height: height, channels: channels, samples: result)
    }

    /// The file's bytes.
    var png: Data {
        get throws {
            let folder = FileManager.default.temporaryDirectory.path
            let path = "\(folder)/lockstep-report-\(UUID().uuidString).png"
            defer { unlink(path) }
            try PNG.write(raster, to: path)
            return try InputFile(path, called: path).contents(atMost: 1 << 26, as: "a picture")
        }
    }
}
