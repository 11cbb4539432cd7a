import Hummingbird
import Synchronization

/// What the HTTP API was asked, how it answered and how long that took.
final class APIMetrics: Sendable {
    private struct Request: Hashable {
        var method: String
        var route: String
        var status: Int
    }
    private struct State {
        var requests: [Request: UInt64] = [:]
        var durations: [String: DurationHistogram] = [:]
        var inFlight = 0
    }
    private let state = Mutex(State())
    /// Routes and methods are the API's own; this is against a framework that would make some up.
    private static let seriesMax = 2_000

    func began() { state.withLock { $0.inFlight += 1 } }

    /// - Parameter route: as it is written in the router; nil for a path that there is none for.
    func ended(method: String, route: String?, status: Int, after duration: Duration) {
        // What is unknown is one series, whatever people ask for.
        let request = Request(method: route == nil ? "other" : method, route: route ?? "none", status: status)
        state.withLock { state in
            state.inFlight -= 1
            guard state.requests[request] != nil || state.requests.count < Self.seriesMax else { return }
            state.requests[request, default: 0] += 1
            state.durations[request.route, default: DurationHistogram()].add(duration)
        }
    }

    var families: [MetricFamily] {
        let state = state.withLock { $0 }
        let requests = state.requests.sorted {
            ($0.key.route, $0.key.method, $0.key.status) < ($1.key.route, $1.key.method, $1.key.status)
        }
        return [
            .each(.counter, "wolfscale_api_requests_total", "Requests that the HTTP API has answered.", requests) {
                (["method": $0.key.method, "route": $0.key.route, "status": "\($0.key.status)"], Double($0.value))
            },
            MetricFamily(
                name: "wolfscale_api_request_duration_seconds", kind: .histogram,
                help: "From the request's head to the answer's.",
                samples: state.durations.sorted { $0.key < $1.key }.flatMap {
                    $0.value.samples(labels: [.init(name: "route", value: $0.key)])
                }),
            .gauge(
                "wolfscale_api_requests_in_flight", "Requests that are being answered.", UInt64(max(0, state.inFlight))),
        ]
    }
}

/// Counts what passes.
struct APIMetricsMiddleware: RouterMiddleware {
    typealias Context = APIContext

    let metrics: APIMetrics

    func handle(
        _ request: Hummingbird.Request, context: APIContext,
        next: (Hummingbird.Request, APIContext) async throws -> Response
    ) async throws -> Response {
        let begun = ContinuousClock.now
        metrics.began()
        func ended(_ status: Int) {
            metrics.ended(
                method: request.method.rawValue, route: context.endpointPath.flatMap { $0 == "NotFound" ? nil : $0 },
                status: status,
                after: ContinuousClock.now - begun)
        }
        do {
            let response = try await next(request, context)
            ended(response.status.code)
            return response
        } catch {
            ended(AccessAudit.status(of: error))
            throw error
        }
    }
}
