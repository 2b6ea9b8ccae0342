import Support

/// How the workers of a job form groups that share memory: those of a host where they can, else each alone.
struct GroupFormation {
    let assignment: SlotAssignment
    /// This worker's.
    let group: WorkerGroup
    /// Why workers of one host share no memory though they should, if so; the same on all workers.
    let remark: String?

    /// Called by all workers.
    init(tree: SlotTree, communicator: any Communicator, sharesMemory: Bool, buckets: GradientBuckets) throws {
        let neighbours = sharesMemory ? try communicator.splitByHost() : SoloCommunicator()
        let hosts = try communicator.ranksByHost(neighbours)
        // Which slots are whose is settled first, whether or not all hosts share memory: they decide how much it is.
        let slots = SlotAssignment.slots(tree, hosts: hosts)
        let nodes = tree.largestNodes(in: slots[communicator.rank]).count
        func form(_ members: any Communicator) throws -> WorkerGroup {
            try WorkerGroup(members: members, nodes: nodes, buckets: buckets)
        }
        var group: WorkerGroup?
        var refusal = ""
        do { group = try form(neighbours) } catch let failure as Failure { refusal = failure.message }
        let refusals = try communicator.gatherFromAll(Messages.encode(refusal)).map {
            try Messages.decode(String.self, from: $0)
        }
        let groups = hosts.flatMap { host in refusals[host[0]].isEmpty ? [host] : host.map { [$0] } }
        assignment = SlotAssignment(
            tree: tree, communicator: communicator, groups: groups.sorted { $0[0] < $1[0] }, slots: slots)
        self.group = try group ?? form(SoloCommunicator())
        remark = refusals.first { !$0.isEmpty }.map {
            "workers of one host send each other their gradients as messages, since they cannot share memory: \($0)"
        }
    }
}
