import ClusterCore
import MariaDBClient
import Probes

/// One configured Galera node: two sessions, one to look at it and one to change it, and what is known of it.
@NodeLoop
final class SiteEndpoint {
    nonisolated let id: EndpointID
    nonisolated let host: String
    nonisolated let port: Int
    nonisolated let weight: Int
    /// Short statements with a short deadline: a node that hangs is known to hang.
    nonisolated let probe: SQLRunner
    nonisolated let control: SQLRunner

    private(set) var tracker: EndpointTracker
    /// The last time that it answered; kept when it answers no more.
    private(set) var observation: GaleraObservation?
    private(set) var observedAt: ClusterCore.Instant?
    private(set) var roundTripMS: Double?
    /// A change of `read_only`, or the removal of a channel that does not belong there, is under way.
    var mending: Task<Void, Never>?

    nonisolated var name: String { "\(host):\(port)" }

    init(_ id: EndpointID, _ endpoint: Configuration.GaleraEndpoint, login: SQLLogin, probeDeadline: Duration) {
        self.id = id
        host = endpoint.host
        port = endpoint.port
        weight = endpoint.weight
        probe = SQLRunner(
            login.configuration(host: host, port: port, initStatements: GaleraProbe.initStatements),
            deadline: probeDeadline, name: "probe-\(endpoint.host):\(endpoint.port)")
        control = SQLRunner(
            login.configuration(host: host, port: port, initStatements: []), deadline: .seconds(5),
            name: "control-\(endpoint.host):\(endpoint.port)")
        tracker = EndpointTracker(now: Consensus.now)
    }

    var candidate: EndpointCandidate {
        EndpointCandidate(id: id, weight: weight, assessment: tracker.assessment, since: tracker.since)
    }

    /// Whether it answered lately.
    var isReachable: Bool { tracker.assessment.verdict != .unreachable }

    func saw(_ seen: GaleraObservation, roundTripMS: Double) {
        observation = seen
        observedAt = Consensus.now
        self.roundTripMS = roundTripMS
    }

    /// - Returns: whether the verdict changed.
    func judge(_ sample: ProbeSample) -> Bool { tracker.handle(sample, now: Consensus.now) }

    func close() {
        mending?.cancel()
        probe.close()
        control.close()
    }
}

/// The account with which the agent logs in to Galera nodes.
struct SQLLogin: Sendable {
    var user: String
    var password: String?

    func configuration(host: String, port: Int, initStatements: [String]) -> SQLConfiguration {
        SQLConfiguration(
            address: .tcp(host: host, port: port), user: user, password: password, connectTimeout: .seconds(1),
            initStatements: initStatements)
    }
}
