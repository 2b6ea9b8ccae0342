import Communication
import Datasets
import Foundation
import Kernels
import ObjectFiles
import Support

/// Segments the images of a folder, or one image; under `mpirun` the ranks share them out, and each large image too.
public struct PredictionJob {
    /// What became of a job.
    public struct Outcome: Sendable {
        /// All images of the job.
        public let images: Int
        /// Those whose results were there already.
        public let skipped: Int
        /// What is to be known of how the images were read.
        public let notes: [String]
    }

    private let ensemble: ModelEnsemble
    private let world: any Communicator
    private let outputs: PredictionOutputs

    private let limits: Limits

    /// Sizes in pixels above which images are handled in another way.
    public struct Limits: Sendable {
        /// Above it the ranks work on one image together, band by band, instead of each on one of its own.
        public var shared: Int
        /// Above it an image's results are TIFF files, written in strips.
        public var large: Int

        public init(shared: Int = 1 << 22, large: Int = 1 << 26) {
            self.shared = shared
            self.large = large
        }
    }

    public init(
        _ ensemble: ModelEnsemble, world: any Communicator, outputs: PredictionOutputs, limits: Limits = Limits()
    ) {
        self.limits = limits
        self.ensemble = ensemble
        self.world = world
        self.outputs = outputs
    }

    /// Writes into `folder`, which is made; called by all ranks. Images whose results are there already, from the same
    /// models, are left out.
    ///
    /// Throws `Failure.stopped` where a signal asks to stop: what is finished then counts the next time.
    ///
    /// - Parameters:
    ///   - progress: called with how far the job is.
    public func run(input: String, output folder: String, progress: (String) -> Void) throws -> Outcome {
        let (inputs, notes) = try prepared(input: input, folder: folder)
        var record: PredictionRecord?
        let todo = try world.agreeOnRoot { () throws -> [PredictionInput] in
            let read = try PredictionRecord(in: folder, ensemble)
            record = read
            let todo = inputs.filter {
                !read.isFinished($0, outputs) || !read.hasFiles($0, fileNames($0), in: folder)
            }
            removeRemains(of: inputs, in: folder)
            let wanted = Set(inputs.flatMap(fileNames))
            for input in todo {
                if !read.knows(input) { removeOutdated(input, in: folder) }
                // The same results in another format.
                let (own, others) = read.files(of: input)
                let names = PredictionNames(input.stem).pixels(
                    classes: ensemble.classes, format(input) == .png ? .tif : .png)
                for name in own.filter(names.contains) + others where !wanted.contains(name) {
                    unlink("\(folder)/\(name)")
                }
            }
            return todo
        }
        func count(_ inputs: [PredictionInput]) -> Int { inputs.reduce(0) { $0 + $1.images.count } }
        let all = count(inputs)
        let skipped = all - count(todo)
        var done = skipped
        func finish(_ inputs: [(input: PredictionInput, files: [PredictedFile])]) throws {
            _ = try world.agreeOnRoot { () throws -> Int in
                try record?.add(inputs.map { PredictionRecord.Entry($0.input, outputs, $0.files) })
                return 0
            }
            done += count(inputs.map(\.input))
            progress("\(done) of \(all) images")
        }
        func stopped() -> Failure {
            Failure(
                .stopped,
                "stopped on a signal after \(done) of \(all) images: the same command goes on from there"
            )
        }

        let isShared = { (input: PredictionInput) in
            world.size > 1 && (input.isStack || input.pixels > limits.shared)
        }
        for input in todo where isShared(input) {
            do {
                try finish([(input, try shareOut(input, into: folder, progress))])
            } catch let failure as Failure where failure.kind == .stopped {
                try? record?.sync()
                throw stopped()
            }
        }
        let rest = todo.filter { !isShared($0) }
        // This rank's, which go through the networks without a gap.
        let own = stride(from: world.rank, to: rest.count, by: world.size).map { rest[$0] }
        let stream = try world.agree {
            try predictions(of: own.flatMap { input in input.images.indices.map { (input, $0, nil) } })
        }
        defer { stream.stop() }
        for first in stride(from: 0, to: rest.count, by: world.size) {
            let round = Array(rest[first..<min(first + world.size, rest.count)])
            let ends = try world.agreeOnAll { () throws -> ImageEnd in
                guard world.rank < round.count else { return .done([]) }
                do {
                    return .done(
                        try segment(round[world.rank], stream, into: folder, among: SoloCommunicator(), progress))
                } catch {
                    return .failed(FailureRecord(error, on: world))
                }
            }
            // What the others have finished counts, whatever went wrong on one.
            try finish(zip(round, ends).compactMap { input, end in end.files.map { (input, $0) } })
            let failures = ends.compactMap(\.failure)
            if !failures.isEmpty { try? record?.sync() }
            if let failure = failures.first(where: { $0.kind != .stopped }) { throw failure }
            if !failures.isEmpty { throw stopped() }
        }
        _ = try world.agreeOnRoot { () throws -> Int in
            try record?.sync()
            return 0
        }
        return Outcome(images: all, skipped: skipped, notes: notes)
    }

