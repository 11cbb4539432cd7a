import ClusterCore
import Logging
import MariaDBClient
import Probes

/// What a site tells the driver.
@NodeLoop
protocol GaleraSiteDelegate: AnyObject {
    func siteChose(_ choice: EndpointChoice)
    func siteSaw(_ endpoint: SiteEndpoint, _ seen: GaleraObservation)
    func siteNoted(_ endpoint: SiteEndpoint, _ before: EndpointVerdict)
    /// Whether a channel may be there: only the holder's.
    func mayHaveChannel(_ id: EndpointID) -> Bool
}

/// The Galera cluster beside this agent: looks at each node, chooses the best one, keeps `read_only` as the bridge wants it.
@NodeLoop
final class GaleraSite {
    let endpoints: [SiteEndpoint]
    private let interval: Duration
    /// While no node can be used: the first that can be is wanted at once, and there is nothing to be left too soon.
    private static let searchInterval = Duration.milliseconds(100)
    private let logger: Logger
    /// The cluster that this site is known to be.
    var expected: GaleraIdentity?
    var policy = SitePolicy.untouched
    private(set) var choice = EndpointChoice(id: nil, reason: "no endpoint has been looked at yet")
    weak var delegate: (any GaleraSiteDelegate)?
    private var probing: [Task<Void, Never>] = []
    private var newestConfID: UInt64 = 0

    nonisolated static let channelName = "wolfscale"

    init(_ configuration: Configuration, login: SQLLogin, logger: Logger) {
        interval = .milliseconds(configuration.galera.probeIntervalMs)
        let deadline = max(.milliseconds(400), interval * 3 / 2)
        endpoints = configuration.galera.endpoints.enumerated().map { index, endpoint in
            SiteEndpoint(EndpointID(index), endpoint, login: login, probeDeadline: deadline)
        }
        self.logger = logger
    }

    subscript(id: EndpointID) -> SiteEndpoint { endpoints[id.index] }
    var chosen: SiteEndpoint? { choice.id.map { self[$0] } }

    func start() {
        probing = endpoints.map { endpoint in
            Task { [weak self] in
                while !Task.isCancelled {
                    let begun = ContinuousClock.now
                    guard let self else { return }
                    await self.look(at: endpoint)
                    let interval = self.choice.id == nil ? min(self.interval, Self.searchInterval) : self.interval
                    let rest = max(.milliseconds(20), interval - (ContinuousClock.now - begun))
                    do { try await Task.sleep(for: rest) } catch { return }
                }
            }
        }
    }

    func stop() {
        for task in probing { task.cancel() }
        for endpoint in endpoints { endpoint.close() }
    }

    // MARK: Looking

    private func look(at endpoint: SiteEndpoint) async {
        let begun = ContinuousClock.now
        let sample: ProbeSample
        do {
            let seen = try await endpoint.probe.run { session throws(SQLError) in
                try GaleraProbe.observe(session, channel: Self.channelName)
            }
            endpoint.saw(seen, roundTripMS: (ContinuousClock.now - begun) / .milliseconds(1))
            newestConfID = highestConfID()
            sample = .seen(EndpointAssessment(seen, expected: expected, newestConfID: newestConfID))
        } catch {
            sample = Self.sample(error)
            endpoint.probe.abandon()
        }
        if Task.isCancelled { return }
        let before = endpoint.tracker.assessment.verdict
        if endpoint.judge(sample) { delegate?.siteNoted(endpoint, before) }
        choose()
        if case .seen = sample, let seen = endpoint.observation {
            mend(endpoint, seen)
            delegate?.siteSaw(endpoint, seen)
        }
    }

    private static func sample(_ error: SQLError) -> ProbeSample {
        switch error.kind {
        case .timeout, .busy, .lost, .closed, .cancelled: return .silent(error.description)
        case .connect:
            let isCertain = error.message.contains("(111") || error.message.contains("refused") || error.errno == 1045
            return isCertain ? .refused(error.description) : .silent(error.description)
        case .server, .client: return .refused(error.description)
        }
    }

    /// Of nodes that answer and are in the primary component.
    private func highestConfID() -> UInt64 {
        endpoints.compactMap { endpoint -> UInt64? in
            guard endpoint.isReachable, let seen = endpoint.observation, seen.isPrimaryComponent, seen.confID != .max
            else { return nil }
            return seen.confID
        }.max() ?? 0
    }

