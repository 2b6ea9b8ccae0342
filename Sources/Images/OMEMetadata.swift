import Support

/// What OME-XML in a TIFF's ImageDescription says of where the planes of its images are (OME-TIFF specification, 2016-06).
struct OMEMetadata {
    /// A run of planes, one in each directory from `directory` on.
    private struct Block {
        var directory: Int?
        var (c, z, t) = (0, 0, 0)
        var planes: Int?
        var file: File?
    }

    /// A file as the metadata call it.
    private struct File: Equatable {
        var uuid = ""
        var name = ""
    }

    private struct Image {
        var order = "XYCZT"
        var (c, z, t) = (1, 1, 1)
        var blocks: [Block] = []
        /// PhysicalSizeX, Y and Z in micrometres, and TimeIncrement in seconds.
        var lengths: [String: Double] = [:]
        var interval: Double?
    }

    private var images: [Image] = []
    private var uuid: String?
    /// The file that has the metadata of this one.
    private var elsewhere: String?

    static func isOME(_ description: String) -> Bool {
        let text = description.trimming(while: \.isWhitespace)
        // A comment may follow.
        return text.hasPrefix("<") && (text.contains("</OME>") || text.contains(":OME>"))
    }

    /// Throws `Failure.request` where the metadata cannot be understood.
    init(_ description: String, path: String) throws {
        guard read(description) else {
            throw Failure.request(
                "image \(path) has OME metadata that are damaged: save it again, or set data.pages: images or channels")
        }
    }

    private mutating func read(_ description: String) -> Bool {
        var scanner = XMLScanner(description)
        var isInUUID = false
        while let event = scanner.next() {
            switch event {
            case .open(let name, let attributes):
                func number(_ key: String) -> Int? { attributes[key].flatMap { Int($0) } }
                switch name {
                case "OME": uuid = attributes["UUID"]
                case "BinaryOnly": elsewhere = attributes["MetadataFile"] ?? "another file"
                case "Pixels":
                    guard let order = attributes["DimensionOrder"], order.hasPrefix("XY"), let c = number("SizeC"),
                        let z = number("SizeZ"), let t = number("SizeT")
                    else { return false }
                    images.append(Image(order: String(order.dropFirst(2)), c: c, z: z, t: t))
                    for axis in ["X", "Y", "Z"] {
                        let unit = attributes["PhysicalSize\(axis)Unit"] ?? "µm"
                        guard let length = attributes["PhysicalSize\(axis)"].flatMap({ Double($0) }),
                            let micrometres = PixelSize.micrometres(of: unit)
                        else { continue }
                        images[images.count - 1].lengths[axis] = length * micrometres
                    }
                    let seconds = ["s": 1, "ms": 1e-3, "min": 60, "h": 3600]
                    images[images.count - 1].interval = attributes["TimeIncrement"].flatMap { Double($0) }.flatMap {
                        time in seconds[attributes["TimeIncrementUnit"] ?? "s"].map { time * $0 }
                    }
                case "TiffData" where !images.isEmpty:
                    let planes = number("PlaneCount") ?? number("NumPlanes")
                    images[images.count - 1].blocks.append(
                        Block(
                            directory: number("IFD"), c: number("FirstC") ?? 0, z: number("FirstZ") ?? 0,
                            t: number("FirstT") ?? 0, planes: planes))
                case "UUID":
                    guard images.last?.blocks.isEmpty == false else { break }
                    isInUUID = true
                    setFile(File(name: attributes["FileName"] ?? ""))
                default: break
                }
            case .text(let text):
                if isInUUID, let name = images.last?.blocks.last?.file?.name {
                    setFile(File(uuid: String(text.trimming(while: \.isWhitespace)), name: name))
                }
            case .close(let name):
                if name == "UUID" { isInUUID = false }
            }
        }
        return scanner.isAtEnd && (!images.isEmpty || elsewhere != nil)
    }

    private mutating func setFile(_ file: File) {
        let image = images.count - 1
        images[image].blocks[images[image].blocks.count - 1].file = file
    }

    /// What is said of the file's only image: its axes, and lines as ImageJ would write them. Nil of several.
    var calibration: (slices: Int, frames: Int, channels: Int, pixelSize: PixelSize?, lines: [String])? {
        guard let image = images.first, images.count == 1 else { return nil }
        let size = image.lengths["X"].flatMap { x in PixelSize(x: x, y: image.lengths["Y"] ?? x) }
        let lines = [
            size.map { _ in "unit=micron" }, image.lengths["Z"].map { "spacing=\($0)" },
            image.interval.map { "finterval=\($0)" },
        ]
        return (image.z, image.t, image.c, size, lines.compactMap(\.self))
    }

