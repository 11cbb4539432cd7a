import NIOConcurrencyHelpers
import Testing

@testable import Agent

@Suite struct ReadinessTests {
    @Test(arguments: [[Readiness.Part.node, .api, .proxy], [.proxy, .node, .api], [.api, .proxy, .node]])
    func isSaidOnceWithTheLast(_ order: [Readiness.Part]) {
        let said = NIOLockedValueBox(0)
        let readiness = Readiness(awaiting: Set(order)) { said.withLockedValue { $0 += 1 } }
        for part in order {
            #expect(said.withLockedValue { $0 } == 0)
            readiness.reached(part)
            if part != order.last { readiness.reached(part) }
        }
        readiness.reached(order[0])
        #expect(said.withLockedValue { $0 } == 1)
    }

    /// Without an API nobody waits for one.
    @Test func partsThatAreNotThereAreNotAwaited() {
        let said = NIOLockedValueBox(0)
        let readiness = Readiness(awaiting: [.node]) { said.withLockedValue { $0 += 1 } }
        readiness.reached(.api)
        #expect(said.withLockedValue { $0 } == 0)
        readiness.reached(.node)
        #expect(said.withLockedValue { $0 } == 1)
    }
}
