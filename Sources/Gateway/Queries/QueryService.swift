import ClusterCore
import Foundation
import MariaDBClient
import NIOCore

/// `POST /query` behind the route: finds the place, runs the query there, and hands its answer over piece by piece.
public struct QueryService: Sendable {
    /// The largest row that is read from a database; a session holds one at a time.
    public static let rowBytesMax = 32 << 20

    let cluster: any ClusterInformation
    let settings: HTTPDataConfiguration

    enum Answer: Sendable {
        case here(RunningQuery)
        case forward(ForwardTarget)
    }

    /// - Parameter wasForwarded: whether another member has sent it here: then it goes no further.
    func answer(
        _ request: QueryRequest, _ format: QueryFormat, integers: BigIntegers, wasForwarded: Bool,
        onRunning: @Sendable (RunningQuery) -> Void
    ) async throws(Problem) -> Answer {
        let places = await cluster.readPlaces()
        let consistency = request.consistency ?? settings.readConsistency
        let offer = QueryPlace.Offer(
            isReadableHere: places.here != nil, leadsHere: places.leads,
            hasLeaderElsewhere: places.leader != nil && !wasForwarded, allowsStaleReads: settings.allowsStaleReads)
        switch QueryPlace(request.statement.route, consistency, after: request.after, offer) {
        case .leader: return try forward(places, wasForwarded)
        case .nowhere: throw nobody(places, wasForwarded)
        case .here(let waitingFor):
            guard let pool = places.here else { throw nobody(places, wasForwarded) }
            let query = try RunningQuery(
                request, format, integers: request.bigIntegers ?? integers, waitingFor: waitingFor, settings: settings,
                on: pool)
            onRunning(query)
            let first = await query.first()
            if case .behind? = first.end { return try forward(places, wasForwarded) }
            if places.leads, consistency == .leader, await !cluster.holdsLease() {
                query.stop()
                throw .unavailable(
                    "This node is not certain that it is still the only leader. Nothing was read.", retryAfterSeconds: 1
                )
            }
            return .here(query)
        }
    }

    private func forward(_ places: ReadPlaces, _ wasForwarded: Bool) throws(Problem) -> Answer {
        guard let leader = places.leader, !wasForwarded else { throw nobody(places, wasForwarded) }
        return .forward(leader)
    }

    private func nobody(_ places: ReadPlaces, _ wasForwarded: Bool) -> Problem {
        let reason =
            wasForwarded
            ? "The leader changed while the request was on its way."
            : places.reason.isEmpty ? "This node's database does not have what was asked for yet." : places.reason
        return .unavailable("\(reason) Nothing was read.", retryAfterSeconds: 1)
    }
}
