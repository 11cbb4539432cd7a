import ClusterCore
import Probes
import Testing

struct EndpointChoiceTests {
    private let now = Instant(nanoseconds: 1_000_000_000_000)

    private func choose(
        _ list: [(EndpointVerdict, weight: Int)], current: Int? = nil, settledFor seconds: UInt64 = 100
    ) -> Int? {
        let candidates = list.enumerated().map { index, entry in
            EndpointCandidate(
                id: EndpointID(index), weight: entry.weight, assessment: EndpointAssessment(entry.0),
                since: Instant(nanoseconds: now.nanoseconds - seconds * 1_000_000_000))
        }
        return EndpointChoice.choose(candidates, current: current.map { EndpointID($0) }, now: now).id?.index
    }

    @Test func theHeaviestOfTheBestClassIsChosen() {
        #expect(choose([(.healthy, 100), (.healthy, 200)]) == 1)
        #expect(choose([(.healthy, 100), (.healthy, 100)]) == 0)
        #expect(choose([(.degraded, 900), (.healthy, 100)]) == 1)
    }

    @Test func aDonorIsTheLastResort() {
        #expect(choose([(.donor, 900), (.degraded, 1)], current: 0) == 1)
        #expect(choose([(.donor, 100), (.unreachable, 900)]) == 0)
        #expect(choose([(.desynced, 100), (.joining, 900)]) == 0)
    }

    @Test func nothingOutsideThePrimaryComponentIsEverChosen() {
        for verdict in [
            EndpointVerdict.nonPrimary, .rejecting, .unreachable, .mismatched, .joining,
        ] {
            #expect(choose([(verdict, 900)], current: 0) == nil)
        }
        #expect(choose([]) == nil)
    }

    @Test func theChoiceSticks() {
        #expect(choose([(.healthy, 100), (.healthy, 100)], current: 1) == 1)
        #expect(choose([(.healthy, 200), (.healthy, 100)], current: 1, settledFor: 5) == 1)
        #expect(choose([(.healthy, 200), (.healthy, 100)], current: 1, settledFor: 60) == 0)
    }

    @Test func itMovesAwayFromWorse() {
        #expect(choose([(.healthy, 100), (.donor, 100)], current: 1) == 0)
        #expect(choose([(.healthy, 100), (.unreachable, 100)], current: 1) == 0)
    }
}
