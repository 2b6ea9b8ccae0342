import Checkpoints
import Configurations
import Foundation
import Images
import Inference
import Kernels
import Support
import Sweeps

@testable import Datasets

/// The readers of what comes from outside, each fed with a file. Bytes that are no such file throw a `Failure` of one
/// line; bytes that are one hold what is checked here besides.
enum Reader: String, CaseIterable {
    case png, tiff, jpeg, safetensors, yaml, csv, sweep, hosts

    /// What a reader promises and did not keep.
    struct BrokenPromise: Error, CustomStringConvertible {
        let description: String
    }

    /// Most bytes of an input. Pictures decode to at most a thousand times as much, which bounds time and memory.
    var mostBytes: Int {
        switch self {
        case .png, .jpeg, .tiff: 8 << 10
        case .safetensors: 64 << 10
        case .yaml, .sweep, .csv: 4 << 10
        case .hosts: 1 << 10
        }
    }

    /// Reads the file; throws `BrokenPromise` for what a sanitizer would not see.
    func read(_ path: String) throws {
        do {
            switch self {
            case .png: try readPNG(path)
            case .tiff: try readTIFF(path)
            case .jpeg: try readWhole(path, pages: 1)
            case .safetensors: try readWeights(path)
            case .yaml: try readConfiguration(path)
            case .csv: try readTable(path)
            case .sweep: try readSweep(path)
            case .hosts: try HostFiles.shared.read(path)
            }
        } catch let failure as Failure {
            guard !failure.message.contains(where: \.isNewline) else {
                throw BrokenPromise(description: "a message of several lines: \(failure.message.debugDescription)")
            }
        }
    }

    // MARK: - Images

    private func readPNG(_ path: String) throws {
        let whole = try readWhole(path, pages: 1)
        guard let reader = try PNGReader(path) else { return }
        // By parts, and from the beginning once more.
        let half = max(1, reader.header.height / 2)
        for rows in [0..<half, half..<reader.header.height, 0..<1] where !rows.isEmpty {
            try expect(try reader.readRows(rows).content, whole.rows(rows).content, "rows \(rows)")
        }
    }

    private func readTIFF(_ path: String) throws {
        let pages = try ImageFile.pages(path)
        for meaning in PageMeaning.allCases {
            // Metadata that do not fit the pages are refused for `auto` alone.
            guard let images = try? ImageFile.images(path, meaning) else { continue }
            guard images.joined().allSatisfy({ (0..<pages).contains($0) }) else {
                throw BrokenPromise(description: "an image has pages that are none: \(images) of \(pages)")
            }
        }
        try readWhole(path, pages: min(pages, 3))
        let whole = try ImageFile.read(path)
        let reader = try TIFFReader(path, cacheBytes: 1 << 10)
        let half = max(1, reader.header.height / 2)
        for rows in [half..<reader.header.height, 0..<half] where !rows.isEmpty {
            try expect(try reader.readRows(rows).content, whole.rows(rows).content, "rows \(rows)")
        }
    }

    /// Reads pages whole, for both uses; returns the first as intensities.
    @discardableResult
    private func readWhole(_ path: String, pages: Int) throws -> RasterImage {
        for page in 0..<pages {
            let header = try ImageFile.readHeader(path, page: page)
            let image = try ImageFile.read(path, page: page, as: .numbers)
            try expect(
                [image.width, image.height, image.channels], [header.width, header.height, header.channels], "size")
        }
        let image = try ImageFile.read(path)
        _ = image.expandingPalette()
        return image
    }

    // MARK: - Weights

    private func readWeights(_ path: String) throws {
        let file = try SafetensorsFile(reading: path)
        _ = file.weightsDigest
        for tensor in file.tensors {
            try expect(file.values(tensor).count, tensor.count, "values of \(tensor.name)")
        }
        // Each says on its own what it cannot use; the last lays out the network.
        let uses: [() throws -> Void] = [
            { _ = try Checkpoint(reading: path) },
            { _ = try ModelEnsemble([TrainedModel(reading: path)], tile: nil, engine: Self.engine) },
        ]
        for use in uses { do { try use() } catch is Failure {} }
    }

    private static let engine = Engine(.native, threads: 1)

    // MARK: - Text

    private func readConfiguration(_ path: String) throws {
        let configuration = try Configuration.load(path: path)
        let again = try Configuration.decode(yaml: configuration.yaml, name: path)
        try expect(again, configuration, "the configuration as it is written")
    }

    private func readTable(_ path: String) throws {
        _ = try? SampleList(path)
        guard let text = String(validating: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self),
            let records = try? CSV.records(text)
        else { return }
        let rows = records.map(\.fields)
        // A row of one empty field has no text of its own, and a mark at the beginning belongs to no field.
        guard !rows.contains([""]), rows.first?.first?.unicodeScalars.first != "\u{FEFF}" else { return }
        try expect(try CSV.records(CSV.text(rows)).map(\.fields), rows, "the table as it is written")
    }

    private func readSweep(_ path: String) throws {
        let sweep = try SweepFile.load(path: path)
        try expect(try SweepFile.load(path: path), sweep, "the sweep read again")
        try expect(try sweep.trials().map(\.index), Array(0..<sweep.trials().count), "the trials' numbers")
    }

    private func expect<Value: Equatable>(_ found: Value, _ expected: Value, _ what: String) throws {
        guard found == expected else {
            throw BrokenPromise(description: "\(what) differ")
        }
    }
}
