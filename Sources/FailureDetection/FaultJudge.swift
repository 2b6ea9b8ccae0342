import Support

/// Decides from what the ranks say, and when, which of them is at fault, if any.
///
/// It has no clock: all times are passed in, as seconds of any clock that only goes forward.
package struct FaultJudge {
    private struct Member {
        var host: String?
        var status: RankStatus?
        /// When it was heard last.
        var heard: Double
        /// When it was first known to be in its phase.
        var since: Double
        var isLost = false
        var failure: (reason: String, at: Double)?
    }

    private var members: [Int: Member] = [:]
    private var pace = Pace()
    /// Seconds of the longest unit of work so far, by phase.
    private var longest: [Phase: Double] = [:]
    /// When the coordinator last looked for the workers' messages; nil while it need not.
    private var mailbox: Double?
    /// When the time-outs began anew.
    private var begin = -Double.infinity
    /// Whether a rank takes part in the job that cannot be watched: what the others wait for may be that one.
    private var hasUnwatched = false
    var times: DetectionTimes

    package init(times: DetectionTimes) { self.times = times }

    /// Watches a rank from now on.
    package mutating func expect(_ rank: Int, at now: Double) { members[rank] = Member(heard: now, since: now) }

    /// The rank has come.
    package mutating func welcome(_ rank: Int, host: String, at now: Double) {
        members[rank]?.host = host
        members[rank]?.heard = now
    }

    /// Watches a rank no more: it has taken its leave.
    package mutating func dismiss(_ rank: Int) { members[rank] = nil }

    /// The rank takes part and cannot be watched.
    package mutating func leaveUnwatched(_ rank: Int) {
        members[rank] = nil
        hasUnwatched = true
    }

    /// The rank has said what it does.
    package mutating func hear(_ rank: Int, _ status: RankStatus, at now: Double) {
        guard var member = members[rank] else { return }
        member.heard = now
        // The rank's threads tell in no order: an older status says only that the rank lives.
        let isOld = member.status.map { $0.entries > status.entries } ?? false
        if !isOld {
            if let before = member.status, before.entries != status.entries {
                longest[before.phase] = max(longest[before.phase] ?? 0, now - member.since)
            }
            if member.status?.entries != status.entries { member.since = now }
            member.status = status
        }
        members[rank] = member
        // Before the first step images are read that no step reads.
        if !isOld, status.step > 0, status.phase.isOwnWork || status.phase == .reduction {
            pace.reach(status.step, at: now)
        }
    }

    /// The coordinator's thread has looked for the workers' messages; 0 = it need not, now.
    package mutating func attended(at time: Double) { mailbox = time > 0 ? time : nil }

    /// The rank's connection has ended, and it had not taken its leave.
    package mutating func lose(_ rank: Int) { members[rank]?.isLost = true }

    /// The rank cannot go on, maybe since another one is lost.
    package mutating func fail(_ rank: Int, because reason: String, at now: Double) {
        if members[rank]?.failure == nil { members[rank]?.failure = (reason, now) }
    }

    /// Starts every rank's time-outs again: this process was stopped itself, and what it has not heard is nobody's
    /// fault.
    package mutating func startAnew(at now: Double) {
        for rank in members.keys {
            members[rank]?.heard = now
            members[rank]?.since = now
        }
        begin = now
        pace.pause()
    }

    /// The fault to end the job for; nil where there is none.
    package func fault(at now: Double) -> Fault? {
        guard times.timeout > 0 else { return nil }
        let byRank = members.sorted { $0.key < $1.key }
        if let (rank, member) = byRank.first(where: { $0.value.isLost }) { return Self.fault(rank, member, .lost) }
        for (rank, member) in byRank where now - member.heard > times.silence {
            return Self.fault(rank, member, .silent(now - member.heard))
        }
        for (rank, member) in byRank {
            guard let failure = member.failure, now - failure.at >= times.consequence else { continue }
            return Self.fault(rank, member, .failed(failure.reason))
        }
        return stuck(byRank, at: now)
    }

    /// How many time-outs a unit of work may take whose usual time is not known from steps: the reading of an image, and
    /// all that is computed of it in a validation between two tiles.
    private static let unitPatience = 10.0
    /// The same of work that has no units: a checkpoint that is written, and what precedes the first image.
    private static let wholePatience = 40.0

    /// Seconds after which a rank that has not got on is at fault itself; nil where it may be waiting for others.
    private func limit(_ rank: Int, _ status: RankStatus, _ paced: Double?) -> Double? {
        let known = 5 * (longest[status.phase] ?? 0)
        switch status.phase {
        case .data where status.step == 0, .validation: return max(Self.unitPatience * times.timeout, known)
        // A worker does not save or begin by itself.
        case .checkpoint, .start: return rank == 0 ? max(Self.wholePatience * times.timeout, known) : nil
        case let phase: return phase.isOwnWork ? paced : nil
        }
    }

    /// A rank that is alive and does not get on with its own work; or all of them, where each waits for the others.
    private func stuck(_ byRank: [(key: Int, value: Member)], at now: Double) -> Fault? {
        let paced = pace.median.map { max(times.timeout, 5 * $0) }
        for (rank, member) in byRank {
            guard let status = member.status, let limit = limit(rank, status, paced), now - member.since > limit else {
                continue
            }
            return Self.fault(rank, member, .stuck(now - member.since))
        }
        if let mailbox, let coordinator = members[0] {
            let absence = now - max(mailbox, begin)
            if absence > paced ?? Self.unitPatience * times.timeout {
                return Self.fault(0, coordinator, .inattentive(absence))
            }
        }
        // A coordinator that waits for the workers is none; one that validates may keep one of them waiting.
        let workers = byRank.filter { rank, member in rank > 0 || member.status?.phase != .waiting }
        // In a job's first step nobody knows how far apart its ranks may be.
        let limit = paced ?? Self.unitPatience * times.timeout
        guard !hasUnwatched, !workers.isEmpty, workers.allSatisfy({ $0.value.status?.phase == .reduction }),
            let last = workers.max(by: { $0.value.since < $1.value.since }), now - last.value.since > limit
        else { return nil }
        return Self.fault(last.key, last.value, .stuck(now - last.value.since))
    }

    private static func fault(_ rank: Int, _ member: Member, _ cause: Fault.Cause) -> Fault {
        Fault(rank: rank, host: member.host, status: member.status ?? RankStatus(), cause: cause)
    }

    /// The rank that says who is at fault should rank 0 be lost: the first, if possible one on another machine.
    package var successor: Int? {
        let others = members.filter { $0.key != 0 && $0.value.host != nil && !$0.value.isLost }
        let elsewhere = others.filter { $0.value.host != members[0]?.host }
        return (elsewhere.isEmpty ? others : elsewhere).keys.min()
    }
}

/// How long steps take, as seen from outside: the time between looks over the steps between them.
private struct Pace {
    private var last: (step: Int, time: Double)?
    /// Seconds a step; the newest last.
    private var samples: [Double] = []

    private static let kept = 25

    mutating func reach(_ step: Int, at now: Double) {
        guard let last else {
            last = (step, now)
            return
        }
        guard step > last.step else { return }
        samples.append((now - last.time) / Double(step - last.step))
        if samples.count > Self.kept { samples.removeFirst() }
        self.last = (step, now)
    }

    /// What happens until the next step is no measure of anything.
    mutating func pause() { last = nil }

    var median: Double? { Support.median(samples) }
}
