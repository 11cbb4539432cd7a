import ClusterCore

/// The circumstances of one run, all of them drawn from its seed.
struct Scenario {
    let seed: UInt64
    var steps: Int
    var sabotage: Sabotage?

    var voters = 3
    var witnesses = 0
    var learners = 0
    /// Nodes that are in nobody's membership at first.
    var spares = 0

    var network = SimulatedNetwork.Conditions()
    var syncMin = millisecond / 5
    var syncSpread = 3 * millisecond
    /// Of 1,000 syncs: those that take up to half a second.
    var slowSyncsPerMille: UInt64 = 0

    /// Mean time between two faults.
    var faultInterval = 400 * millisecond
    /// Of 100,000 boundaries between two effects: those at which the node crashes.
    var crashesPer100kEffects: UInt64 = 0
    var partitions = true
    var asymmetricPartitions = true
    var clockJumps = false
    var changesMembership = false
    var transfers = true
    var trims = false
    /// With every fault two nodes campaign at once, and who crashes is back within milliseconds.
    var hasRivals = false
    /// Appends that a link takes before it makes its node wait.
    var window = 8
    var batchesPerAppend = 4
    /// Of 100 appends: those whose batches are read from disk first.
    var slowReadsPercent: UInt64 = 0
    var proposalInterval = 6 * millisecond
    /// Entries that clients leave uncommitted before they wait.
    var uncommittedMax: UInt64 = 200

    var size: Int { voters + witnesses + learners + spares }

    init(seed: UInt64, steps: Int, sabotage: Sabotage? = nil) {
        self.seed = seed
        self.steps = steps
        self.sabotage = sabotage
        var chance = SplitMix64(seed: seed ^ 0x5CEA_A210)
        drawCluster(&chance)
        drawNetwork(&chance)
        drawFaults(&chance)
        if sabotage?.isAboutVotes == true { provokeElections() }
    }

    /// Two candidates in one term, and a voter that crashes in between, are rare otherwise.
    private mutating func provokeElections() {
        voters = 3
        witnesses = 0
        changesMembership = false
        spares = 0
        crashesPer100kEffects = 3_000
        faultInterval = 100 * millisecond
        hasRivals = true
        network.delaySpread = 60 * millisecond
        network.lossPerMille = 100
        network.reorders = true
    }

    private mutating func drawCluster(_ chance: inout SplitMix64) {
        voters = [3, 3, 3, 5, 5, 2][Int(chance.below(6))]
        if chance.below(3) == 0 {
            voters -= 1
            witnesses = 1
        }
        learners = Int(chance.below(2))
        changesMembership = chance.below(2) == 0
        spares = changesMembership ? 2 : 0
        trims = chance.below(2) == 0
        transfers = chance.below(3) != 0
    }

    private mutating func drawNetwork(_ chance: inout SplitMix64) {
        network.lossPerMille = [0, 0, 10, 50, 200][Int(chance.below(5))]
        network.duplicatesPerMille = [0, 20, 100][Int(chance.below(3))]
        network.delaySpread = [millisecond, 5 * millisecond, 20 * millisecond][Int(chance.below(3))]
        network.longDelaysPerMille = [0, 0, 10, 50][Int(chance.below(4))]
        network.longDelay = [100 * millisecond, 3_000 * millisecond][Int(chance.below(2))]
        network.reorders = chance.below(2) == 0
        window = [1, 4, 16][Int(chance.below(3))]
        batchesPerAppend = [1, 4, 16][Int(chance.below(3))]
        slowReadsPercent = [0, 0, 20][Int(chance.below(3))]
    }

    private mutating func drawFaults(_ chance: inout SplitMix64) {
        faultInterval = [60, 200, 500, 2_000][Int(chance.below(4))] * millisecond
        crashesPer100kEffects = [0, 20, 100, 500][Int(chance.below(4))]
        partitions = chance.below(4) != 0
        asymmetricPartitions = chance.below(2) == 0
        clockJumps = chance.below(3) == 0
        slowSyncsPerMille = [0, 10, 100][Int(chance.below(3))]
        syncSpread = [millisecond, 10 * millisecond][Int(chance.below(2))]
        proposalInterval = [1, 5, 20][Int(chance.below(3))] * millisecond
    }
}
