import Datasets
import Images
import Support

/// An image file: size, kind of samples, images in it, their range, and resolution.
struct ImageSummary: Encodable {
    /// The smallest and the largest value of a channel.
    struct Range: Encodable {
        let channel: Int
        let minimum: Double
        let maximum: Double
        let mean: Double
    }

    let path: String
    let format: String
    let width: Int
    let height: Int
    let channels: Int
    let isPalette: Bool
    /// Full scale of a sample; 1 for floating-point.
    let fullScale: Int
    let isFloat: Bool
    /// Samples a pixel that are transparency, and left out.
    let alphaSamples: Int
    /// Images in the file as `data.pages: auto` reads it, and pages that hold them.
    let images: Int
    let pages: Int
    /// Of the file's first image.
    let ranges: [Range]
    /// Pixels a unit, across and down, where a TIFF says so.
    let resolution: [Double]?
    let resolutionUnit: String?
    /// Where a TIFF's metadata are of a program that is known: "ImageJ", "OME".
    let metadata: String?

    init(_ path: String) throws {
        self.path = path
        let all = try ImagePage.all(ofFile: path)
        let header = try all[0].readHeader()
        (width, height, channels) = (header.width, header.height, header.channels)
        (isPalette, isFloat) = (header.isPalette, header.isFloat)
        (fullScale, alphaSamples) = (Int(clamping: header.maximum), header.alphaSamples)
        images = all.count
        pages = try ImageFile.pages(path)
        ranges = try Self.ranges(all[0].read(as: .numbers))
        let kind = try ImageFile.kind(of: path)
        format =
            switch kind {
            case .png: "PNG"
            case .jpeg: "JPEG"
            case .tiff: "TIFF"
            }
        let tags = kind == .tiff ? try TIFFReader(path, page: 0).tags : nil
        resolution = tags?.resolution.map { [Double($0.x), Double($0.y)] }
        let unit = tags?.resolution == nil ? nil : tags?.resolutionUnit
        resolutionUnit = unit == .inch ? "inch" : unit == .centimetre ? "centimetre" : nil
        let description = tags?.description ?? ""
        metadata = description.hasPrefix("ImageJ=") ? "ImageJ" : description.contains("<OME") ? "OME" : nil
    }

    private static func ranges(_ image: RasterImage) -> [Range] {
        func ranges<Sample: BinaryFloatingPoint>(_ samples: [Sample]) -> [Range] {
            (0..<image.channels).map { channel in
                var (least, most, sum) = (Double.infinity, -Double.infinity, 0.0)
                for place in stride(from: channel, to: samples.count, by: image.channels) {
                    let value = Double(samples[place])
                    (least, most, sum) = (min(least, value), max(most, value), sum + value)
                }
                let count = Double(max(1, samples.count / image.channels))
                return Range(channel: channel, minimum: least, maximum: most, mean: sum / count)
            }
        }
        switch image.content {
        case .integers(let samples): return ranges(samples.map { Float($0) })
        case .floats(let samples): return ranges(samples)
        }
    }

    var text: String {
        let colors =
            isPalette
            ? "palette" : channels == 1 ? "grey" : channels == 3 ? "3 channels (colour)" : "\(channels) channels"
        let alpha = alphaSamples == 0 ? "" : " and transparency, which is left out"
        let bits = Int.bitWidth - fullScale.leadingZeroBitCount
        var facts = [
            ["image", path], ["format", format + (metadata.map { ", with metadata of \($0)" } ?? "")],
            ["size", "\(width)×\(height)"], ["channels", colors + alpha],
            [
                "samples",
                isFloat ? "floating-point, signed, or of more than 16 bits" : "\(bits) bits, values to \(fullScale)",
            ],
        ]
        if pages > 1 {
            facts.append(["images", "\(images), of \(pages) pages"])
        }
        let first = images > 1 ? " in the first image" : ""
        for range in ranges {
            facts.append([
                "range" + (ranges.count > 1 ? " \(range.channel + 1)" : ""),
                "\(significant(range.minimum)) to \(significant(range.maximum)), mean \(significant(range.mean))\(first)",
            ])
        }
        if let resolution {
            let across = resolution.map { significant($0) }
            let size = across[0] == across[1] ? across[0] : "\(across[0])×\(across[1])"
            facts.append(["resolution", "\(size) pixels" + (resolutionUnit.map { " per \($0)" } ?? " per unit")])
        }
        return aligned(facts, left: 2)
    }
}
