import ClusterCore
import Testing

private let stepsPerSeed = 20_000

@Suite("Clusters with their databases, from a seed")
struct TenureSimulationTests {
    private let seeds = SimulationSettings.seeds(stepsPerSeed: stepsPerSeed)

    private static func scenario(_ seed: UInt64) -> Scenario {
        var scenario = Scenario(seed: seed, steps: stepsPerSeed)
        // Retention, membership and the operator's Raft commands have their own runs.
        scenario.trims = false
        scenario.transfers = false
        scenario.changesMembership = false
        scenario.spares = 0
        return scenario
    }

    private func run(_ seed: UInt64, sabotage: TenureSabotage? = nil) throws -> (DatabaseWorld.Counts, Int) {
        let simulation = Simulation(Self.scenario(seed), tracing: SimulationSettings.isReplay && sabotage == nil)
        let world = DatabaseWorld(simulation, sabotage: sabotage)
        do { try simulation.run() } catch {
            throw Violation("WOLFSCALE_SIM_SEED=\(seed) at step \(simulation.counts.steps): \(error)")
        }
        return (world.counts, simulation.counts.steps)
    }

    @Test("The invariants of the tenure hold whatever fails", arguments: 0..<4)
    func invariants(chain: Int) {
        var total = DatabaseWorld.Counts()
        for (index, seed) in seeds.enumerated() where index % 4 == chain {
            do { total.add(try run(seed).0) } catch { Issue.record("\(error)") }
        }
        if seeds.count > 1 { print("databases, chain \(chain): \(total)") }
    }

    @Test("A broken agent is found out", arguments: TenureSabotage.allCases)
    func sabotage(_ sabotage: TenureSabotage) {
        for seed in UInt64(1)...200 {
            do { _ = try run(seed, sabotage: sabotage) } catch {
                print("\(sabotage) found: \(error)")
                return
            }
        }
        Issue.record("no seed found out that an agent \(sabotage)")
    }
}

extension DatabaseWorld.Counts {
    mutating func add(_ other: DatabaseWorld.Counts) {
        writes += other.writes
        acknowledged += other.acknowledged
        promotions += other.promotions
        fences += other.fences
        handOvers += other.handOvers
        adoptedPrimaries += other.adoptedPrimaries
        cutTransactions += other.cutTransactions
        divergences += other.divergences
        abandonedPromotions += other.abandonedPromotions
    }
}
