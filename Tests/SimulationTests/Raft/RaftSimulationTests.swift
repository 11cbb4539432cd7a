import ClusterCore
import Testing

private let stepsPerSeed = 20_000

@Suite("Whole clusters, from a seed")
struct RaftSimulationTests {
    private let seeds = SimulationSettings.seeds(stepsPerSeed: stepsPerSeed)

    /// Four chains, so that both a debugger and several cores are served.
    @Test("Raft keeps its promises whatever fails", arguments: 0..<4)
    func promises(chain: Int) throws {
        var total = Simulation.Counts()
        for (index, seed) in seeds.enumerated() where index % 4 == chain {
            let simulation = Simulation(
                Scenario(seed: seed, steps: stepsPerSeed), tracing: SimulationSettings.isReplay)
            do { try simulation.run() } catch {
                Issue.record("WOLFSCALE_SIM_SEED=\(seed) at step \(simulation.counts.steps): \(error)")
            }
            total.add(simulation.counts)
        }
        if seeds.count > 1 { print("chain \(chain): \(total)") }
    }

    @Test("A broken node is found out", arguments: Sabotage.allCases)
    func sabotage(_ sabotage: Sabotage) {
        for seed in 1...UInt64(1_000) {
            let simulation = Simulation(Scenario(seed: seed, steps: stepsPerSeed / 5, sabotage: sabotage))
            do { try simulation.run() } catch {
                print("\(sabotage) found with seed \(seed) at step \(simulation.counts.steps): \(error)")
                return
            }
        }
        Issue.record("no seed found out that a node \(sabotage)")
    }
}

extension Simulation.Counts {
    mutating func add(_ other: Simulation.Counts) {
        steps += other.steps
        elections += other.elections
        crashes += other.crashes
        transfers += other.transfers
        membershipChanges += other.membershipChanges
        rollbacks += other.rollbacks
        truncations += other.truncations
        provisions += other.provisions
        quorumLosses += other.quorumLosses
        commits += other.commits
        caretakers += other.caretakers
    }
}
