/// What a process has found a slot's gradient to be.
package struct AuditOpinion: Codable, Sendable, Hashable {
    /// Whose it is: "rank 2 on node7".
    let name: String
    /// `GradientBuckets.hash`.
    let hash: UInt64

    package init(name: String, hash: UInt64) {
        self.name = name
        self.hash = hash
    }

    /// The host in the name.
    fileprivate var host: Substring { name.split(separator: " ").last ?? "" }
}

/// Two workers that have found different gradients of a slot.
package struct AuditDispute {
    let step: Int
    let slot: Int
    /// What the two found in the step, the worker's whose slot it is and the one's that computed it again.
    let first: (worker: AuditOpinion, auditor: AuditOpinion)
    /// What they find when they compute it once more.
    package var second: (worker: AuditOpinion?, auditor: AuditOpinion?) = (nil, nil)
    /// What a third one finds; nil where there is none.
    package var third: AuditOpinion?

    package init(step: Int, slot: Int, first: (worker: AuditOpinion, auditor: AuditOpinion)) {
        (self.step, self.slot, self.first) = (step, slot, first)
    }

    private var wavers: (worker: Bool, auditor: Bool) {
        (second.worker != first.worker, second.auditor != first.auditor)
    }

    /// Whether it may not happen again: a machine that finds now this and now that may have erred once.
    package var isPassing: Bool { wavers.worker || wavers.auditor }

    /// Who computes wrongly, and how that is known; nil where it is not known.
    private var verdict: (culprit: AuditOpinion, reason: String)? {
        let (worker, auditor) = first
        // Who contradicts itself is wrong, whatever the others say.
        let wavering = "it finds now one and now another"
        switch wavers {
        case (true, true): return nil
        case (true, false): return (worker, wavering + (third?.hash == auditor.hash ? agreement(with: auditor) : ""))
        case (false, true): return (auditor, wavering + (third?.hash == worker.hash ? agreement(with: worker) : ""))
        case (false, false):
            guard let third else { return nil }
            for (right, wrong) in [(auditor, worker), (worker, auditor)] where third.hash == right.hash {
                // Two of one host may err alike.
                guard third.host != right.host || wrong.host == right.host else { return nil }
                return (wrong, "\(third.name) finds that of \(right.name)")
            }
            return nil
        }
    }

    private func agreement(with other: AuditOpinion) -> String { ", and \(third?.name ?? "") that of \(other.name)" }

    package var message: String {
        let what = "step \(step), slot \(slot), by \(first.worker.name) and again by \(first.auditor.name)"
        guard let (culprit, reason) = verdict else {
            return
                "an audit found two gradients of one slot (\(what)), and which of them is wrong is not known: check these "
                + "machines, and go on from before with --resume"
        }
        return
            "\(culprit.name) computes wrongly: an audit found two gradients of one slot (\(what)), and \(reason); take that "
            + "machine out, and go on from before with --resume"
    }
}
