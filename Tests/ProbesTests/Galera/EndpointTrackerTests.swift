import ClusterCore
import Probes
import Testing

/// Transcripts: looks on the left, the verdict after each on the right.
struct EndpointTrackerTests {
    private func transcript(_ samples: [(ProbeSample, EndpointVerdict)]) {
        var tracker = EndpointTracker(now: Instant(nanoseconds: 0))
        for (index, (sample, expected)) in samples.enumerated() {
            _ = tracker.handle(sample, now: Instant(nanoseconds: UInt64(index) * 500_000_000))
            #expect(tracker.assessment.verdict == expected, "look \(index)")
        }
    }

    private var healthy: ProbeSample { .seen(EndpointAssessment(.healthy)) }
    private func seen(_ verdict: EndpointVerdict) -> ProbeSample { .seen(EndpointAssessment(verdict, "so")) }

    @Test func theFirstLookCounts() {
        transcript([(healthy, .healthy)])
        transcript([(seen(.donor), .donor)])
    }

    @Test func oneSilenceIsForgiven() {
        transcript([
            (healthy, .healthy), (.silent("slow"), .healthy), (healthy, .healthy), (.silent("slow"), .healthy),
            (.silent("slow"), .unreachable),
        ])
    }

    @Test func whatIsCertainCountsAtOnce() {
        transcript([(healthy, .healthy), (.refused("refused"), .unreachable)])
        transcript([(healthy, .healthy), (seen(.nonPrimary), .nonPrimary)])
        transcript([(healthy, .healthy), (seen(.mismatched), .mismatched)])
    }

    @Test func aPassingDesyncIsForgiven() {
        transcript([(healthy, .healthy), (seen(.donor), .healthy), (healthy, .healthy)])
        transcript([(healthy, .healthy), (seen(.donor), .healthy), (seen(.donor), .donor)])
    }

    @Test func recoveryTakesSeveralLooks() {
        transcript([
            (.refused("refused"), .unreachable), (seen(.joining), .joining), (healthy, .joining), (healthy, .joining),
            (healthy, .healthy),
        ])
    }

    @Test func aFlappingNodeStaysOut() {
        var script: [(ProbeSample, EndpointVerdict)] = [(.refused("refused"), .unreachable)]
        for _ in 0..<5 {
            script += [(healthy, .unreachable), (healthy, .unreachable), (.refused("again"), .unreachable)]
        }
        transcript(script)
    }
}
