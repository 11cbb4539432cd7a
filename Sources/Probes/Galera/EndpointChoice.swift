import ClusterCore

/// One endpoint as the choice sees it.
public struct EndpointCandidate: Sendable, Hashable {
    public var id: EndpointID
    public var weight: Int
    public var assessment: EndpointAssessment
    /// Since when the verdict has been what it is.
    public var since: Instant

    public init(id: EndpointID, weight: Int, assessment: EndpointAssessment, since: Instant) {
        self.id = id
        self.weight = weight
        self.assessment = assessment
        self.since = since
    }
}

/// Which endpoint to use. A pure function.
///
/// The best class counts first (healthy, then degraded, then donor or desynced; others never), then the weight. Once chosen, an endpoint is
/// kept while none of a better class is there; a heavier one of the same class takes over only after it has been well for a while.
public struct EndpointChoice: Sendable, Hashable {
    public var id: EndpointID?
    public var reason: String

    /// How long a heavier endpoint must be well before the present one is left for it.
    static let preferAfter = Duration.seconds(30)

    public init(id: EndpointID?, reason: String) {
        self.id = id
        self.reason = reason
    }

    public static func choose(_ candidates: [EndpointCandidate], current: EndpointID?, now: Instant) -> EndpointChoice {
        let usable = candidates.filter { $0.assessment.verdict.rank != nil }
        guard let bestRank = usable.compactMap(\.assessment.verdict.rank).max() else {
            let reasons = candidates.map { "\($0.id) is \($0.assessment.verdict.rawValue): \($0.assessment.reason)" }
            return EndpointChoice(
                id: nil, reason: reasons.isEmpty ? "no endpoint is configured" : reasons.joined(separator: "; "))
        }
        let best = usable.filter { $0.assessment.verdict.rank == bestRank }
        let present = best.first { $0.id == current }
        let heaviest = best.max { a, b in a.weight == b.weight ? a.id > b.id : a.weight < b.weight }
        if let present, let heaviest {
            let isSettled = now.duration(since: heaviest.since) >= preferAfter
            if heaviest.weight <= present.weight || !isSettled { return EndpointChoice(id: present.id, reason: "") }
            return EndpointChoice(id: heaviest.id, reason: "its weight is higher, and it has been well for a while")
        }
        let left = candidates.first { $0.id == current }
        let reason =
            left.map { "\($0.id) is \($0.assessment.verdict.rawValue): \($0.assessment.reason)" } ?? "the first choice"
        return EndpointChoice(id: heaviest?.id, reason: reason)
    }
}
