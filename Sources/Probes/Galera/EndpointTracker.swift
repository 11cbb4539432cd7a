import ClusterCore

/// What one probe brought.
public enum ProbeSample: Sendable, Hashable {
    case seen(EndpointAssessment)
    /// Nobody listens, or the login was refused: certain at once.
    case refused(String)
    /// No answer in time.
    case silent(String)
}

/// Makes a steady verdict of single looks. A pure value.
///
/// A bad state that can't be a passing one counts at once; others, and every recovery, must be seen several times in a row.
public struct EndpointTracker: Sendable, Hashable {
    public private(set) var assessment: EndpointAssessment
    /// Since when it has been as it is.
    public private(set) var since: Instant
    private var candidate: EndpointAssessment?
    private var candidateCount = 0
    private var hasLooked = false

    /// So many looks in a row before a passing state counts.
    static let looksForWorse = 2
    /// So many before something better counts.
    static let looksForBetter = 3

    public init(now: Instant) {
        assessment = EndpointAssessment(.unreachable, "it has not been looked at yet")
        since = now
    }

    /// - Returns: whether the verdict changed.
    public mutating func handle(_ sample: ProbeSample, now: Instant) -> Bool {
        let new: EndpointAssessment
        var isCertain = false
        switch sample {
        case .seen(let seen):
            new = seen
            isCertain = seen.isCertain
        case .refused(let reason):
            new = EndpointAssessment(.unreachable, reason)
            isCertain = true
        case .silent(let reason): new = EndpointAssessment(.unreachable, reason)
        }
        let isFirst = !hasLooked
        hasLooked = true
        if new.verdict == assessment.verdict {
            candidate = nil
            assessment.reason = new.reason
            return false
        }
        if candidate?.verdict == new.verdict {
            candidateCount += 1
        } else {
            candidateCount = 1
        }
        candidate = new
        let better = (new.verdict.rank ?? 0) > (assessment.verdict.rank ?? 0)
        let needed = isFirst || (isCertain && !better) ? 1 : better ? Self.looksForBetter : Self.looksForWorse
        guard candidateCount >= needed else { return false }
        assessment = new
        since = now
        candidate = nil
        return true
    }
}
