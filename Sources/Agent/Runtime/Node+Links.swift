import ClusterCore
import Gateway
import WANLink
import WriteAheadLog

/// What `/status` says of the lines to the other members.
extension Node {
    var linkRecords: [LinkRecord] {
        let catchUps = flow.catchUps
        return consensus.raft.membership.members.compactMap { member in
            guard let link = network.linkState(of: member.number) else { return nil }
            return LinkRecord(
                peer: member.id, state: state(of: link, to: member.number),
                rttMS: link.roundTrip.map { ($0 / .microseconds(1)).rounded() / 1_000 },
                compression: link.compressionLevel == nil ? "none" : "zstd", level: link.compressionLevel,
                congestion: link.congestion?.name, congestionRefused: link.congestion?.refusal, streams: link.streams,
                bytesRaw: link.bulk.rawBytes, bytesWire: link.bulk.wireBytes,
                bytesResent: consensus.feeds[member.number]?.resentBytes ?? 0,
                creditBytes: UInt64(link.bulkCreditBytes), queuedBytes: UInt64(link.bulkQueuedBytes),
                obstacle: link.peerObstacle.isEmpty ? nil : link.peerObstacle, lastFailure: link.lastFailure,
                catchUp: catchUps[member.number])
        }
    }

    private func state(of link: LinkState, to peer: NodeNumber) -> LinkRecord.State {
        if consensus.raft.progress(of: peer)?.state == .needsProvision { return .needsProvision }
        if link.connectedSince == nil { return .down }
        if !link.peerObstacle.isEmpty { return .paused }
        return link.bulkCreditBytes == 0 ? .waiting : .up
    }

    /// What the leader says of this node's own way to the end of the log.
    private var leadersReport: PeerReport? {
        guard let leader = consensus.raft.leader, let report = reports[leader],
            Consensus.now.duration(since: report.at) < .milliseconds(2_500)
        else { return nil }
        return report.content
    }

    var ownCatchUp: CatchUp? { leadersReport?.catchUps?["\(identity.number)"] }

    var flowWarnings: [String] {
        var warnings: [String] = []
        if let obstacle = flow.obstacle { warnings.append(obstacle) }
        if let reason = flow.throttleReason { warnings.append(reason) }
        for link in linkRecords {
            if let obstacle = link.obstacle { warnings.append("\(link.peer) takes nothing in: \(obstacle)") }
            if let refusal = link.congestionRefused {
                warnings.append(
                    "the link to \(link.peer) uses \(link.congestion ?? "the host's choice") instead of \(refusal)")
            }
        }
        return warnings
    }
}
