import ClusterCore
import Foundation
import Gateway
import Probes

/// What a bridge's site says of itself.
extension BridgeDriver {
    var isSource: Bool {
        switch bridge.state {
        case .sourcing, .draining: true
        case .waiting, .following, .promoting, .fenced, .diverged, .needsCopy, .stopped: false
        }
    }

    /// The endpoint that is captured from, or that has the channel.
    var inUse: EndpointID? {
        switch bridge.state {
        case .sourcing(.running(let id), _), .sourcing(.connecting(let id), _): id
        case .draining(.closing(let id), _, _), .draining(.settling(let id), _, _): id
        case .waiting, .following, .promoting, .sourcing, .draining, .fenced, .diverged, .needsCopy, .stopped: holder
        }
    }

    var databaseStatus: NodeStatus.Database {
        NodeStatus.Database(
            mode: "galera", state: bridge.state.name, endpoint: (inUse ?? site.choice.id).map { site[$0].name },
            gtid: site.chosen?.observation?.position.description, writable: bridge.site.takesWrites && isSource)
    }

    var health: Health {
        if let trouble = bridge.state.trouble { return .failing(reason: trouble) }
        switch bridge.state {
        case .sourcing(.running, _), .following(.running): return .ok
        case .waiting, .following, .promoting, .sourcing, .draining, .fenced, .diverged, .needsCopy, .stopped:
            return .failing(reason: "the site is \(bridge.state.name)")
        }
    }

    var warnings: [String] {
        var warnings: [String] = []
        if let trouble = bridge.state.trouble { warnings.append(named(trouble)) }
        if case .following(.faulted) = bridge.state {
            warnings.append(
                "the applier skips nothing by itself: mend the row or the schema on this cluster, then run `wolfscale bridge retry`"
            )
        }
        if capture.errantCount > 0 {
            warnings.append(
                "\(capture.errantCount) transactions exist on one node only and are not shipped (non-InnoDB tables or RSU), the last "
                    + "\(capture.lastErrant.map(\.description) ?? "unknown"); set wsrep_mode=DISALLOW_LOCAL_GTID")
        }
        if let strayWrite {
            warnings.append(
                "this cluster wrote \(strayWrite) itself although it is fed: an administrator's write, since read_only does not bind "
                    + "them. The other site does not have it; undo it here, or a row of the other site may meet it and stop the applier"
            )
        }
        warnings += errantWarnings
        warnings += settingFindings.map(\.message)
        if capture.isPaused { warnings.append("the capture is paused: the log is full, or its disk is slow") }
        return warnings
    }

    func named(_ text: String) -> String {
        var text = text
        for endpoint in site.endpoints.reversed() {
            text = text.replacingOccurrences(of: "\(endpoint.id)", with: endpoint.name)
        }
        return text
    }

    func siteStatus(_ name: String) -> BridgeSiteStatus {
        let identity = identity
        return BridgeSiteStatus(
            member: consensus.raft.membership[settings.number]?.id ?? "", site: name, state: bridge.state.name,
            trouble: bridge.state.trouble.map(named), domain: identity?.domain, clusterID: identity?.stateID,
            nodes: site.endpoints.map(nodeStatus), channel: channelStatus, capture: captureStatus)
    }

    private func nodeStatus(_ endpoint: SiteEndpoint) -> GaleraNodeStatus {
        let seen = endpoint.observation
        let assessment = endpoint.tracker.assessment
        return GaleraNodeStatus(
            endpoint: endpoint.name, name: seen?.nodeName ?? "", verdict: assessment.verdict.rawValue,
            reason: assessment.reason.isEmpty ? nil : assessment.reason, inUse: inUse == endpoint.id,
            wsrepState: endpoint.isReachable ? seen?.localStateComment ?? "" : "", readOnly: seen?.isReadOnly ?? false,
            receiveQueue: seen?.receiveQueue ?? 0, flowControlPausedNs: seen?.flowControlPausedNs ?? 0,
            gtid: seen?.position.description ?? "", roundTripMS: endpoint.isReachable ? endpoint.roundTripMS : nil)
    }

    private var channelStatus: BridgeChannelStatus? {
        guard let holder else { return nil }
        let failure = channel?.sqlFailure ?? channel?.ioFailure
        return BridgeChannelStatus(
            endpoint: site[holder].name, running: channel?.isRunning ?? false, secondsBehind: channel?.secondsBehind,
            error: failure.map { "error \($0.errno): \($0.message)" })
    }

    private var captureStatus: BridgeCaptureStatus? {
        guard isSource else { return nil }
        return BridgeCaptureStatus(
            endpoint: capture.isAttached ? inUse.map { site[$0].name } : nil, paused: capture.isPaused,
            gtid: capture.captured.description, transactions: capture.transactions, bytes: capture.bytes,
            errant: capture.errantCount)
    }

    var endpointHealth: [EndpointHealth] {
        site.endpoints.map { endpoint in
            let assessment = endpoint.tracker.assessment
            return EndpointHealth(
                endpoint: endpoint.name, healthy: assessment.verdict == .healthy || assessment.verdict == .degraded,
                inUse: inUse == endpoint.id, reason: assessment.reason.isEmpty ? nil : assessment.reason)
        }
    }
}