    /// How the segmentation of an image by one rank alone ended.
    private enum ImageEnd: Codable {
        /// With what was written.
        case done([PredictedFile])
        case failed(FailureRecord)

        var files: [PredictedFile]? { if case .done(let files) = self { files } else { nil } }

        var failure: Failure? { if case .failed(let record) = self { record.failure } else { nil } }
    }

    // MARK: - Checks before the first image

    /// The images and notes on them, on all ranks.
    private func prepared(input: String, folder: String) throws -> (inputs: [PredictionInput], notes: [String]) {
        struct Prepared: Codable {
            let inputs: [PredictionInput]
            let notes: [String]
        }
        let prepared = try world.agreeOnRoot { () throws -> Prepared in
            let (inputs, notes) = try prepare(input: input, folder: folder)
            return Prepared(inputs: inputs, notes: notes)
        }
        return (prepared.inputs, prepared.notes)
    }

    /// The images, after a look at all that could go wrong, and notes on them; makes the folder.
    private func prepare(input: String, folder: String) throws -> (inputs: [PredictionInput], notes: [String]) {
        guard ensemble.classes <= 256 else {
            throw Failure.request(
                "\(ensemble.models[0].path) has \(ensemble.classes) classes: predict writes them as 8-bit grey, at most 256"
            )
        }
        let inputs = try PredictionInput.list(
            input, pages: ensemble.pages, joiningStacks: outputs.format == .tif)
        let originals = Dictionary(inputs.map { ($0.file.path, $0.path) }, uniquingKeysWith: { first, _ in first })
        let target = realPath(folder)
        let sources = Set(inputs.map { ($0.path as NSString).deletingLastPathComponent })
        guard !sources.contains(where: { realPath($0.isEmpty ? "." : $0) == target }) else {
            throw Failure.request("--output \(folder) is the images' own folder: choose another, or they are lost")
        }
        var owners: [String: String] = [:]
        for input in inputs {
            try check(input)
            for name in fileNames(input) {
                if let original = originals["\(target)/\(name)"] {
                    throw Failure.request("\(folder)/\(name) is the image \(original) itself: choose another --output")
                }
                if let other = owners.updateValue(input.path, forKey: name) {
                    throw Failure.request(
                        "\(other) and \(input.path) would both be written to \(folder)/\(name): rename one of them")
                }
            }
        }
        let notes =
            try ensemble.checkChannels(inputs.flatMap { zip($0.images, $0.sizes.map(\.channels)).map { ($0, $1) } })
            + SampleSource.leftOut(input, of: "--input")
        try makeFolder(folder, called: "--output \(folder)", advice: "choose a folder that can be written")
        guard access(folder, W_OK | X_OK) == 0 else {
            throw Failure.request("--output \(folder) cannot be written: \(Failure.writingReason(errno))")
        }
        return (inputs, notes)
    }

    private func format(_ input: PredictionInput) -> PredictionNames.Format {
        input.sizes.contains { $0.pixels > limits.large } ? .tif : outputs.format
    }