    private func choose() {
        let new = EndpointChoice.choose(endpoints.map(\.candidate), current: choice.id, now: Consensus.now)
        guard new.id != choice.id else { return }
        choice = new
        logger.notice(
            "the best Galera node is \(new.id.map { self[$0].name } ?? "none")", metadata: ["reason": "\(new.reason)"])
        delegate?.siteChose(new)
    }

    // MARK: Mending

    private var wantsReadOnly: Bool? {
        switch policy {
        case .untouched, .asFound: nil
        case .open: false
        case .closed: true
        }
    }

    /// Sets `read_only` as the bridge wants it, and removes a channel that is not the holder's: a node that comes back has neither.
    private func mend(_ endpoint: SiteEndpoint, _ seen: GaleraObservation) {
        let wantsReadOnly = wantsReadOnly
        let isStrayChannel = seen.channel != nil && delegate?.mayHaveChannel(endpoint.id) == false
        guard endpoint.mending == nil, wantsReadOnly.map({ $0 != seen.isReadOnly }) ?? false || isStrayChannel else {
            return
        }
        endpoint.mending = Task { [weak self, logger] in
            do {
                if isStrayChannel { try await ChannelControl.remove(at: endpoint) }
                if let wantsReadOnly, self?.wantsReadOnly == wantsReadOnly {
                    try await Self.setReadOnly(wantsReadOnly, at: endpoint)
                }
            } catch {
                logger.warning("\(endpoint.name) can't be set as the bridge needs it", metadata: ["error": "\(error)"])
                endpoint.control.abandon()
            }
            endpoint.mending = nil
        }
    }

    static func setReadOnly(_ on: Bool, at endpoint: SiteEndpoint) async throws(SQLError) {
        try await endpoint.control.run(deadline: .seconds(8)) { session throws(SQLError) in
            try session.query("SET SESSION lock_wait_timeout=6")
            try session.query("SET GLOBAL read_only = \(on ? "ON" : "OFF")")
        }
    }

    /// Sets `read_only` at every node at once.
    ///
    /// - Returns: the nodes of the primary component, or that may be, at which it failed, with the reason.
    func setReadOnly(_ on: Bool) async -> [String] {
        let reachable = endpoints.filter(\.isReachable)
        var failures = await failures(at: reachable) { try await Self.setReadOnly(on, at: $0) }
            .filter { !isOutside($0.endpoint) }.map { "\($0.endpoint.name): \($0.reason)" }
        for endpoint in endpoints where !endpoint.isReachable && !isOutside(endpoint) {
            failures.append("\(endpoint.name): \(endpoint.tracker.assessment.reason)")
        }
        return failures
    }

    /// Does something at several nodes at once.
    ///
    /// - Returns: where it failed, and why; what hangs there has been given up.
    func failures(
        at endpoints: [SiteEndpoint], _ body: @escaping @Sendable (SiteEndpoint) async throws -> Void
    ) async -> [(endpoint: SiteEndpoint, reason: String)] {
        await withTaskGroup(of: (endpoint: SiteEndpoint, reason: String)?.self) { group in
            for endpoint in endpoints {
                group.addTask {
                    do {
                        try await body(endpoint)
                        return nil
                    } catch {
                        endpoint.control.abandon()
                        return (endpoint, "\(error)")
                    }
                }
            }
            var failures: [(endpoint: SiteEndpoint, reason: String)] = []
            for await case let failure? in group { failures.append(failure) }
            return failures
        }
    }

    /// Whether a node is known not to be in the primary component, by the view of one that is.
    func isOutside(_ endpoint: SiteEndpoint) -> Bool {
        for other in endpoints where other !== endpoint && other.isReachable {
            guard let seen = other.observation, seen.isPrimaryComponent, let members = seen.members else { continue }
            return isOutside(endpoint, members)
        }
        return endpoint.observation?.isPrimaryComponent == false
    }

    /// By its last known name in the group; one that was never seen is outside when every member is some other endpoint.
    func isOutside(_ endpoint: SiteEndpoint, _ members: Set<String>) -> Bool {
        if let nodeID = endpoint.observation?.nodeID, !nodeID.isEmpty { return !members.contains(nodeID) }
        let others = endpoints.filter { $0 !== endpoint && $0.isReachable }.compactMap { $0.observation?.nodeID }
        return members.isSubset(of: others)
    }
}
