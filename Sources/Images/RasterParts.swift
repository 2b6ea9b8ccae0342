extension RasterImage {
    /// This image with other pixels of its kind.
    private func with(
        width: Int, height: Int, channels: Int? = nil, content: Content, alpha: [UInt16]?, isTurned: Bool? = nil
    ) -> RasterImage {
        RasterImage(
            width: width, height: height, channels: channels ?? self.channels, maximum: maximum, content: content,
            palette: palette, isWhiteZero: isWhiteZero, alpha: alpha, alphaMaximum: alphaMaximum,
            isTurned: isTurned ?? self.isTurned)
    }

    /// Some of its rows.
    package func rows(_ part: Range<Int>) -> RasterImage { cut(rows: part, columns: 0..<width) }

    /// A part of it.
    package func cut(rows: Range<Int>, columns: Range<Int>) -> RasterImage {
        guard rows != 0..<height || columns != 0..<width else { return self }
        func cut<Sample>(_ samples: [Sample], channels: Int) -> [Sample] {
            guard columns != 0..<width else {
                return Array(samples[rows.lowerBound * width * channels..<rows.upperBound * width * channels])
            }
            return rows.flatMap { row in
                let first = row * width
                return samples[(first + columns.lowerBound) * channels..<(first + columns.upperBound) * channels]
            }
        }
        let content: Content =
            switch content {
            case .integers(let samples): .integers(cut(samples, channels: channels))
            case .floats(let samples): .floats(cut(samples, channels: channels))
            }
        return with(
            width: columns.count, height: rows.count, content: content, alpha: alpha.map { cut($0, channels: 1) })
    }

    /// This image with another of its kind below it.
    package func above(_ other: RasterImage) -> RasterImage {
        precondition(other.width == width && other.channels == channels && other.maximum == maximum, "unlike images")
        precondition((other.alpha == nil) == (alpha == nil), "alpha in one of two images")
        let joined: Content
        switch (content, other.content) {
        case (.integers(let above), .integers(let below)): joined = .integers(above + below)
        case (.floats(let above), .floats(let below)): joined = .floats(above + below)
        default: preconditionFailure("integers above floats")
        }
        return with(
            width: width, height: height + other.height, content: joined,
            alpha: alpha.map { $0 + (other.alpha ?? []) })
    }

    /// This image turned as viewers show it.
    package func turned(_ orientation: ImageOrientation) -> RasterImage {
        guard orientation != .upright else { return self }
        let content: Content =
            switch content {
            case .integers(let samples): .integers(turned(samples, channels: channels, orientation))
            case .floats(let samples): .floats(turned(samples, channels: channels, orientation))
            }
        let (width, height) = orientation.size(width: width, height: height)
        return with(
            width: width, height: height, content: content, alpha: alpha.map { turned($0, channels: 1, orientation) },
            isTurned: true)
    }

    private func turned<Sample>(_ samples: [Sample], channels: Int, _ orientation: ImageOrientation) -> [Sample] {
        let (first, down, right) = orientation.steps(width: width, height: height)
        let (width, height) = orientation.size(width: width, height: height)
        return [Sample](unsafeUninitializedCapacity: samples.count) { buffer, filled in
            samples.withUnsafeBufferPointer { samples in
                var target = 0
                for y in 0..<height {
                    for x in 0..<width {
                        let source = (first + y * down + x * right) * channels
                        for c in 0..<channels {
                            (buffer.baseAddress! + target).initialize(to: samples[source &+ c])
                            target &+= 1
                        }
                    }
                }
            }
            filled = samples.count
        }
    }

    /// One image of the channels of several, one after another: of one size and kind. Palettes, which only show the
    /// intensities of a channel in colour, are dropped.
    package static func joiningChannels(_ images: [RasterImage]) -> RasterImage {
        let first = images[0]
        guard images.count > 1 else { return first }
        let channels = images.reduce(0) { $0 + $1.channels }
        func join<Sample>(_ samples: (RasterImage) -> [Sample], empty: Sample) -> [Sample] {
            var joined = [Sample](repeating: empty, count: first.width * first.height * channels)
            var place = 0
            for image in images {
                precondition(image.width == first.width && image.height == first.height, "channels of unlike sizes")
                samples(image).withUnsafeBufferPointer { source in
                    for pixel in 0..<first.width * first.height {
                        for c in 0..<image.channels {
                            joined[pixel &* channels &+ place &+ c] = source[pixel &* image.channels &+ c]
                        }
                    }
                }
                place += image.channels
            }
            return joined
        }
        let content: Content
        if case .integers = first.content {
            content = .integers(join(\.samples, empty: 0))
        } else {
            content = .floats(
                join(
                    { image in
                        guard case .floats(let samples) = image.content else {
                            preconditionFailure("integer channels beside floats")
                        }
                        return samples
                    }, empty: 0))
        }
        return RasterImage(
            width: first.width, height: first.height, channels: channels, maximum: first.maximum, content: content,
            isWhiteZero: first.isWhiteZero)
    }
}
