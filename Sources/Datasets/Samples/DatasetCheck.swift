import Kernels
import Metrics
import Support

/// The result of reading all of a rank's share of a data set.
public struct DatasetCheck: Sendable {
    /// The first pair of the share that cannot be used, by its position in the set, and why. Ranks that compare their
    /// positions agree on the earliest.
    public internal(set) var failure: (position: Int, reason: Failure)?
    /// What the samples show that were read; with a failure, those before it.
    public internal(set) var part: DatasetPart
}

/// Reads every pair whose position leaves `share.index` when divided by `share.of`, decoding all of it, so that damaged
/// files and labels outside the classes are found before the first step. Stops at the share's first failure.
///
/// The samples go through `cache`, where training finds them again; not where `keeping` is false, since this rank has no
/// further use for them. `progress` is told of each image before it is read.
public func checkSamples(
    _ pairs: [SamplePair], cache: SampleCache, share: (index: Int, of: Int) = (0, 1), keeping: Bool = true,
    progress: (_ image: String) throws -> Void = { _ in }
) -> DatasetCheck {
    precondition(share.of > 0 && (0..<share.of).contains(share.index), "share \(share.index) of \(share.of)")
    var check = DatasetCheck(part: DatasetPart(classes: cache.reader.classes))
    for position in stride(from: share.index, to: pairs.count, by: share.of) {
        do {
            try progress(pairs[position].image.name)
            let sample = try cache.load(pairs[position], keeping: keeping)
            let labels = sample.labels
            guard !cache.hasBorderTerm || labels.height + labels.width <= DistanceTransform.mostSides else {
                throw Failure.request(
                    "image \(pairs[position].image.name) has \(labels.width)×\(labels.height) pixels, and loss.border measures "
                        + "distances where height and width are at most \(DistanceTransform.mostSides) together: cut it into "
                        + "shorter ones, or remove loss.border")
            }
            guard max(labels.height, labels.width) <= Resampling.mostSide else {
                throw Failure.request(
                    "image \(pairs[position].image.name) has \(labels.width)×\(labels.height) pixels, and training places "
                        + "pixels up to \(Resampling.mostSide) along a side: cut it into shorter ones")
            }
            check.part.add(sample, of: pairs[position], position: position)
        } catch {
            let reason = Failure(wrapping: error, "sample \(pairs[position].stem) cannot be read")
            check.failure = (position, reason)
            break
        }
    }
    return check
}
