import Checkpoints
import Communication
import Foundation
import Images
import Inference
import Kernels
import Network
import Support
import TestSupport
import Testing

/// Images whose channels are not the network's: converted where nothing is lost, else refused before anything is written.
@Suite struct ChannelConversionTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A network of random weights that takes so many channels.
    private func ensemble(_ channels: Int, normalize: Bool = false) throws -> ModelEnsemble {
        let buffer = ParameterBuffer(
            ParameterLayout(UNetArchitecture(inputChannels: channels, baseChannels: 2, depth: 1)))
        buffer.initializeWeights(seed: 3)
        let path = folder.path("net-\(channels).safetensors")
        try SafetensorsFile.write(
            buffer.layout.entries.map { entry in
                .init(name: entry.name, shape: entry.shape) {
                    buffer.layout.exportTensor(entry, from: buffer.base, to: $0)
                }
            }, metadata: [:], to: path)
        let model = try TrainedModel(
            reading: path, hints: .init(normalization: normalize ? .standardize : .unit))
        return try ModelEnsemble([model], tile: nil, engine: Engine(.native, threads: 1))
    }

    private func samples(_ count: Int, maximum: Int = 255) -> [UInt16] {
        var random = RandomStream(seed: 4, use: .synthesis, count)
        return (0..<count).map { _ in UInt16(random.uniform() * Double(maximum)) }
    }

    private func write(_ name: String, channels: Int, _ samples: [UInt16], palette: [RGBColor]? = nil) throws {
        try FileManager.default.createDirectory(
            atPath: (folder.path(name) as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try PNG.write(
            RasterImage(width: 30, height: 40, channels: channels, samples: samples, palette: palette),
            to: folder.path(name))
    }

    /// Predicts; returns the notes.
    private func predict(_ ensemble: ModelEnsemble, _ input: String, _ output: String) throws -> [String] {
        let job = PredictionJob(
            ensemble, world: SoloCommunicator(), outputs: .init(probabilities: true, instances: true))
        return try job.run(input: folder.path(input), output: folder.path(output)) { _ in }.notes
    }

    private func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(filePath: folder.path(name))) }

    @Test(
        "grey is what RGB of three equal channels is, whichever the network takes", arguments: [1, 3], [false, true])
    func bothWays(channels: Int, normalize: Bool) throws {
        let ensemble = try ensemble(channels, normalize: normalize)
        let grey = samples(30 * 40)
        try write("grey/a.png", channels: 1, grey)
        try write("rgb/a.png", channels: 3, grey.flatMap { [$0, $0, $0] })
        let ramp = (0..<256).map { RGBColor(UInt8($0), UInt8($0), UInt8($0)) }
        try write("palette/a.png", channels: 1, grey, palette: ramp)
        let notes = try ["grey", "rgb", "palette"].map { try predict(ensemble, $0, "out-\($0)") }
        let equal = "1 image is RGB without colours (R = G = B) and the model takes grey: one channel is read"
        let single = "1 image is grey and the model takes RGB: read as three equal channels"
        #expect(notes == (channels == 1 ? [[], [equal], [equal]] : [[single], [], []]))
        for name in ["a.png", "a.probability.png", "a.instances.png"] {
            #expect(try bytes("out-grey/\(name)") == bytes("out-rgb/\(name)"))
            #expect(try bytes("out-grey/\(name)") == bytes("out-palette/\(name)"))
        }
        // The table's means are of the channels that the file has.
        let columns = try ["grey", "rgb"].map { name in
            try String(decoding: bytes("out-\(name)/a.objects.csv"), as: UTF8.self).split(separator: "\n")[0].split(
                separator: ","
            ).count
        }
        #expect(columns[1] == columns[0] + 2)
    }

    @Test("16 bits and floating-point")
    func deep() throws {
        let values = samples(30 * 40, maximum: 60_000)
        for (name, channels) in [("grey16", 1), ("rgb16", 3)] {
            try PNG.write(
                RasterImage(
                    width: 30, height: 40, channels: channels, maximum: 65535,
                    samples: channels == 1 ? values : values.flatMap { [$0, $0, $0] }), to: folder.path("\(name).png"))
        }
        for channels in [1, 3] {
            let ensemble = try ensemble(channels)
            _ = try predict(ensemble, "grey16.png", "out-\(channels)")
            _ = try predict(ensemble, "rgb16.png", "out-\(channels)")
            #expect(
                try bytes("out-\(channels)/grey16.probability.png") == bytes("out-\(channels)/rgb16.probability.png"))
        }
    }

    @Test("all files are looked at before the first is written, and the first that does not fit is named")
    func refused() throws {
        let grey = samples(30 * 40)
        try write("in/a.png", channels: 1, grey)
        try write("in/b.png", channels: 3, samples(3 * 30 * 40))
        try write("in/c.png", channels: 3, grey.flatMap { [$0, $0, $0] })
        // One pixel with a colour is enough.
        try write("in/d.png", channels: 3, grey.dropLast().flatMap { [$0, $0, $0] } + [1, 2, 1])
        func refusal(_ channels: Int) throws -> String {
            let failure = try #require(throws: Failure.self) { try predict(ensemble(channels), "in", "out") }
            #expect(failure.kind == .request && !FileManager.default.fileExists(atPath: folder.path("out")))
            return failure.message
        }
        let colors = try refusal(1)
        #expect(colors.hasPrefix("image \(folder.path("in/b.png")) is RGB with colours, and \(folder.path("net-1"))"))
        #expect(colors.contains("convert in.png -colorspace Gray out.png"), "\(colors)")
        #expect(colors.hasSuffix("(1 more do not fit either)"), "\(colors)")
        #expect(!colors.contains("input_channels"))
        let two = try refusal(2)
        #expect(two.contains("in/a.png is grey (1 channel)") && two.contains("takes images of 2 channels"), "\(two)")
        #expect(two.hasSuffix("(3 more do not fit either)"), "\(two)")
    }
}
