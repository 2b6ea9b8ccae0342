import Checkpoints
import Configurations
import Datasets
import Foundation
import Inference
import Kernels
import Metrics
import Support

/// What a run's best checkpoint makes of the run's validation images today: the scores that `evaluate` gives, and pictures.
struct Review {
    let scores: SegmentationScores
    let gallery: Gallery
    /// The step of the checkpoint.
    let step: Int
    let images: Int
    /// What is to be known of how this came about.
    let notes: [String]

    /// Evaluates the checkpoint; throws where it, or the images, cannot be read from here.
    ///
    /// - Parameters:
    ///   - path: the checkpoint's file.
    ///   - threads: that compute.
    init(
        of path: String, in directory: RunDirectory, evaluation: EvaluationJob, threads: Int,
        progress: (String) throws -> Void
    ) throws {
        let model = try TrainedModel(reading: path)
        guard let configuration = model.configuration else {
            throw Failure.request("\(path) does not say which images it was validated on")
        }
        let samples = try Self.samples(of: configuration, directory)
        guard !samples.validation.isEmpty else { throw Failure.request("the run has no validation images") }
        let ensemble = try ModelEnsemble([model], tile: nil, engine: Engine(.native, threads: threads))
        let data = configuration.data
        let selection = GallerySelection(metric: Self.metric(of: configuration))
        var done = 0
        try progress("evaluating \(samples.validation.count) validation images")
        let outcome = try evaluation.run(
            ensemble, pairs: samples.validation,
            truth: TruthEncoding(data.labels, ignoreValue: data.ignoreIndex, ignoreColor: data.ignoreColor)
        ) { segmented in
            selection.add(segmented)
            done += 1
            try progress("evaluated \(done) of \(samples.validation.count) validation images")
        }
        scores = outcome.overall
        images = samples.validation.count
        step = try SafetensorsFile(reading: path).checkpoint?.step ?? 0
        gallery = try selection.gallery(
            reader: SampleReader(
                inputChannels: ensemble.inputChannels, classes: ensemble.classes, encoding: data.labels,
                normalization: data.normalize),
            names: configuration.model.names, colors: configuration.pictureColors)
        let isOther = model.imagesDigest.map { $0 != SamplePair.digest(samples.train, samples.validation) } ?? false
        notes =
            outcome.notes
            + (isOther ? ["the images that the configuration names are others than the run began with"] : [])
    }

    /// By what an image is good or bad: what the run was validated by, where one image has such a score.
    private static func metric(of configuration: Configuration) -> SegmentationMetric {
        configuration.validation.metric.family.contains(.warping) ? .iou : configuration.validation.metric
    }

    /// The run's images: as its configuration names them from here, else from where the run was started.
    private static func samples(
        of configuration: Configuration, _ directory: RunDirectory
    ) throws -> (train: [SamplePair], validation: [SamplePair]) {
        do {
            let samples = try configuration.samples()
            return (samples.train, samples.validation)
        } catch {
            var moved = configuration
            guard let root = configuration.startingFolder(ofRun: directory.path) else { throw error }
            moved.data.root = root
            guard let samples = try? moved.samples() else { throw error }
            return (samples.train, samples.validation)
        }
    }
}