    /// The names of all that is written of an input.
    private func fileNames(_ input: PredictionInput) -> [String] {
        outputs.fileNames(
            PredictionNames(input.stem), images: input.imageNames, classes: ensemble.classes, format(input))
    }

    private func check(_ input: PredictionInput) throws {
        for (image, size) in zip(input.images, input.sizes) {
            try ensemble.checkMemory(image.name, size)
            // Classes; their certainty and the objects; the objects' own files.
            let bytes = (outputs.overlay || outputs.instances ? 4 : 0) + (outputs.instances ? 12 : 0)
            try MachineMemory.require(
                Double(bytes * size.pixels), for: "\(image.name) of \(size.width)×\(size.height) pixels",
                advice: "leave out --overlay, --instances, --geojson and --rois, or cut it into smaller ones")
            let side = max(size.width, size.height)
            if outputs.rois, side > ImageJROI.mostSide {
                throw Failure.request(
                    "\(image.name) has \(size.width)×\(size.height) pixels, and ImageJ's ROIs reach to \(ImageJROI.mostSide) on a side: leave out --rois (--geojson has no such limit), or cut the image"
                )
            }
        }
    }

    /// Removes what another model, or this one of another image, has left beside the classes that will be written: it would
    /// pass for a part of the new results.
    private func removeOutdated(_ input: PredictionInput, in folder: String) {
        for names in [PredictionNames(input.stem)] + input.imageNames {
            for name in names.besideClasses(classes: ensemble.classes) { unlink("\(folder)/\(name)") }
        }
    }

    /// Removes what a job that was killed has left half-written: hidden files beside their later names.
    private func removeRemains(of inputs: [PredictionInput], in folder: String) {
        unlink("\(folder)/\(PredictionRecord.name).part")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let remains = names.filter { $0.hasPrefix(".") && $0.hasSuffix(".part") }
        guard !remains.isEmpty else { return }
        let wanted = Set(
            inputs.flatMap { [PredictionNames($0.stem)] + $0.imageNames }
                .flatMap { $0.all(classes: ensemble.classes) })
        for name in remains {
            // ".NAME.PROCESS-NUMBER.part"
            let parts = name.dropFirst().split(separator: ".")
            if wanted.contains(parts.dropLast(2).joined(separator: ".")) { unlink("\(folder)/\(name)") }
        }
    }

    // MARK: - One image

    /// Opens an image whose header was read when the job began.
    private func open(_ input: PredictionInput, _ index: Int) throws -> any ImageRows {
        do {
            _ = try InputFile(input.path, called: "image \(input.path)")
        } catch let failure as Failure {
            throw failure.sinceStart
        }
        let image = try ensemble.open(input.images[index])
        guard image.asFiled.size == input.sizes[index] else {
            throw Failure.running("\(input.path) was changed while the job ran: start again")
        }
        return image
    }

    /// The probabilities of images of inputs, one after another.
    ///
    /// - Parameter images: which image of which input, and its bands; nil for all of them.
    private func predictions(
        of images: [(input: PredictionInput, index: Int, bands: [Range<Int>]?)],
        scales: [IntensityNormalization: IntensityScale]? = nil
    ) throws -> PredictionStream<any ImageRows> {
        try ensemble.stream(images.map { $0.input.sizes[$0.index] }) { place in
            let (input, index, bands) = images[place]
            let image = try open(input, index)
            return (image, try scales ?? ensemble.scales(of: image), bands ?? ensemble.bands(of: input.sizes[index]))
        }
    }

    /// A band of an image of an input.
    private struct Part {
        let image: Int
        let rows: Range<Int>
    }

    /// The bands of an input, image by image.
    private func parts(of input: PredictionInput) -> [Part] {
        input.sizes.enumerated().flatMap { image, size in
            ensemble.bands(of: size).map { Part(image: image, rows: $0) }
        }
    }

