import Checkpoints
import Datasets
import Foundation
import Images
import Inference
import Kernels
import Support
import TestSupport
import Testing

/// What `predict` writes, and what it finds done already.
@Suite struct PredictionJobTests {
    /// A network of depth 0 that knows foreground by its grey value: p = 1/(1 + exp(1 − 2·slope·x)), x from 0 to 1.
    private func model(_ folder: TemporaryFolder, slope: Float = 1, gain: Float = 1, name: String = "model") throws
        -> String
    {
        func tensor(_ name: String, _ shape: [Int], _ values: [Float]) -> SafetensorsFile.Source {
            .init(name: name, shape: shape) { for (i, value) in values.enumerated() { $0[i] = value } }
        }
        let centre: [Float] = [0, 0, 0, 0, gain, 0, 0, 0, 0]
        let path = folder.path("\(name).safetensors")
        try SafetensorsFile.write(
            [
                tensor("encoder.0.conv1.weight", [1, 1, 3, 3], centre), tensor("encoder.0.conv1.bias", [1], [0]),
                tensor("encoder.0.conv2.weight", [1, 1, 3, 3], centre), tensor("encoder.0.conv2.bias", [1], [0]),
                tensor("head.weight", [2, 1, 1, 1], [-slope, slope]), tensor("head.bias", [2], [0.5, -0.5]),
            ], metadata: [:], to: path)
        return path
    }

    /// Writes a TIFF of random dots.
    private func writeImage(
        _ folder: TemporaryFolder, _ name: String, width: Int = 37, height: Int = 300, seed: Int = 1
    ) throws {
        var random = RandomStream(seed: 4, use: .synthesis, seed)
        let samples = (0..<width * height).map { _ in UInt16(random.uniform() * 255) }
        try FileManager.default.createDirectory(
            atPath: folder.path("images"), withIntermediateDirectories: true)
        let tags = TIFFTags(resolution: (1234.5, 617), resolutionUnit: .centimetre, description: "dots")
        let writer = try TIFFWriter(folder.path("images/\(name).tif"), width: width, height: height, tags: tags)
        try writer.append(RasterImage(width: width, height: height, channels: 1, samples: samples))
        try writer.finish()
    }

    /// Runs a job on ranks that are threads; each rank's outcome, or why it failed.
    private func predict(
        _ models: [String], _ folder: TemporaryFolder, to output: String, _ outputs: PredictionOutputs = .init(),
        from input: String = "images", ranks: Int = 1, limits: PredictionJob.Limits = .init(), tile: Int? = nil,
        augment: Bool = false, threads: Int = 1
    ) throws -> Result<PredictionJob.Outcome, Failure> {
        let (input, output) = (folder.path(input), folder.path(output))
        let ends = try ThreadCommunicator.run(size: ranks, timeout: 30) {
            world -> Result<PredictionJob.Outcome, Failure> in
            let ensemble = try ModelEnsemble(
                models.map { try TrainedModel(reading: $0) }, tile: tile, augment: augment,
                engine: Engine(.native, threads: threads))
            do {
                let job = PredictionJob(ensemble, world: world, outputs: outputs, limits: limits)
                return .success(try job.run(input: input, output: output) { _ in })
            } catch let failure as Failure {
                return .failure(failure)
            }
        }
        // All ranks end alike.
        #expect(Set(ends.map { "\($0)" }).count == 1)
        return try #require(ends.first)
    }

    private func files(_ folder: TemporaryFolder, _ name: String) throws -> [String: Data] {
        try folder.files().filter { $0.key.hasPrefix("\(name)/") && !$0.key.contains("/.") }
            .reduce(into: [:]) { $0[String($1.key.dropFirst(name.count + 1))] = $1.value }
    }