    // MARK: - Images

    /// More planes or pages than this are damage.
    private static let mostPlanes = 1 << 22

    /// The pages of each image's channels, in the order of the planes.
    ///
    /// Throws `Failure.request` where planes are in other files or nowhere, and where pages are left over.
    func images(of file: TIFFPages, path: String) throws -> [[Int]] {
        func refuse(_ reason: String) -> Failure {
            .request(
                "image \(path): its OME metadata \(reason); save the whole image as one file, or if its pages alone are "
                    + "meant, set data.pages: images, or remove the metadata: tiffset -s 270 \"\" \(path)")
        }
        if let elsewhere { throw refuse("are in \(elsewhere), which is not read") }
        // A file that was renamed still calls itself by its old name.
        let files = images.flatMap(\.blocks).map { $0.file?.name }
        let isRenamed =
            uuid == nil && Set(files).count == 1 && files.first != nil
            // In Double: what a damaged file claims may pass what an integer holds.
            && images.reduce(0.0, { $0 + Double($1.c) * Double($1.z) * Double($1.t) })
                == Double(file.directories * file.samples)
        var found: [[Int]] = []
        for image in images {
            // The samples of a pixel are channels too.
            let channels =
                file.samples > 1
                ? (image.c % file.samples == 0 ? image.c / file.samples : image.c < file.samples ? 1 : image.c)
                : image.c
            guard let axes = StackAxes(fastestFirst: image.order, c: channels, z: image.z, t: image.t),
                axes.count <= Self.mostPlanes
            else { throw refuse("have no sizes or no order of the planes") }
            var pages = [Int?](repeating: nil, count: axes.count)
            var others: Set<String> = []
            // The planes of an image that is alone need not be named.
            for block in image.blocks.isEmpty && images.count == 1 ? [Block()] : image.blocks {
                let isRGB = channels != image.c && block.c >= channels
                guard let start = axes.index(c: isRGB ? block.c / file.samples : block.c, z: block.z, t: block.t) else {
                    throw refuse("name a plane outside of the image")
                }
                let isHere = isRenamed || isHere(block.file, path: path)
                if !isHere { others.insert(block.file?.name ?? "another file") }
                let first = block.directory ?? 0
                guard (0...Self.mostPlanes).contains(first) else { throw refuse("name page \(first)") }
                let rest = isHere ? min(axes.count - start, file.directories - first) : axes.count - start
                let count = block.planes ?? (block.directory == nil ? rest : 1)
                guard isHere, count > 0 else { continue }
                guard count <= axes.count - start else { throw refuse("count more planes than the image has") }
                for plane in 0..<count { pages[start + plane] = file.pageOfDirectory[UInt64(first + plane)] }
            }
            let missing = pages.count { $0 == nil }
            guard missing == 0 else {
                let place =
                    others.isEmpty
                    ? "not in the file" : "in other files (\(others.sorted().prefix(3).joined(separator: ", ")))"
                throw refuse(
                    "count \(axes.count) planes, and \(missing) of them \(missing == 1 ? "is" : "are") \(place)")
            }
            found += axes.images().map { $0.compactMap { pages[$0] } }
        }
        let named = Set(found.joined())
        guard named.count == found.reduce(0, { $0 + $1.count }) else { throw refuse("name a page for two planes") }
        guard named.count < file.pages.count else { return found }
        // Pages that the metadata do not know are images all the same, unless channels lie in others.
        guard found.allSatisfy({ $0.count == 1 }) else {
            throw refuse("speak of \(found.reduce(0) { $0 + $1.count }) of the file's \(file.pages.count) pages alone")
        }
        return file.pages.indices.map { [$0] }
    }

    /// Whether planes are in the file at `path`, by its number or its name.
    private func isHere(_ file: File?, path: String) -> Bool {
        guard let file else { return true }
        if let uuid, !file.uuid.isEmpty, file.uuid == uuid { return true }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return file.name.lowercased() == name.lowercased()
    }
}

extension StringProtocol {
    /// Without the characters at both ends for which `drop` is true.
    fileprivate func trimming(while drop: (Character) -> Bool) -> SubSequence {
        let rest = self.drop(while: drop)
        guard let last = rest.lastIndex(where: { !drop($0) }) else { return rest[rest.startIndex..<rest.startIndex] }
        return rest[...last]
    }
}
