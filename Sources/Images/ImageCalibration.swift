import Synchronization

/// What an image's file says of the scale of its pixels, and of the stack that its images make.
public struct ImageCalibration: Sendable, Equatable {
    /// Nil where the file does not know it.
    public var pixelSize: PixelSize?
    /// Of the first page, or what PNG's pHYs says.
    public var tags = TIFFTags()
    /// The slices and frames of the file's images, slices first; nil where it does not say.
    public var stack: (slices: Int, frames: Int)?
    /// Channels that are pages of their own.
    public var channels = 1
    /// What ImageJ's description, or OME's metadata, say of units and distances, as lines of ImageJ's; nil where the file
    /// has neither.
    private var lines: [String]?

    public static func == (a: ImageCalibration, b: ImageCalibration) -> Bool {
        a.pixelSize == b.pixelSize && a.tags == b.tags && a.channels == b.channels && a.lines == b.lines
            && a.stack?.slices == b.stack?.slices && a.stack?.frames == b.stack?.frames
    }

    public init() {}

    /// Reads a file's.
    ///
    /// Throws `Failure.request` where it is missing, unreadable or no image.
    public init(_ path: String) throws {
        switch try ImageFile.kind(of: path) {
        case .jpeg: break
        case .png:
            tags = try PNGMetadata(path).tags
            pixelSize = PixelSize(tags)
        case .tiff: try readTIFF(path)
        }
    }

    private mutating func readTIFF(_ path: String) throws {
        tags = try TIFFReader(path).tags
        let description = try TIFFPages(path).description
        tags.description = nil
        guard let description else {
            pixelSize = PixelSize(tags)
            return
        }
        if let imageJ = ImageJDescription(description) {
            stack = (imageJ.slices, imageJ.frames)
            channels = imageJ.channels
            lines = imageJ.calibration
            let unit = imageJ.unit
            if let micrometres = unit.flatMap(PixelSize.micrometres), let resolution = tags.resolution {
                pixelSize = PixelSize(
                    x: micrometres / Double(resolution.x), y: micrometres / Double(resolution.y))
            } else if unit == nil {
                pixelSize = PixelSize(tags)
            }
        } else if let ome = Self.metadata(description, path)?.calibration {
            stack = (ome.slices, ome.frames)
            channels = ome.channels
            lines = ome.lines
            pixelSize = ome.pixelSize
            if let size = ome.pixelSize {
                // ImageJ's unit, in which its lines are.
                tags = TIFFTags(resolution: (Float(1 / size.x), Float(1 / size.y)), resolutionUnit: .none)
            } else {
                pixelSize = PixelSize(tags)
            }
        } else {
            pixelSize = PixelSize(tags)
        }
    }

    /// OME's metadata that were read last: they are as long as the stack, whose images are written one after another.
    private static let last = Mutex<(description: String, metadata: OMEMetadata)?>(nil)

    /// Nil where there are none, or damaged ones.
    private static func metadata(_ description: String, _ path: String) -> OMEMetadata? {
        if let known = last.withLock({ $0?.description == description ? $0?.metadata : nil }) { return known }
        guard OMEMetadata.isOME(description), let metadata = try? OMEMetadata(description, path: path) else {
            return nil
        }
        last.withLock { $0 = (description, metadata) }
        return metadata
    }

    /// The slices and frames, where the file's images are as many.
    private func axes(ofImages images: Int) -> (slices: Int, frames: Int)? {
        guard let stack, stack.slices > 0, images % stack.slices == 0, images / stack.slices == stack.frames else {
            return nil
        }
        return stack
    }

    /// Whether ImageJ shows it with several of its sliders.
    public var isHyperstack: Bool {
        channels > 1 || stack.map { $0.slices > 1 && $0.frames > 1 } == true
    }

    /// The place of the file's image number `image`, from 0; nil where the file does not say how its images lie.
    public func place(ofImage image: Int, of images: Int) -> (slice: Int, frame: Int)? {
        guard let stack = axes(ofImages: images) else { return nil }
        return (image % stack.slices, image / stack.slices)
    }

    /// The tags of a file of results, one page for each of the file's images: its resolution, and a description as ImageJ
    /// writes it where the file had ImageJ's or OME's.
    ///
    /// - Parameters:
    ///   - images: of the file.
    ///   - largest: value of a pixel, which is shown white.
    public func tags(forImages images: Int, upTo largest: Int) -> TIFFTags {
        guard let lines else { return tags }
        var all = ["ImageJ=1.54f"]
        if images > 1 {
            all.append("images=\(images)")
            if let stack = axes(ofImages: images) {
                if stack.slices > 1 { all.append("slices=\(stack.slices)") }
                if stack.frames > 1 { all.append("frames=\(stack.frames)") }
                if stack.slices > 1, stack.frames > 1 { all.append("hyperstack=true") }
            } else {
                all.append("slices=\(images)")
            }
        }
        all += lines
        if images > 1 { all.append("loop=false") }
        all += ["min=0.0", "max=\(largest).0"]
        return TIFFTags(
            resolution: tags.resolution, resolutionUnit: tags.resolutionUnit,
            description: all.joined(separator: "\n") + "\n")
    }
}
