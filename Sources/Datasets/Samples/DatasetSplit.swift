import Kernels
import Support

/// Which of the training images are held back for validation (`data.validation`).
public enum DatasetSplit: Hashable, Sendable {
    /// None.
    case none
    /// This share of them, more than 0 and less than 1, rounded to whole images and at least one.
    case fraction(Double)
    /// Part number `fold` (from 0) of `of` parts, as equal as can be.
    case fold(Int, of: Int)

    /// Splits `pairs`; both parts keep their order. The choice depends on the seed and the number of pairs alone, and
    /// for folds, each pair is in the validation part of exactly one fold.
    ///
    /// Throws `Failure.request` where the split is impossible or would leave a part empty.
    public func apply(to pairs: [SamplePair], seed: UInt64) throws -> (train: [SamplePair], validation: [SamplePair]) {
        guard let held = try heldBack(of: pairs.count) else { return (pairs, []) }
        var stream = RandomStream(seed: seed, use: .split)
        let chosen = Set(stream.permutation(of: pairs.count)[held])
        let train = pairs.indices.filter { !chosen.contains($0) }.map { pairs[$0] }
        let validation = pairs.indices.filter { chosen.contains($0) }.map { pairs[$0] }
        return (train, validation)
    }

    /// Which positions of the shuffled pairs are for validation.
    private func heldBack(of count: Int) throws -> Range<Int>? {
        switch self {
        case .none:
            return nil
        case .fraction(let fraction):
            guard fraction > 0, fraction < 1 else {
                throw Failure.request("data.validation.fraction is \(fraction): it must be above 0 and below 1")
            }
            guard count >= 2 else { throw Self.tooFew(count, needed: 2, key: "data.validation.fraction") }
            let rounded = Int((fraction * Double(count)).rounded())
            return 0..<min(max(rounded, 1), count - 1)
        case .fold(let fold, let parts):
            guard parts >= 2, (0..<parts).contains(fold) else {
                throw Failure.request(
                    "data.validation has fold \(fold) of \(parts): of must be at least 2 and fold between 0 and of − 1")
            }
            guard count >= parts else { throw Self.tooFew(count, needed: parts, key: "data.validation.fold") }
            return fold * count / parts..<(fold + 1) * count / parts
        }
    }

    private static func tooFew(_ count: Int, needed: Int, key: String) -> Failure {
        .request(
            "data.train has \(count) image\(count == 1 ? "" : "s"), and \(key) needs at least \(needed): add images or "
                + "leave data.validation out")
    }
}
