import ClusterCore
import Testing

private let stepsPerSeed = 40_000

@Suite("Bridges between two sites, from a seed")
struct BridgeSimulationTests {
    private func run(_ seed: UInt64, sabotage: BridgeSabotage? = nil) throws -> BridgeWorld.Counts {
        let world = BridgeWorld(seed: seed, sabotage: sabotage)
        do { try world.run(steps: stepsPerSeed) } catch { throw Violation("WOLFSCALE_SIM_SEED=\(seed): \(error)") }
        return world.counts
    }

    @Test("The invariants of the bridge hold whatever fails")
    func invariants() {
        var total = BridgeWorld.Counts()
        // A step of this world is cheaper than one of the others and the log is searched from its beginning.
        for seed in SimulationSettings.seeds(stepsPerSeed: stepsPerSeed * 4) {
            do {
                let counts = try run(seed)
                total.writes += counts.writes
                total.applied += counts.applied
                total.channels += counts.channels
                total.promotions += counts.promotions
                total.handOvers += counts.handOvers
                total.divergences += counts.divergences
                total.setBacks += counts.setBacks
                total.proofsRefused += counts.proofsRefused
            } catch { Issue.record("\(error)") }
        }
        print("bridges: \(total)")
    }

    @Test("A broken agent is found out", arguments: BridgeSabotage.allCases)
    func sabotage(_ sabotage: BridgeSabotage) {
        for seed in UInt64(1)...40 {
            do { _ = try run(seed, sabotage: sabotage) } catch {
                print("\(sabotage) found: \(error)")
                return
            }
        }
        Issue.record("no seed found out an agent that \(sabotage)")
    }
}
