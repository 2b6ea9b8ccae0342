import Checkpoints
import Foundation
import Images
import Inference
import Kernels
import Support
import TestSupport
import Testing

/// Which images a file holds to a model, and how they lie, from the files of the tests of Images.
@Suite struct PredictedFilesTests {
    /// A network of depth 0 that says class 1 where the last of its channels is above one half.
    ///
    /// - Parameter pages: `data.pages` of its run; nil: the file has weights alone.
    private func model(_ folder: TemporaryFolder, channels: Int, pages: PageMeaning? = nil) throws -> String {
        func tensor(_ name: String, _ shape: [Int], _ values: [Float]) -> SafetensorsFile.Source {
            .init(name: name, shape: shape) { for (i, value) in values.enumerated() { $0[i] = value } }
        }
        let centre: [Float] = [0, 0, 0, 0, 1, 0, 0, 0, 0]
        let first = [Float](repeating: 0, count: 9 * (channels - 1)) + centre
        let yaml = """
            model: {input_channels: \(channels), classes: 2, base_channels: 1, depth: 0, padding: same}
            data: {train: {images: a, labels: b}, normalize: unit, tile: 0, pages: \(pages?.rawValue ?? "auto")}
            """
        let path = folder.path("model.safetensors")
        try SafetensorsFile.write(
            [
                tensor("encoder.0.conv1.weight", [1, channels, 3, 3], first),
                tensor("encoder.0.conv1.bias", [1], [0]), tensor("encoder.0.conv2.weight", [1, 1, 3, 3], centre),
                tensor("encoder.0.conv2.bias", [1], [0]), tensor("head.weight", [2, 1, 1, 1], [-1, 1]),
                tensor("head.bias", [2], [0.5, -0.5]),
            ],
            metadata: pages == nil
                ? [:]
                : [
                    // As a version wrote it that had no hashes.
                    "lockstep.version": "0.2.0", "lockstep.configuration": yaml, "lockstep.step": "0",
                    "lockstep.elapsed_seconds": "0",
                ], to: path)
        return path
    }

    /// The names and class images of what is predicted of a file.
    private func predict(_ name: String, _ model: String, _ folder: TemporaryFolder) throws -> [String: RasterImage] {
        let input = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../ImagesTests/Vectors/variants/\(name)").standardizedFileURL.path
        _ = try ThreadCommunicator.run(size: 1, timeout: 30) { world in
            let ensemble = try ModelEnsemble(
                [TrainedModel(reading: model)], tile: nil, engine: Engine(.native, threads: 1))
            return try PredictionJob(ensemble, world: world, outputs: .init(), limits: .init())
                .run(input: input, output: folder.path("out")) { _ in }.images
        }
        let names = try folder.files().keys.filter { $0.hasPrefix("out/") && $0.hasSuffix(".png") }
        return try Dictionary(
            uniqueKeysWithValues: names.map { ($0.dropFirst(4).description, try PNG.read(folder.path($0))) })
    }

    private func classes(page: Int) -> [UInt16] {
        (0..<13).flatMap { row in (0..<17).map { (31 * row + 7 * $0 + 101 * page) % 251 > 127 ? 255 : 0 } }
    }

    @Test(
        "Channels in pages are segmented as one image",
        arguments: [
            ("imagej-t2-c2.tif", 2, nil, ["imagej-t2-c2-0000.png": 1, "imagej-t2-c2-0001.png": 3]),
            ("c2.ome.tif", 2, nil, ["c2.png": 1]),
            (
                "t2-c2-z2.ome.tif", 2, .auto,
                [
                    "t2-c2-z2-0000.png": 2, "t2-c2-z2-0001.png": 3, "t2-c2-z2-0002.png": 6, "t2-c2-z2-0003.png": 7,
                ]
            ),
            ("plain-pages.tif", 3, .channels, ["plain-pages.png": 2]),
            (
                "imagej-16-bits.tif", 1, .images,
                [
                    "imagej-16-bits-0000.png": 0, "imagej-16-bits-0001.png": 1, "imagej-16-bits-0002.png": 2,
                    "imagej-16-bits-0003.png": 3,
                ]
            ),
            (
                "imagej-order-zct.tif", 2, nil,
                ["imagej-order-zct-0000.png": 3, "imagej-order-zct-0001.png": 4, "imagej-order-zct-0002.png": 5]
            ),
        ] as [(String, Int, PageMeaning?, [String: Int])])
    func channels(_ name: String, _ channels: Int, _ pages: PageMeaning?, _ expected: [String: Int]) throws {
        let folder = try TemporaryFolder()
        let found = try predict(name, model(folder, channels: channels, pages: pages), folder)
        #expect(found.mapValues(\.samples) == expected.mapValues { classes(page: $0) })
    }

    @Test("What a model was trained with goes before a file's metadata")
    func theKeyOfTheRun() throws {
        let folder = try TemporaryFolder()
        let model = try model(folder, channels: 2, pages: .images)
        #expect(throws: Failure.self) { try predict("imagej-t2-c2.tif", model, folder) }
    }

    @Test("A prediction lies as its image is shown", arguments: 1...8)
    func orientation(_ orientation: Int) throws {
        let folder = try TemporaryFolder()
        let model = try model(folder, channels: 1)
        let shown = try ImageFile.read(
            URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../ImagesTests/Vectors/variants/orientation\(orientation).png")
                .standardizedFileURL.path)
        for format in ["png", "tif"] {
            let found = try predict("orientation\(orientation).\(format)", model, folder)
            let classes = try #require(found["orientation\(orientation).png"])
            #expect(classes.width == (orientation < 5 ? 37 : 29) && classes.height == (orientation < 5 ? 29 : 37))
            #expect(classes.samples == shown.samples.map { $0 > 127 ? 255 : 0 })
        }
    }
}
