import ClusterCore
import Probes
import Testing

struct EndpointVerdictTests {
    private func verdict(
        newest: UInt64 = 0, _ change: (inout GaleraObservation) -> Void
    ) -> EndpointVerdict {
        EndpointAssessment(healthyNode(change), expected: siteA, newestConfID: newest).verdict
    }

    @Test func eachStateHasItsVerdict() {
        #expect(verdict { _ in } == .healthy)
        #expect(verdict { $0.receiveQueue = 5_000 } == .degraded)
        #expect(verdict { $0.localState = 2 } == .donor)
        #expect(
            verdict {
                $0.localState = 2
                $0.donorRejectsQueries = true
            } == .rejecting)
        #expect(
            verdict {
                $0.localState = 2
                $0.isDesynced = true
            } == .desynced)
        #expect(verdict { $0.isDesynced = true } == .desynced)
        #expect(verdict { $0.localState = 1 } == .joining)
        #expect(verdict { $0.localState = 3 } == .joining)
        #expect(verdict { $0.isReady = false } == .joining)
        #expect(verdict { $0.isPrimaryComponent = false } == .nonPrimary)
        #expect(verdict { $0.isConnected = false } == .nonPrimary)
        #expect(verdict { $0.rejectsQueries = "ALL" } == .rejecting)
        #expect(verdict { $0.stateID = "another" } == .mismatched)
        #expect(verdict { $0.domain = 9 } == .mismatched)
    }

    @Test func aNodeOutsideTheNewestViewMustNotBeUsed() {
        #expect(verdict(newest: 8) { _ in } == .nonPrimary)
        #expect(verdict(newest: 7) { _ in } == .healthy)
    }

    @Test func aNodeThatKnowsNoClusterYetIsNotMismatched() {
        let starting = healthyNode {
            $0.stateID = "00000000-0000-0000-0000-000000000000"
            $0.localState = 0
            $0.isPrimaryComponent = false
            $0.isReady = false
        }
        #expect(EndpointAssessment(starting, expected: siteA).verdict == .nonPrimary)
    }
}
