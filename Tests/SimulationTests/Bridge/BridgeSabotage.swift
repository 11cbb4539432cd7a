/// Mistakes that a bridge's agent could well make. The simulation must find each.
enum BridgeSabotage: String, CaseIterable, Sendable {
    /// Takes for granted that a node that does not answer applies nothing. (B1)
    case clearsWithoutProof
    /// Leaves the old holder its login. (B1)
    case keepsGrant
    /// Starts a channel although the site holds what the log has not. (B4)
    case skipsComparison
    /// Says that all is applied when it is not. (B3)
    case opensBeforeApplied
    /// Hands over while the last writes are not captured. (B5)
    case settlesTooEarly
    /// Hands over although a node still takes writes. (B5)
    case forgetsANode
    /// Starts the channel at the end of the log. (nothing skipped)
    case startsTooLate
    /// Starts the channel a little before the cluster's position. (nothing doubled)
    case startsTooEarly
    /// Goes on with a site that lost what was captured from it. (B6)
    case overlooksASetBack
}
