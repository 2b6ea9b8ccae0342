import Kernels

/// An H×W×C image in Double, for the reference kernels.
package struct ReferenceImage: Sendable, Equatable {
    package let shape: ImageShape
    /// Row by row, a pixel's channels side by side.
    package var values: [Double]

    package init(_ shape: ImageShape, values: [Double]) {
        precondition(values.count == shape.count, "\(values.count) values for \(shape)")
        self.shape = shape
        self.values = values
    }

    /// Zeros.
    package init(_ shape: ImageShape) { self.init(shape, values: Array(repeating: 0, count: shape.count)) }

    /// A view's values, whatever its row stride.
    package init(_ view: TensorView) {
        let width = view.width * view.channels
        self.init(
            view.shape,
            values: (0..<view.height).flatMap { y in
                UnsafeBufferPointer(start: view.row(y), count: width).map(Double.init)
            })
    }

    package var height: Int { shape.height }
    package var width: Int { shape.width }
    package var channels: Int { shape.channels }

    package subscript(y: Int, x: Int, c: Int) -> Double {
        get { values[(y * width + x) * channels + c] }
        set { values[(y * width + x) * channels + c] = newValue }
    }
}

extension ReferenceKernels {
    /// Images of the same height and width, their channels side by side.
    package static func concatenate(_ images: [ReferenceImage]) -> ReferenceImage {
        let shape = images[0].shape
        var result = ReferenceImage(
            ImageShape(shape.height, shape.width, images.reduce(0) { $0 + $1.channels }))
        var offset = 0
        for image in images {
            for y in 0..<shape.height {
                for x in 0..<shape.width {
                    for c in 0..<image.channels { result[y, x, offset + c] = image[y, x, c] }
                }
            }
            offset += image.channels
        }
        return result
    }

    /// The backward of `concatenate`: the channels handed out again.
    package static func split(_ image: ReferenceImage, channels: [Int]) -> [ReferenceImage] {
        precondition(channels.reduce(0, +) == image.channels, "\(channels) of \(image.shape)")
        var offset = 0
        return channels.map { count in
            var part = ReferenceImage(ImageShape(image.height, image.width, count))
            for y in 0..<image.height {
                for x in 0..<image.width {
                    for c in 0..<count { part[y, x, c] = image[y, x, offset + c] }
                }
            }
            offset += count
            return part
        }
    }

    /// The centred rectangle of that size.
    package static func centreCrop(_ image: ReferenceImage, height: Int, width: Int) -> ReferenceImage {
        let (top, left) = ((image.height - height) / 2, (image.width - width) / 2)
        var result = ReferenceImage(ImageShape(height, width, image.channels))
        for y in 0..<height {
            for x in 0..<width {
                for c in 0..<image.channels { result[y, x, c] = image[top + y, left + x, c] }
            }
        }
        return result
    }

    /// The backward of `centreCrop`: zeros around the gradient.
    package static func centreCropBackward(_ gradient: ReferenceImage, input: ImageShape) -> ReferenceImage {
        let (top, left) = ((input.height - gradient.height) / 2, (input.width - gradient.width) / 2)
        var result = ReferenceImage(input)
        for y in 0..<gradient.height {
            for x in 0..<gradient.width {
                for c in 0..<gradient.channels { result[top + y, left + x, c] = gradient[y, x, c] }
            }
        }
        return result
    }
}
