import Foundation
import LabSupport
import Testing

extension LabTests {
    /// The agent killed between every two steps of promotion, demotion and fencing, under load.
    @Suite struct StepTests {
        @Test func anAgentKilledAtAnyStepLosesNothing() throws {
            let settings = LabCluster.quickElections.merging(AgentStep.settings) { $1 }
            try LabTests.withCluster("steps", settings: settings) { cluster in
                try Workload.prepare(cluster)
                let workload = Workload(cluster: cluster, clients: 4)
                workload.start()
                defer { workload.stop() }
                let injector = FaultInjector(cluster: cluster, network: nil, seed: 1)
                var reached: Set<AgentStep> = []
                for step in AgentStep.all {
                    if try injector.killAgent(at: step) { reached.insert(step) }
                    let before = workload.acknowledgedCount
                    try Lab.eventually("writes go on after \(step)", within: .seconds(60)) {
                        workload.acknowledgedCount > before + 20
                    }
                }
                workload.stop()
                let missed = Set(AgentStep.all).subtracting(reached).map(\.description).sorted()
                #expect(missed.isEmpty, "no agent came to \(missed.joined(separator: ", "))")
                try cluster.requireEqual()
                let verdict = try workload.check(try cluster.waitUntilWritable())
                #expect(verdict.isClean, "\(verdict)")
            }
        }
    }
}
