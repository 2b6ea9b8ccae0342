import Kernels

extension ReferenceKernels {
    /// The largest of each 2×2 block.
    package static func maxPool(_ input: ReferenceImage) -> ReferenceImage {
        var result = ReferenceImage(ImageShape(input.height / 2, input.width / 2, input.channels))
        for y in 0..<result.height {
            for x in 0..<result.width {
                for c in 0..<result.channels {
                    let (maximumY, maximumX) = maximum(of: input, y, x, c)
                    result[y, x, c] = input[maximumY, maximumX, c]
                }
            }
        }
        return result
    }

    /// The backward of `maxPool`: each gradient goes to its block's first maximum in the order of rows.
    package static func maxPoolBackward(_ input: ReferenceImage, outputGradient: ReferenceImage) -> ReferenceImage {
        var result = ReferenceImage(input.shape)
        for y in 0..<outputGradient.height {
            for x in 0..<outputGradient.width {
                for c in 0..<outputGradient.channels {
                    let (maximumY, maximumX) = maximum(of: input, y, x, c)
                    result[maximumY, maximumX, c] += outputGradient[y, x, c]
                }
            }
        }
        return result
    }

    /// The place of the first maximum of the block of output pixel (y, x).
    private static func maximum(of input: ReferenceImage, _ y: Int, _ x: Int, _ c: Int) -> (Int, Int) {
        var best = (2 * y, 2 * x)
        for place in [(2 * y, 2 * x + 1), (2 * y + 1, 2 * x), (2 * y + 1, 2 * x + 1)]
        where input[place.0, place.1, c] > input[best.0, best.1, c] {
            best = place
        }
        return best
    }
}