    /// Segments an image, or a stack, that the ranks share: they predict its bands in turn. Called by all ranks.
    private func shareOut(
        _ input: PredictionInput, into folder: String, _ progress: (String) -> Void
    ) throws -> [PredictedFile] {
        let parts = parts(of: input)
        let own = stride(from: world.rank, to: parts.count, by: world.size).map { parts[$0] }
        let images = Dictionary(grouping: own, by: \.image).sorted { $0.key < $1.key }.map { image, parts in
            (input: input, index: image, bands: Optional(parts.map(\.rows)))
        }
        // One measures a large image; of a stack each rank its own images.
        let scales =
            input.isStack
            ? nil
            : try world.agreeOnRoot { () throws -> [IntensityNormalization: IntensityScale] in
                try ensemble.scales(of: open(input, 0))
            }
        let stream = try world.agree { try predictions(of: images, scales: scales) }
        defer { stream.stop() }
        return try segment(input, stream, into: folder, among: world, progress)
    }

    /// Segments an input: the ranks predict its bands in turn, and the first rank writes them. Called by all of `ranks`.
    ///
    /// Throws `Failure.stopped` on all ranks where a signal came to one.
    ///
    /// - Parameter stream: this rank's bands of the input come next in it.
    /// - Returns: on the first rank, the files that it wrote, which are synced.
    private func segment(
        _ input: PredictionInput, _ stream: PredictionStream<any ImageRows>, into folder: String,
        among ranks: any Communicator, _ progress: (String) -> Void
    ) throws -> [PredictedFile] {
        let parts = parts(of: input)
        var files: PredictionFiles?
        for first in stride(from: 0, to: parts.count, by: ranks.size) {
            let own = try ranks.agree { () throws -> Tensor? in
                guard !StopSignal.isRaised else { throw Failure(.stopped, "stopped on a signal") }
                let index = first + ranks.rank
                guard index < parts.count else { return nil }
                guard let band = try stream.next(), band.rows == parts[index].rows else {
                    preconditionFailure("\(input.path): band \(index) is not what comes next")
                }
                if ranks.rank == 0, files == nil {
                    files = try PredictionFiles(
                        input, outputs, folder: folder, ensemble: ensemble, format(input)
                    ) { try open(input, $0).asFiled }
                }
                return band.probabilities
            }
            let round = Array(parts[first..<min(first + ranks.size, parts.count)])
            var failure: (any Error)?
            try gather(own, of: round, input, among: ranks) { band, part in
                guard failure == nil else { return }
                do { try files?.add(band, image: part.image, rows: part.rows) } catch { failure = error }
            }
            try ranks.agree { if let failure { throw failure } }
            if parts.count > ranks.size {
                let what = parts.count == input.images.count ? "images" : "bands"
                progress("\(input.stem): \(first + round.count) of \(parts.count) \(what)")
            }
        }
        return try ranks.agree { () throws -> [PredictedFile] in
            guard let files else { return [] }
            try files.finish()
            return try fileNames(input).map { try PredictedFile($0, in: folder) }
        }
    }

    /// Gathers the bands of a round on the first rank, which takes them in their order.
    private func gather(
        _ own: Tensor?, of round: [Part], _ input: PredictionInput, among ranks: any Communicator,
        _ take: (Tensor, Part) -> Void
    ) throws {
        guard ranks.rank == 0 else {
            if let own { try ranks.send(UnsafeRawBufferPointer(own.bytes), to: 0, tag: .predictedBand) }
            return
        }
        for (owner, part) in round.enumerated() {
            if owner == 0 {
                if let own { take(own, part) }
            } else {
                let band = Tensor(part.rows.count, input.sizes[part.image].width, ensemble.classes)
                try ranks.receive(band.bytes, from: owner, tag: .predictedBand)
                take(band, part)
            }
        }
    }
}

extension ImageRows {
    /// The image as its file has it, not as the network takes it.
    fileprivate var asFiled: any ImageRows { (self as? ConvertedRows)?.original ?? self }

    fileprivate var size: ImageShape { ImageShape(height, width, channels) }
}

extension Tensor {
    fileprivate var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(values) }
}
