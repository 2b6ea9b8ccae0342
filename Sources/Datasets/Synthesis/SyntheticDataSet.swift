import Foundation
import Images
import Kernels
import Support

extension SyntheticCells {
    /// Writes images 1 to `count` as a data set that `data.train: {images: DIR/images, labels: DIR/labels}` reads:
    /// `images/cell-0001.png` …, 8-bit grey, and `labels/cell-0001.png` …, 8-bit.
    ///
    /// With two classes a label is 0 or 255, which people can see and `labels: binary` reads; with more it is the
    /// class index, for `labels: index`.
    ///
    /// Everything is drawn into a folder beside the final ones first, so that a data set is there whole or not at all. Where
    /// it is there already, nothing is written.
    ///
    /// - Returns: whether it was written, and was not there.
    /// - Throws: `Failure.request` where the folder cannot be written or holds another data set; `Failure.running` where
    ///   writing fails later.
    @discardableResult
    public func write(count: Int, to folder: String) throws -> Bool {
        guard (1...Self.largestCount).contains(count) else {
            throw Failure.request("\(count) synthetic images: choose a count from 1 to \(Self.largestCount)")
        }
        let partial = "\(folder)/.synthesize-\(ProcessInfo.processInfo.processIdentifier)"
        for part in Self.parts where !(Self.names(in: "\(folder)/\(part)") ?? []).isEmpty {
            if isThere(count: count, in: folder) { return false }
            throw Failure.request(
                "\(folder)/\(part) holds other files already: choose another folder, such as \(nextFree(folder)), or remove it"
            )
        }
        for part in Self.parts {
            try makeFolder(
                "\(partial)/\(part)", called: "the folder \(folder)/images",
                advice: "choose a folder that can be written")
        }
        defer { try? FileManager.default.removeItem(atPath: partial) }

        for number in 1...count {
            let (image, labels) = sample(number)
            let name = Self.fileName(number)
            try PNG.write(image, to: "\(partial)/images/\(name)")
            try PNG.write(labelImage(labels), to: "\(partial)/labels/\(name)")
        }
        for part in Self.parts {
            let code = AtomicFile.move("\(partial)/\(part)", to: "\(folder)/\(part)")
            guard code == 0 else {
                throw Failure.running(
                    "cannot write \(folder)/\(part) (\(Failure.systemReason(code))): choose a folder of its own")
            }
        }
        return true
    }

    /// Whether the folder holds this data set, pixel by pixel, and no other file.
    private func isThere(count: Int, in folder: String) -> Bool {
        let wanted = (1...count).map(Self.fileName)
        guard Self.parts.allSatisfy({ (Self.names(in: "\(folder)/\($0)") ?? []).sorted() == wanted }) else {
            return false
        }
        return (1...count).allSatisfy { number in
            let (image, labels) = sample(number)
            return zip(Self.parts, [image, labelImage(labels)]).allSatisfy { part, drawn in
                guard let found = try? PNG.read("\(folder)/\(part)/\(Self.fileName(number))", as: .numbers) else {
                    return false
                }
                return found.width == drawn.width && found.height == drawn.height && found.samples == drawn.samples
            }
        }
    }

    /// The name of an image and of its label: `cell-0001.png`.
    public static func fileName(_ number: Int) -> String {
        "cell-" + zeroPadded(number, digits: 4) + ".png"
    }

    private static let parts = ["images", "labels"]
    private static let largestCount = 100_000

    private func labelImage(_ labels: LabelMap) -> RasterImage {
        let samples = labels.values.map { classes == 2 ? UInt16($0) * 255 : UInt16($0) }
        return RasterImage(width: size, height: size, channels: 1, samples: samples)
    }

    private static func names(in folder: String) -> [String]? {
        try? FileManager.default.contentsOfDirectory(atPath: folder)
    }
}
