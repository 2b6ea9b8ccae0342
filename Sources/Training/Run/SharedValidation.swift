import Communication
import FailureDetection
import Network
import Support

/// A validation that the workers share (`validation.on: workers`): with the weights that all have at that step, each
/// predicts the images that are its own, and goes on training when all are done.
struct SharedValidation {
    let validator: Validator
    let workers: any Communicator
    let recorder: Recorder

    /// Called by all workers, and the same on all; what goes wrong on one is thrown on all. `counting` as in
    /// `Validator.measure`.
    func run(
        _ weights: ParameterBuffer, step: Int, counting: (_ number: Int, _ of: Int) throws -> Void
    ) throws -> Validator.Findings {
        let watch = StopWatch()
        let shares = try workers.agreeOnAll {
            let own = try recorder.during(.validation, step: step) {
                try validator.measure(
                    weights, share: (workers.rank, workers.size), progress: recorder.advance, counting: counting)
            }
            try recorder.enter(.waiting, step: step)
            return own
        }
        return Validator.Findings(images: shares.flatMap { $0 }, seconds: watch.seconds)
    }
}
