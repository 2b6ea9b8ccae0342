import Communication
import Datasets
import Foundation
import Kernels
import Metrics
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
        /// Above it an image's results are TIFF files, written in strips; objects and overlays, which need the whole image
        /// in memory, are refused.
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
            for input in todo where !read.knows(input) { removeOutdated(input, in: folder) }
            return todo
        }
        let skipped = inputs.count - todo.count
        var done = skipped
        func finish(_ inputs: [(input: PredictionInput, files: [PredictedFile])]) throws {
            _ = try world.agreeOnRoot { () throws -> Int in
                try record?.add(inputs.map { PredictionRecord.Entry($0.input, outputs, $0.files) })
                return 0
            }
            done += inputs.count
            progress("\(done) of \(todo.count + skipped) images")
        }
        func stopped() -> Failure {
            Failure(
                .stopped,
                "stopped on a signal after \(done) of \(todo.count + skipped) images: the same command goes on from there"
            )
        }

        let isShared = { (input: PredictionInput) in world.size > 1 && input.pixels > limits.shared }
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
            try ensemble.stream(own.map(\.size)) { index in
                let image = try open(own[index])
                return (image, try ensemble.scales(of: image), ensemble.bands(of: own[index].size))
            }
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
        return Outcome(images: inputs.count, skipped: skipped, notes: notes)
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
        let inputs = try PredictionInput.list(input, pages: ensemble.pages)
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
            try ensemble.checkChannels(inputs.map { ($0.image, $0.channels) })
            + SampleSource.leftOut(input, of: "--input")
        try makeFolder(folder, called: "--output \(folder)", advice: "choose a folder that can be written")
        guard access(folder, W_OK | X_OK) == 0 else {
            throw Failure.request("--output \(folder) cannot be written: \(Failure.systemReason(errno))")
        }
        return (inputs, notes)
    }

    private func isLarge(_ input: PredictionInput) -> Bool { input.pixels > limits.large }

    private func format(_ input: PredictionInput) -> PredictionNames.Format { isLarge(input) ? .tif : .png }

    /// The names of all that is written of an image.
    private func fileNames(_ input: PredictionInput) -> [String] {
        outputs.fileNames(PredictionNames(input.stem), classes: ensemble.classes, format(input))
    }

    private func check(_ input: PredictionInput) throws {
        try ensemble.checkMemory(input.path, input.size)
        let size = "\(input.path) has \(input.width)×\(input.height) pixels, and"
        if isLarge(input), outputs.instances || outputs.overlay {
            throw Failure.request(
                "\(size) \(outputs.instances ? "--instances" : "--overlay") needs the whole image in memory, at most \(limits.large) pixels: cut it into smaller ones"
            )
        }
        if outputs.instances, input.width + input.height > DistanceTransform.mostSides {
            throw Failure.request(
                "\(size) --instances measures distances where height and width are at most \(DistanceTransform.mostSides) together: cut it into shorter ones"
            )
        }
    }

    /// Removes what another model, or this one of another image, has left beside the classes that will be written: it would
    /// pass for a part of the new results.
    private func removeOutdated(_ input: PredictionInput, in folder: String) {
        for name in PredictionNames(input.stem).besideClasses(classes: ensemble.classes) { unlink("\(folder)/\(name)") }
    }

    /// Removes what a job that was killed has left half-written: hidden files beside their later names.
    private func removeRemains(of inputs: [PredictionInput], in folder: String) {
        unlink("\(folder)/\(PredictionRecord.name).part")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let remains = names.filter { $0.hasPrefix(".") && $0.hasSuffix(".part") }
        guard !remains.isEmpty else { return }
        let wanted = Set(inputs.flatMap { PredictionNames($0.stem).all(classes: ensemble.classes) })
        for name in remains {
            // ".NAME.PROCESS-NUMBER.part"
            let parts = name.dropFirst().split(separator: ".")
            if wanted.contains(parts.dropLast(2).joined(separator: ".")) { unlink("\(folder)/\(name)") }
        }
    }

    // MARK: - One image

    /// Opens an image whose header was read when the job began.
    private func open(_ input: PredictionInput) throws -> any ImageRows {
        do {
            _ = try InputFile(input.path, called: "image \(input.path)")
        } catch let failure as Failure {
            throw failure.sinceStart
        }
        let image = try ensemble.open(input.image)
        let found = (image as? ConvertedRows)?.original ?? image
        guard ImageShape(found.height, found.width, found.channels) == input.size else {
            throw Failure.running("\(input.path) was changed while the job ran: start again")
        }
        return image
    }

    /// Segments an image that the ranks share: they predict its bands in turn. Called by all ranks.
    private func shareOut(
        _ input: PredictionInput, into folder: String, _ progress: (String) -> Void
    ) throws -> [PredictedFile] {
        let image = try world.agree { try open(input) }
        let scales = try world.agreeOnRoot { try ensemble.scales(of: image) }
        let bands = ensemble.bands(of: input.size)
        let own = stride(from: world.rank, to: bands.count, by: world.size).map { bands[$0] }
        let stream = try world.agree { try ensemble.stream([input.size]) { _ in (image, scales, own) } }
        defer { stream.stop() }
        return try segment(input, stream, into: folder, among: world, progress)
    }

    /// Segments an image: the ranks predict its bands in turn, and the first rank writes them. Called by all of `ranks`.
    ///
    /// Throws `Failure.stopped` on all ranks where a signal came to one.
    ///
    /// - Parameter stream: this rank's bands of the image come next in it.
    /// - Returns: on the first rank, the files that it wrote, which are synced.
    private func segment(
        _ input: PredictionInput, _ stream: PredictionStream<any ImageRows>, into folder: String,
        among ranks: any Communicator, _ progress: (String) -> Void
    ) throws -> [PredictedFile] {
        let bands = ensemble.bands(of: input.size)
        var written: (files: PredictionFiles, image: any ImageRows)?
        for first in stride(from: 0, to: bands.count, by: ranks.size) {
            let own = try ranks.agree { () throws -> Tensor? in
                guard !StopSignal.isRaised else { throw Failure(.stopped, "stopped on a signal") }
                let index = first + ranks.rank
                guard index < bands.count else { return nil }
                guard let band = try stream.next(), band.rows == bands[index] else {
                    preconditionFailure("\(input.path): band \(index) is not what comes next")
                }
                if ranks.rank == 0, written == nil {
                    let tags = band.image.tags
                    written = (
                        try PredictionFiles(
                            input, outputs, folder: folder, ensemble: ensemble, tags: tags, format(input)), band.image
                    )
                }
                return band.probabilities
            }
            let round = Array(bands[first..<min(first + ranks.size, bands.count)])
            var failure: (any Error)?
            try gather(own, of: round, width: input.width, among: ranks) { band, rows in
                guard failure == nil else { return }
                do { try written?.files.add(band, rows: rows) } catch { failure = error }
            }
            try ranks.agree { if let failure { throw failure } }
            if bands.count > ranks.size {
                progress("\(input.stem): \(first + round.count) of \(bands.count) bands")
            }
        }
        return try ranks.agree { () throws -> [PredictedFile] in
            guard let (files, image) = written else { return [] }
            try files.finish(image)
            return try fileNames(input).map { try PredictedFile($0, in: folder) }
        }
    }

    /// Gathers the bands of a round on the first rank, which takes them in their order.
    private func gather(
        _ own: Tensor?, of round: [Range<Int>], width: Int, among ranks: any Communicator,
        _ take: (Tensor, Range<Int>) -> Void
    ) throws {
        guard ranks.rank == 0 else {
            if let own { try ranks.send(UnsafeRawBufferPointer(own.bytes), to: 0, tag: .predictedBand) }
            return
        }
        for (owner, rows) in round.enumerated() {
            if owner == 0 {
                if let own { take(own, rows) }
            } else {
                let band = Tensor(rows.count, width, ensemble.classes)
                try ranks.receive(band.bytes, from: owner, tag: .predictedBand)
                take(band, rows)
            }
        }
    }
}

extension Tensor {
    fileprivate var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(values) }
}
