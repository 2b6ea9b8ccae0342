import Datasets

extension Configuration {
    /// The training and validation images, and what is to be known of how they were found.
    ///
    /// Throws `Failure.request` where there are none, or they cannot be paired with labels.
    package func samples() throws -> (train: [SamplePair], validation: [SamplePair], remarks: [String]) {
        let train = try data.train.samples(pages: data.pages, resolve: data.resolve)
        switch data.validation {
        case .samples(let source):
            let validation = try source.samples(pages: data.pages, resolve: data.resolve)
            return (train.pairs, validation.pairs, train.remarks + validation.remarks)
        case .split(let split):
            let (rest, validation) = try split.apply(to: train.pairs, seed: seed)
            return (rest, validation, train.remarks)
        }
    }
}
