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

    /// How replicas are chosen.
    struct Rules {
        /// nil for no bound.
        var stalenessMax: Duration?
        /// Replicas so much further away than the nearest are as good as it.
        var nearestWindow = Duration.milliseconds(15)
        /// By nodes' names; 1 for the others, 0: never read.
        var weights: [String: Int] = [:]
    }

    let rules: Rules
    private(set) var clusterID: String?
    /// By the address of their APIs.
    private var answers: [String: Answer] = [:]
    private var leader: (number: NodeNumber, term: Term, address: String)?
    private var epoch: UInt64 = 0
    private var distances: [String: Distance] = [:]
    /// Where sessions read now.
    private var reading: Set<NodeNumber> = []
    private var leaderlessSince: Instant?

    init(_ rules: Rules) { self.rules = rules }

    /// How many APIs have answered.
    var members: Int { answers.count }

    func hasAnswered(_ api: String) -> Bool { answers[api] != nil }

    /// Those with a weight of whom no answer has come.
    var unknownNames: [String] {
        let known = answers.values.compactMap(\.route.node)
        return rules.weights.keys.filter { !known.contains($0) }.sorted()
    }

    /// - Returns: why it is not taken; nil when it is.
    mutating func heard(_ answer: Answer, from api: String) -> String? {
        if let clusterID, clusterID != answer.route.clusterID {
            return "it belongs to another cluster (\(answer.route.clusterID)) than the members before (\(clusterID))"
        }
        clusterID = answer.route.clusterID
        answers[api] = answer
        distances[api, default: Distance()].measured(answer.roundTrip)
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
        view.replicas = chooseReplicas(now: now)
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

    /// The nearest of those that are fresh enough, and all that are hardly further away. One that is read stays until it is clearly too
    /// far, so that sessions do not wander.
    private mutating func chooseReplicas(now: Instant) -> [ProxyView.Replica] {
        var fit: [(number: NodeNumber, replica: ProxyView.Replica, distance: Duration)] = []
        for (api, answer) in answers where now.duration(since: answer.askedAt) < Self.answerLifetime {
            let weight = answer.route.node.flatMap { rules.weights[$0] } ?? 1
            guard answer.route.database == "replica", weight > 0, isFresh(answer, now: now),
                let address = answer.route.address.flatMap({ PeerAddress($0) }),
                let distance = distances[api]?.shortest
            else { continue }
            let replica = ProxyView.Replica(address: .tcp(host: address.host, port: address.port), weight: weight)
            fit.append((answer.route.number, replica, distance))
        }
        let nearest = fit.map(\.distance).min() ?? .zero
        let window = rules.nearestWindow
        fit.removeAll { $0.distance - nearest > (reading.contains($0.number) ? window + window / 2 : window) }
        reading = Set(fit.map(\.number))
        return fit.sorted { $0.number.rawValue < $1.number.rawValue }.map(\.replica)
    }

    /// What was said has aged since, and without a leader nobody knows how much is missing.
    private func isFresh(_ answer: Answer, now: Instant) -> Bool {
        guard let stalenessMax = rules.stalenessMax else { return true }
        guard let lag = answer.route.lagSeconds else { return false }
        let leaderless = leaderlessSince.map { now.duration(since: $0) } ?? .zero
        return .seconds(lag) + max(leaderless, now.duration(since: answer.askedAt)) <= stalenessMax
    }
}

/// How far away a member is: the shortest of its latest round trips, since what comes on top of it is work and queues, and a
/// connection that had to be made first.
private struct Distance {
    /// About half a minute of questions.
    private static let kept = 128
    private var roundTrips: [Duration] = []
    private var next = 0

    mutating func measured(_ roundTrip: Duration) {
        if roundTrips.count < Self.kept {
            roundTrips.append(roundTrip)
        } else {
            roundTrips[next] = roundTrip
        }
        next = (next + 1) % Self.kept
    }

    var shortest: Duration? { roundTrips.min() }
}
