import Metrics

/// Which trials train, how far, and which of them go on from there.
///
/// All trials train up to the end of the first rung. Once all of them have, the best go on to the end of the next, and so
/// on (successive halving, Jamieson and Talwalkar 2016, with synchronous rungs). A single rung, which lasts to the end of
/// the runs, lets every trial train to its end.
package struct TrialSchedule: Sendable, Equatable {
    /// The step at which each rung ends, ascending; the last ends where the runs do.
    package let rungs: [Int?]
    /// Of so many trials, one goes on to the next rung; at least one of all.
    package let eta: Int

    package static let whole = TrialSchedule(rungs: [nil], eta: 1)

    private init(rungs: [Int?], eta: Int) { (self.rungs, self.eta) = (rungs, eta) }

    /// Rungs that end at `minimumSteps`, `eta` times as many steps, and so on, below `steps`, where the last one ends.
    package init(minimumSteps: Int, eta: Int, steps: Int) {
        precondition(minimumSteps > 0 && eta > 1, "rungs of \(minimumSteps) steps and factor \(eta)")
        var ends: [Int?] = []
        var end = minimumSteps
        while end < steps {
            ends.append(end)
            let (next, overflow) = end.multipliedReportingOverflow(by: eta)
            end = overflow ? .max : next
        }
        self.init(rungs: ends + [nil], eta: eta)
    }

    /// What is to be done next.
    package enum Next: Equatable {
        /// Nothing: all is done.
        case done
        /// These trials have still to train to the end of a rung that has so many.
        case train(trials: [Int], rung: Int, of: Int)
    }

    /// What is to be done next, by what each trial has done.
    package func next(_ states: [TrialState], _ objective: TrialObjective) -> Next {
        var members = Array(states.indices)
        for rung in rungs.indices {
            let pending = members.filter { states[$0].rungs.count <= rung }
            if !pending.isEmpty { return .train(trials: pending, rung: rung, of: members.count) }
            members = promoted(members, rung: rung, states, objective)
        }
        return .done
    }

    /// How many trials are the most that a later rung can have.
    func most(after rung: Int, of count: Int) -> Int { rung + 1 < rungs.count ? max(1, count / eta) : 0 }

    /// Those that go on from a rung that all of its members have ended; none that failed, so there may be fewer. Of
    /// equals the one with the lower number.
    private func promoted(
        _ members: [Int], rung: Int, _ states: [TrialState], _ objective: TrialObjective
    ) -> [Int] {
        let scored = members.compactMap { member in states[member].rungs[rung].value.map { (member, $0) } }
        let ranked = scored.sorted { one, other in
            one.1 == other.1 ? one.0 < other.0 : objective.isBetter(one.1, than: other.1)
        }
        return ranked.prefix(max(1, members.count / eta)).map(\.0).sorted()
    }

    /// How each trial stands.
    package func statuses(_ states: [TrialState], _ objective: TrialObjective) -> [TrialStatus] {
        var statuses = states.map { $0.rungs.isEmpty ? TrialStatus.open : .waiting }
        var members = Array(states.indices)
        for rung in rungs.indices {
            for member in members where rung < states[member].rungs.count && states[member].rungs[rung].value == nil {
                statuses[member] = .failed
            }
            guard members.allSatisfy({ rung < states[$0].rungs.count }) else {
                if rung + 1 == rungs.count { markDone() }
                return statuses
            }
            let next = rung + 1 < rungs.count ? promoted(members, rung: rung, states, objective) : members
            for member in members where !next.contains(member) && statuses[member] != .failed {
                statuses[member] = .pruned
            }
            members = next
        }
        markDone()
        return statuses

        func markDone() {
            for member in members where states[member].rungs.count == rungs.count && statuses[member] != .failed {
                statuses[member] = .done
            }
        }
    }
}

/// How a trial stands, by the word that results have for it.
package enum TrialStatus: String, Sendable, Encodable {
    /// It has still to train, or trains.
    case open
    /// It has trained to the end of a rung, and waits for the others of the rung, or for its turn in the next.
    case waiting
    /// It has trained to its end.
    case done
    /// It ended at a rung that better ones went on from.
    case pruned
    case failed
}

/// What makes one trial better than another.
package struct TrialObjective: Sendable, Equatable {
    package enum Direction: String, Sendable, CaseIterable {
        case maximize, minimize
    }

    package var metric: SegmentationMetric
    package var direction: Direction

    package init(metric: SegmentationMetric, direction: Direction) {
        (self.metric, self.direction) = (metric, direction)
    }

    package func isBetter(_ value: Double, than other: Double) -> Bool {
        direction == .maximize ? value > other : value < other
    }
}
