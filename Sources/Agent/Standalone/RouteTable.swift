import ClusterCore
import Gateway
import WANLink

/// Decides where a proxy without a database of its own sends reads and writes, from what the members say of themselves. Without
/// I/O; time comes with each call.
struct RouteTable {
    /// What a member has said.
    struct Answer: Equatable {
        var route: NodeRoute
        /// When the request was sent: what was said holds from then.
        var askedAt: Instant
        var roundTrip: Duration
    }

    /// An answer older than this counts no more.
    static let answerLifetime = Duration.seconds(3)
    static let membersMax = 64

    /// nil for no bound.
    let stalenessMax: Duration?
    private(set) var clusterID: String?
    /// By the address of their APIs.
    private var answers: [String: Answer] = [:]
    private var leader: (number: NodeNumber, term: Term, address: String)?
    private var epoch: UInt64 = 0
    private var replica: NodeNumber?
    private var leaderlessSince: Instant?

    init(stalenessMax: Duration?) { self.stalenessMax = stalenessMax }

    /// - Returns: why it is not taken; nil when it is.
    mutating func heard(_ answer: Answer, from api: String) -> String? {
        if let clusterID, clusterID != answer.route.clusterID {
            return "it belongs to another cluster (\(answer.route.clusterID)) than the members before (\(clusterID))"
        }
        clusterID = answer.route.clusterID
        answers[api] = answer
        return nil
    }

    /// A member that does not answer keeps what it said for a while: its database may well be there.
    mutating func view(now: Instant) -> ProxyView {
        let fresh = answers.values.filter { now.duration(since: $0.askedAt) < Self.answerLifetime }
        var view = ProxyView(reason: reason(fresh))
        if let (primary, address) = primary(fresh), let target = PeerAddress(address) {
            let isSame = leader.map { $0 == (primary.route.number, primary.route.term, address) } ?? false
            if !isSame {
                leader = (primary.route.number, primary.route.term, address)
                epoch += 1
            }
            view.leader = .init(address: .tcp(host: target.host, port: target.port), epoch: epoch)
            view.reason = ""
            leaderlessSince = nil
        } else {
            leaderlessSince = leaderlessSince ?? now
        }
        view.replica = chooseReplica(fresh, now: now)
        return view
    }

    /// For how long from `now` the primary is known to be the only one.
    func lease(now: Instant) -> Duration {
        guard let leader, let answer = answers.values.first(where: { $0.route.number == leader.number }),
            answer.route.database == "primary", answer.route.term == leader.term
        else { return .zero }
        return max(.zero, .milliseconds(Int64(answer.route.leaseMS)) - now.duration(since: answer.askedAt))
    }

    /// The primary of the newest term that anybody has heard of: one of an older term is on its way out.
    private func primary(_ fresh: [Answer]) -> (Answer, String)? {
        guard let term = fresh.map(\.route.term).max(),
            let found = fresh.first(where: { $0.route.term == term && $0.route.database == "primary" }),
            let address = found.route.address
        else { return nil }
        return (found, address)
    }

    private func reason(_ fresh: [Answer]) -> String {
        guard let newest = fresh.max(by: { $0.route.term < $1.route.term }) else {
            return "no member of the cluster answers"
        }
        return newest.route.reason.isEmpty ? "the leader is changing" : newest.route.reason
    }

    /// The nearest that is fresh enough; kept for as long as it is, so that sessions do not wander.
    private mutating func chooseReplica(_ fresh: [Answer], now: Instant) -> BackendAddress? {
        let fit = fresh.filter { $0.route.database == "replica" && $0.route.address != nil && isFresh($0, now: now) }
        let chosen =
            fit.first { $0.route.number == replica }
            ?? fit.min { ($0.roundTrip, $0.route.number.rawValue) < ($1.roundTrip, $1.route.number.rawValue) }
        replica = chosen?.route.number
        return chosen?.route.address.flatMap { PeerAddress($0) }.map { .tcp(host: $0.host, port: $0.port) }
    }

    private func isFresh(_ answer: Answer, now: Instant) -> Bool {
        guard let stalenessMax else { return true }
        guard let lag = answer.route.lagSeconds else { return false }
        let leaderless = leaderlessSince.map { now.duration(since: $0) } ?? .zero
        return .seconds(lag) + leaderless <= stalenessMax
    }
}