    @Test("the files are the same for any number of ranks, shared by images or by bands")
    func ranks() throws {
        let folder = try TemporaryFolder()
        for number in 1...3 { try writeImage(folder, "dots-\(number)", height: 100 * number, seed: number) }
        let models = try [model(folder), model(folder, slope: 3, name: "other")]
        let outputs = PredictionOutputs(probabilities: true, overlay: true, instances: true, minimumSize: 2)
        let alone = try predict(models, folder, to: "alone", outputs, tile: 50, augment: true)
        #expect(try alone.get().images == 3)
        let expected = try files(folder, "alone")
        #expect(expected.count == 15)
        for ranks in [2, 3, 5] {
            for shared in [0, 37 * 150, Int.max] {
                let name = "out-\(ranks)-\(shared)"
                _ = try predict(
                    models, folder, to: name, outputs, ranks: ranks, limits: .init(shared: shared), tile: 50,
                    augment: true
                ).get()
                #expect(try files(folder, name) == expected)
            }
        }
    }

    @Test("the files are the same for any number of threads, whether these share images, bands or tiles")
    func threads() throws {
        let folder = try TemporaryFolder()
        for number in 1...5 { try writeImage(folder, "dots-\(number)", height: 70 * number, seed: number) }
        let models = try [model(folder), model(folder, slope: 3, name: "other")]
        let outputs = PredictionOutputs(probabilities: true, overlay: true)
        for augment in [false, true] {
            func files(_ threads: Int, ranks: Int = 1) throws -> [String: Data] {
                let name = "out-\(augment)-\(threads)-\(ranks)"
                _ = try predict(
                    models, folder, to: name, outputs, ranks: ranks, limits: .init(shared: 37 * 200), tile: 50,
                    augment: augment, threads: threads
                ).get()
                return try self.files(folder, name)
            }
            let expected = try files(1)
            #expect(expected.count == 15)
            for threads in [2, 3, 7] { #expect(try files(threads) == expected) }
            #expect(try files(3, ranks: 2) == expected)
        }
    }

    @Test("an image that is damaged behind its header stops the job, and the images before it are finished")
    func damagedAmongOthers() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("images"), withIntermediateDirectories: true)
        for number in 1...4 {
            let samples = (0..<3000).map { UInt16($0 * number * 7919 % 251) }
            let image = RasterImage(width: 60, height: 50, channels: 1, samples: samples)
            try PNG.write(image, to: folder.path("images/dots-\(number).png"))
        }
        let path = folder.path("images/dots-3.png")
        var damaged = try #require(FileManager.default.contents(atPath: path))
        damaged[damaged.count / 2] ^= 0xff
        try damaged.write(to: URL(filePath: path))
        let model = try [model(folder)]
        for threads in [1, 3] {
            guard case .failure(let failure) = try predict(model, folder, to: "out-\(threads)", threads: threads) else {
                throw Failure.running("not refused")
            }
            #expect(failure.message.contains("dots-3.png"))
            #expect(try files(folder, "out-\(threads)").keys.sorted() == ["dots-1.png", "dots-2.png"])
        }
    }

    @Test("a large image becomes TIFF files with its resolution, of the values that PNG files have")
    func largeImages() throws {
        let folder = try TemporaryFolder()
        try writeImage(folder, "dots")
        let model = try [model(folder)]
        let outputs = PredictionOutputs(probabilities: true)
        _ = try predict(model, folder, to: "png", outputs).get()
        for ranks in [1, 3] {
            let limits = PredictionJob.Limits(shared: 0, large: 37 * 299)
            _ = try predict(model, folder, to: "tif", outputs, ranks: ranks, limits: limits, tile: 30).get()
            #expect(try files(folder, "tif").keys.sorted() == ["dots.probability.tif", "dots.tif"])
            for name in ["dots", "dots.probability"] {
                let tiff = try TIFFReader(folder.path("tif/\(name).tif"))
                let raster = try tiff.readRows(0..<300)
                #expect(raster == (try PNG.read(folder.path("png/\(name).png"))))
                #expect(
                    tiff.tags == TIFFTags(resolution: (1234.5, 617), resolutionUnit: .centimetre, description: nil))
            }
        }
        // Objects and pictures are those of small images.
        let objects = PredictionOutputs(overlay: true, numbers: true, instances: true, geoJSON: true, rois: true)
        _ = try predict(model, folder, to: "png-objects", objects).get()
        _ = try predict(model, folder, to: "tif-objects", objects, ranks: 2, limits: .init(large: 100)).get()
        let (small, large) = (try files(folder, "png-objects"), try files(folder, "tif-objects"))
        #expect(
            large.keys.sorted() == [
                "dots.geojson", "dots.instances.tif", "dots.objects.csv", "dots.overlay.png", "dots.rois.zip",
                "dots.tif",
            ])
        for name in large.keys where !name.hasSuffix(".tif") { #expect(small[name] == large[name], "\(name)") }
        #expect(
            try TIFF.read(folder.path("tif-objects/dots.instances.tif"))
                == PNG.read(folder.path("png-objects/dots.instances.png")))
    }

    /// Writes a stack as ImageJ does: three slices at two times.
    private func writeStack(_ folder: TemporaryFolder, _ name: String) throws {
        try FileManager.default.createDirectory(atPath: folder.path("images"), withIntermediateDirectories: true)
        let description = "ImageJ=1.54f\nimages=6\nslices=3\nframes=2\nhyperstack=true\nunit=nm\nspacing=2.5\n"
        let writer = try TIFFWriter(
            folder.path("images/\(name).tif"), width: 40, height: 30,
            tags: TIFFTags(resolution: (0.002, 0.002), resolutionUnit: .none, description: description), pages: 6)
        for page in 0..<6 {
            if page > 0 { try writer.nextPage(width: 40, height: 30) }
            let samples = (0..<1200).map { UInt16(($0 / 40 + page) / 6 % 2 * ($0 % 40 / 9 % 2) * 250) }
            try writer.append(RasterImage(width: 40, height: 30, channels: 1, samples: samples))
        }
        try writer.finish()
    }

    @Test("with format tif a stack is one file with its axes and units, for any number of ranks")
    func stacks() throws {
        let folder = try TemporaryFolder()
        try writeStack(folder, "stack")
        try writeImage(folder, "dots", height: 40)
        let model = try [model(folder)]
        var outputs = PredictionOutputs(probabilities: true, overlay: true, instances: true, geoJSON: true, rois: true)
        #expect(try predict(model, folder, to: "pages", outputs).get().images == 7)
        outputs.format = .tif
        #expect(try predict(model, folder, to: "joined", outputs).get().images == 7)
        let joined = try files(folder, "joined")
        #expect(
            joined.keys.filter { $0.hasPrefix("stack") }.sorted()
                == (0..<6).map { "stack-000\($0).overlay.png" } + [
                    "stack.geojson", "stack.instances.tif", "stack.objects.csv", "stack.probability.tif",
                    "stack.rois.zip", "stack.tif",
                ])
        for ranks in [2, 3] {
            _ = try predict(model, folder, to: "joined-\(ranks)", outputs, ranks: ranks, tile: 20).get()
            #expect(try files(folder, "joined-\(ranks)") == joined)
        }
        for part in ["", ".probability", ".instances"] {
            let path = folder.path("joined/stack\(part).tif")
            #expect(try TIFF.pages(path) == 6)
            for page in 0..<6 {
                #expect(
                    try TIFF.read(path, page: page) == PNG.read(folder.path("pages/stack-000\(page)\(part).png")))
            }
            let tags = try TIFFReader(path).tags
            let lines = Set((tags.description ?? "").split(separator: "\n"))
            #expect(tags.resolutionUnit == .none && abs((tags.resolution?.x ?? 0) - 0.002) < 1e-6)
            #expect(lines.isSuperset(of: ["images=6", "slices=3", "frames=2", "unit=nm", "spacing=2.5"]))
        }
        // A pixel is half a micrometre wide.
        let table = try #require(joined["stack.objects.csv"].map { String(decoding: $0, as: UTF8.self) })
            .split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        let area = try #require(table[0].firstIndex(of: "area"))
        let metric = try #require(table[0].firstIndex(of: "area_um2"))
        #expect(table[0].first == "image" && Set(table.dropFirst().map { $0[0] }) == ["0", "1", "2", "3", "4", "5"])
        for line in table.dropFirst() {
            let pixels = try #require(Double(line[area]))
            #expect(pixels / 4 == Double(line[metric]))
        }
        // What another format leaves goes, and the record knows what is there.
        #expect(try predict(model, folder, to: "joined", outputs).get().skipped == 7)
        outputs.format = .png
        #expect(try predict(model, folder, to: "joined", outputs).get().skipped == 0)
        #expect(try files(folder, "joined") == files(folder, "pages"))
        // The labels of the stack pair with its images.
        let pairs = try SamplePair.predictions(
            folder.path("joined-2"), labels: folder.path("images/stack.tif"))
        #expect(pairs.map(\.image.page) == Array(0..<6))
    }

    @Test func onlyWhatIsUnfinishedIsPredictedAgain() throws {
        let folder = try TemporaryFolder()
        for number in 1...3 { try writeImage(folder, "dots-\(number)", height: 20, seed: number) }
        let first = try [model(folder)]
        func skipped(_ models: [String], _ outputs: PredictionOutputs = .init(), augment: Bool = false) throws -> Int {
            try predict(models, folder, to: "out", outputs, ranks: 2, augment: augment).get().skipped
        }
        #expect(try skipped(first) == 0)
        let expected = try files(folder, "out")
        #expect(try skipped(first) == 3)
        // A result that is gone, a record that was cut short, an image that has changed.
        try FileManager.default.removeItem(atPath: folder.path("out/dots-2.png"))
        #expect(try skipped(first) == 2)
        #expect(try files(folder, "out") == expected)
        let record = folder.path("out/.lockstep-predict.jsonl")
        let text = try String(contentsOfFile: record, encoding: .utf8).split(separator: "\n").prefix(4)
        try folder.write(text.joined(separator: "\n").dropLast(9) + "", to: "out/.lockstep-predict.jsonl")
        #expect(try skipped(first) == 2)
        #expect(try skipped(first) == 3)
        try writeImage(folder, "dots-1", height: 21, seed: 9)
        #expect(try skipped(first) == 2)
        #expect(try PNG.read(folder.path("out/dots-1.png")).height == 21)
        // What a kill has left half-written goes; what is not ours does not.
        try FileManager.default.removeItem(atPath: folder.path("out/dots-3.png"))
        for name in [".dots-3.png.77-1.part", ".dots-2.png.77-1.part", ".notes.part"] {
            try folder.write("half", to: "out/\(name)")
        }
        #expect(try skipped(first) == 2)
        let hidden = try folder.files().keys.filter { $0.hasSuffix(".part") }.sorted()
        #expect(hidden == ["out/.notes.part"])
        // More is wanted, or less; objects of another size.
        #expect(try skipped(first, .init(probabilities: true)) == 0)
        #expect(try skipped(first) == 3)
        #expect(try skipped(first, .init(instances: true)) == 0)
        #expect(try skipped(first, .init(instances: true, minimumSize: 5)) == 0)
        // Other weights, more of them, other ways.
        let other = try [model(folder, slope: 2, name: "other")]
        #expect(try skipped(other) == 0)
        #expect(try skipped(other + first) == 0)
        #expect(try skipped(other + first, augment: true) == 0)
        #expect(try skipped(other + first, augment: true) == 3)
        #expect(try skipped(first) == 0)
        try folder.write("nonsense", to: "out/.lockstep-predict.jsonl")
        #expect(try skipped(first) == 0)
    }

    @Test("what a power cut left of pictures that the record vouches for is found and predicted again")
    func damagedResults() throws {
        let folder = try TemporaryFolder()
        for number in 1...3 { try writeImage(folder, "dots-\(number)", height: 20, seed: number) }
        let model = try [model(folder)]
        let outputs = PredictionOutputs(probabilities: true, instances: true)
        func skipped(_ ranks: Int = 1) throws -> Int {
            try predict(model, folder, to: "out", outputs, ranks: ranks).get().skipped
        }
        #expect(try skipped() == 0)
        let expected = try files(folder, "out")
        for name in ["dots-2.png", "dots-2.probability.png", "dots-2.objects.csv"] {
            let whole = try #require(expected[name])
            var flipped = whole
            flipped[whole.count / 2] ^= 1
            // Empty, cut short, of nothing but zeros, with one other bit, longer, a folder's or a pipe's name.
            for damaged in [Data(), whole.dropLast(1), Data(count: whole.count), flipped, whole + [0]] {
                try folder.write(Data(damaged), to: "out/\(name)")
                #expect(try skipped(2) == 2, "\(name), \(damaged.count) bytes")
                #expect(try files(folder, "out") == expected)
            }
            unlink(folder.path("out/\(name)"))
            #expect(mkfifo(folder.path("out/\(name)"), 0o600) == 0)
            #expect(try skipped() == 2)
            #expect(try files(folder, "out") == expected)
        }
        #expect(try skipped() == 3)
    }

    @Test("a file that the record names and nobody has written is left alone")
    func foreignName() throws {
        let folder = try TemporaryFolder()
        for number in 1...2 { try writeImage(folder, "dots-\(number)", height: 20, seed: number) }
        let model = try [model(folder)]
        #expect(try predict(model, folder, to: "out").get().skipped == 0)
        let precious = try folder.write("precious", to: "out/precious.txt")
        let record = folder.path("out/.lockstep-predict.jsonl")
        let text = try String(contentsOfFile: record, encoding: .utf8)
        try folder.write(
            text.replacingOccurrences(
                of: "\"files\":[", with: "\"files\":[{\"bytes\":2,\"name\":\"precious.txt\",\"sha256\":\"0\"},"),
            to: "out/.lockstep-predict.jsonl")
        #expect(try predict(model, folder, to: "out").get().skipped == 0)
        #expect(try predict(model, folder, to: "out").get().skipped == 2)
        #expect(FileManager.default.fileExists(atPath: precious))
    }

    @Test("a record that is damaged is kept, and what it says where it can be read still counts")
    func damagedRecord() throws {
        let folder = try TemporaryFolder()
        for number in 1...3 { try writeImage(folder, "dots-\(number)", height: 20, seed: number) }
        let model = try [model(folder)]
        let name = "out/.lockstep-predict.jsonl"
        let record = folder.path(name)
        func end() throws -> Result<PredictionJob.Outcome, Failure> { try predict(model, folder, to: "out", ranks: 2) }
        #expect(try end().get().skipped == 0)
        let whole = try Data(contentsOf: URL(filePath: record))
        let lines = whole.split(separator: 10)
        // A byte that is no UTF-8 in the middle, a line of zeros, a line that ends inside a character.
        for (line, counts) in [
            (Data([0xFF]) + lines[2], 2), (Data(count: 40), 2), (Data("{\"image\": \"é".utf8).dropLast(1), 2),
        ] {
            let damaged = Data([lines[0], lines[1], line, lines[3]].map { $0 + Data([10]) }.joined())
            try folder.write(damaged, to: name)
            #expect(try end().get().skipped == counts)
            #expect(try Data(contentsOf: URL(filePath: record)).starts(with: damaged))
            #expect(try end().get().skipped == 3)
        }
        // A first line that nobody can read.
        for (number, damaged) in [
            Data("nonsense".utf8), Data(count: 50), Data([0xFE]) + whole, Data([0x7B, 0xFF, 10]),
        ].enumerated() {
            try folder.write(damaged, to: name)
            #expect(try end().get().skipped == 0)
            #expect(try Data(contentsOf: URL(filePath: record + ".damaged-\(number + 1)")) == damaged)
            #expect(try end().get().skipped == 3)
        }
        // Nothing that can be read at all.
        for spoil in [
            { #expect(mkfifo(record, 0o600) == 0) }, { #expect(mkdir(record, 0o700) == 0) },
            { #expect(symlink("nowhere", record) == 0) },
        ] {
            unlink(record)
            rmdir(record)
            spoil()
            guard case .failure(let failure) = try end() else { throw Failure.running("not refused") }
            #expect(failure.kind == .request && failure.message.contains(record))
            var status = stat()
            #expect(lstat(record, &status) == 0)
        }
        #expect(try folder.files().keys.allSatisfy { !$0.hasSuffix(".part") })
    }

    @Test("what another model left beside the classes goes, since it would pass for a part of the new results")
    func resultsOfAnotherModel() throws {
        let folder = try TemporaryFolder()
        for number in 1...2 { try writeImage(folder, "dots-\(number)", height: 20, seed: number) }
        let all = PredictionOutputs(probabilities: true, overlay: true, instances: true)
        let first = try [model(folder)]
        _ = try predict(first, folder, to: "out", all).get()
        try folder.write("mine", to: "out/notes.txt")
        // The same model's results stay, whatever is wanted besides.
        _ = try predict(first, folder, to: "out", .init(instances: true, minimumSize: 3)).get()
        #expect(try files(folder, "out").count == 11)
        _ = try predict([model(folder, slope: 3, name: "other")], folder, to: "out", ranks: 2).get()
        #expect(try files(folder, "out").keys.sorted() == ["dots-1.png", "dots-2.png", "notes.txt"])
    }

    @Test("images of several folders by wildcards; another file of the same name is another image")
    func wildcards() throws {
        let folder = try TemporaryFolder()
        for number in 1...2 { try writeImage(folder, "dots-\(number)", height: 20, seed: number) }
        let first = try [model(folder)]
        #expect(try predict(first, folder, to: "out", from: "images/dots-?.tif").get().images == 2)
        let old = folder.path("images/dots-1.tif")
        try FileManager.default.createDirectory(atPath: folder.path("more"), withIntermediateDirectories: true)
        let new = folder.path("more/dots-1.tif")
        let bytes = try Data(contentsOf: URL(filePath: folder.path("images/dots-2.tif")))
        try bytes.write(to: URL(filePath: new))
        let date = try FileManager.default.attributesOfItem(atPath: old)[.modificationDate]
        try FileManager.default.setAttributes([.modificationDate: #require(date)], ofItemAtPath: new)
        #expect(try predict(first, folder, to: "out", from: "more").get().skipped == 0)
        #expect(
            try PNG.read(folder.path("out/dots-1.png")).samples == PNG.read(folder.path("out/dots-2.png")).samples)
        _ = try predict(first, folder, to: "both", from: "*/dots-*.tif").get()
        #expect(
            try files(folder, "both").keys.sorted() == ["images-dots-1.png", "images-dots-2.png", "more-dots-1.png"])
        guard case .failure(let failure) = try predict(first, folder, to: "out", from: "none/*.tif") else {
            throw Failure.running("not refused")
        }
        #expect(failure.kind == .request && failure.message.contains("none"))
    }

    @Test("an original that a link leads to is not written over")
    func originals() throws {
        let folder = try TemporaryFolder()
        try writeImage(folder, "dots", height: 20)
        let original = folder.path("data/a.png")
        try FileManager.default.createDirectory(atPath: folder.path("data"), withIntermediateDirectories: true)
        let image = try ImageFile.read(folder.path("images/dots.tif"))
        try PNG.write(image, to: original)
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("images/a.png"), withDestinationPath: original)
        guard case .failure(let failure) = try predict([model(folder)], folder, to: "data", ranks: 2) else {
            throw Failure.running("not refused")
        }
        #expect(failure.kind == .request && failure.message.contains("a.png is the image"))
        #expect(try PNG.read(original) == image)
    }

    @Test("what other ranks finished before one failed counts")
    func failureOfOneRank() throws {
        let folder = try TemporaryFolder()
        for number in 1...3 { try writeImage(folder, "dots-\(number)", height: 20, seed: number) }
        let path = URL(filePath: folder.path("images/cut.png"))
        try PNG.write(ImageFile.read(folder.path("images/dots-1.tif")), to: path.path)
        let whole = try Data(contentsOf: path)
        try whole.dropLast(14).write(to: path)
        let first = try [model(folder)]
        guard case .failure(let failure) = try predict(first, folder, to: "out", ranks: 2) else {
            throw Failure.running("not refused")
        }
        #expect(failure.message.contains("cut.png is cut short"))
        try whole.write(to: path)
        let outcome = try predict(first, folder, to: "out", ranks: 2).get()
        #expect(outcome.images == 4 && outcome.skipped == 1)
    }

    @Test func aNetworkThatAnswersNoNumbers() throws {
        let folder = try TemporaryFolder()
        try writeImage(folder, "dots", height: 20)
        let end = try predict([model(folder, gain: 1e30)], folder, to: "out", .init(probabilities: true), ranks: 2)
        guard case .failure(let failure) = end else { throw Failure.running("not refused") }
        #expect(
            failure.kind == .running
                && failure.message.contains("images/dots.tif: the network's answer is not a number"))
        #expect(try files(folder, "out").isEmpty)
    }

    @Test func pagesAndNamesThatClash() throws {
        let folder = try TemporaryFolder()
        try writeImage(folder, "dots", height: 20)
        let model = try [model(folder)]
        let vectors = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../ImagesTests/Vectors/stack.tif").standardizedFileURL
        try folder.write(try Data(contentsOf: vectors), to: "images/stack.tif")
        let pages = try TIFF.pages(vectors.path)
        #expect(pages > 1)
        #expect(try predict(model, folder, to: "out").get().images == pages + 1)
        let names = try files(folder, "out").keys.sorted()
        #expect(names.prefix(3) == ["dots.png", "stack-0000.png", "stack-0001.png"] && names.count == pages + 1)
        // Two images of one stem, and one whose name is another's result.
        for (clash, wanted) in [
            ("dots.jpg", PredictionOutputs()), ("dots.probability.tif", PredictionOutputs(probabilities: true)),
        ] {
            try folder.write(try Data(contentsOf: URL(filePath: folder.path("images/dots.tif"))), to: "images/\(clash)")
            guard case .failure(let failure) = try predict(model, folder, to: "clash", wanted) else {
                throw Failure.running("not refused")
            }
            #expect(failure.kind == .request && failure.message.contains(clash))
            try FileManager.default.removeItem(atPath: folder.path("images/\(clash)"))
        }
        #expect(try files(folder, "clash").isEmpty)
    }

    @Test func moreObjectsThanSixteenBitsNumber() throws {
        let folder = try TemporaryFolder()
        let side = 363
        let samples = (0..<side * side).map { UInt16(($0 / side + $0 % side) % 2 * 255) }
        try FileManager.default.createDirectory(atPath: folder.path("images"), withIntermediateDirectories: true)
        try PNG.write(
            RasterImage(width: side, height: side, channels: 1, samples: samples), to: folder.path("images/a.png"))
        let model = try [model(folder)]
        let end = try predict(model, folder, to: "out", .init(instances: true))
        guard case .failure(let failure) = end else { throw Failure.running("not refused") }
        #expect(failure.message.contains("65884 objects") && failure.message.contains("--minimum-size"))
        #expect(try files(folder, "out").isEmpty)
        _ = try predict(model, folder, to: "out", .init(instances: true, minimumSize: 2)).get()
        #expect(Set(try PNG.read(folder.path("out/a.instances.png")).samples) == [0])
    }
}
