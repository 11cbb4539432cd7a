import ClusterCore
import Foundation
import Gateway
import WANLink
import WriteAheadLog

/// What `GET /metrics` says of the node. docs/METRICS.md lists the names. Made from what is there anyway, when it is asked for.
extension Node {
    var metrics: [MetricFamily] {
        let status = status
        return identityMetrics(status) + raftMetrics(status) + memberMetrics + logMetrics(status)
            + databaseMetrics(status) + linkMetrics(status.links) + tlsMetrics + bridgeMetrics(status.bridge)
    }

    private func identityMetrics(_ status: NodeStatus) -> [MetricFamily] {
        [
            .each(.gauge, "wolfscale_build_info", "Always 1; the label says which version runs.", [status]) {
                (["version": $0.version], 1)
            },
            .each(.gauge, "wolfscale_node_info", "Always 1; the labels say who this is.", [status]) {
                (
                    [
                        "node": $0.node.id, "cluster": $0.cluster.name, "role": $0.node.role.rawValue,
                        "site": $0.node.site,
                    ], 1
                )
            },
            .gauge("wolfscale_healthy", "1 while GET /health answers 200.", health == .ok),
            .gauge("wolfscale_warnings", "Sentences in the warnings of GET /status.", UInt64(status.warnings.count)),
            .gauge(
                "wolfscale_orphans", "Transactions that this database had and the committed log has not.",
                UInt64(status.orphans.reduce(0) { $0 + $1.transactions })),
            .gauge(
                "wolfscale_guarantee_broken", "1 once a commit went through without its quorum.", guaranteeBroken != nil
            ),
        ]
    }

    private func raftMetrics(_ status: NodeStatus) -> [MetricFamily] {
        [
            .gauge("wolfscale_raft_term", "Raft's term.", status.raft.term.rawValue),
            .gauge("wolfscale_raft_is_leader", "1 on the leader.", status.raft.state == "leader"),
            .gauge("wolfscale_raft_has_leader", "1 while this node knows a leader.", status.raft.leaderID != nil),
            .state(
                "wolfscale_raft_state", "1 for the state this node is in.",
                ["leader", "follower", "candidate", "learner"], is: status.raft.state),
            .counter("wolfscale_raft_elections_total", "Elections this node stood in.", raftCounters.elections),
            .counter("wolfscale_raft_prevotes_total", "Rounds in which it asked first.", raftCounters.preVotes),
            .counter("wolfscale_raft_leader_changes_total", "New leaders it heard of.", raftCounters.leaderChanges),
            .counter("wolfscale_raft_leaderships_total", "Times it became leader.", raftCounters.leaderships),
        ]
    }

    private var memberMetrics: [MetricFamily] {
        let members = clusterStatus.members
        return [
            .each(
                .gauge, "wolfscale_members", "Members by state, as this node sees them.", MemberState.allCases
            ) { state in (["state": state.rawValue], Double(members.filter { $0.state == state }.count)) },
            .each(
                .gauge, "wolfscale_member_match_lsn", "What the leader knows to be durable there; on the leader.",
                members
            ) { member in member.matchLSN.map { (["member": member.id], Double($0.rawValue)) } },
            .each(.gauge, "wolfscale_member_applied_lsn", "What its database has, as last heard.", members) { member in
                member.appliedLSN.map { (["member": member.id], Double($0.rawValue)) }
            },
            .each(
                .gauge, "wolfscale_member_last_contact_seconds", "Since this node heard of it.", members
            ) { member in member.lastContactMS.map { (["member": member.id], Double($0) / 1_000) } },
        ]
    }

    private func logMetrics(_ status: NodeStatus) -> [MetricFamily] {
        let statistics = consensus.log.statistics
        return [
            .gauge("wolfscale_log_first_lsn", "The oldest entry kept.", status.log.first.rawValue),
            .gauge("wolfscale_log_last_lsn", "The newest entry.", status.log.last.rawValue),
            .gauge("wolfscale_log_durable_lsn", "On this disk through here.", status.log.durable.rawValue),
            .gauge("wolfscale_log_committed_lsn", "On a majority's disks.", status.log.committed.rawValue),
            .gauge("wolfscale_log_applied_lsn", "In this database.", status.log.applied.rawValue),
            .gauge("wolfscale_log_unapplied_entries", "Committed, not applied.", status.lag.entries),
            .gauge(
                "wolfscale_log_apply_lag_seconds", "Age of the oldest of them, as far as known.", status.lag.seconds),
            .gauge("wolfscale_log_size_bytes", "Its files.", consensus.log.sizeBytes),
            .gauge("wolfscale_log_size_max_bytes", "wal.max_size_mb.", UInt64(configuration.wal.maxSizeMB) << 20),
            .counter("wolfscale_log_written_bytes_total", "Written to its files.", statistics.bytes),
            .counter("wolfscale_log_batches_total", "Batches written.", statistics.batches),
            .histogram(
                "wolfscale_log_sync_duration_seconds", "Writing and syncing one group of batches.",
                DurationHistogram.samples(
                    bounds: WriteAheadLog.Log.Statistics.timeBounds, counts: statistics.timeCounts,
                    seconds: statistics.time / .seconds(1))),
            .gauge(
                "wolfscale_disk_takes_writes", "0 while the reserve of the disk is touched.", flow.obstacle == nil),
        ]
    }

    private func databaseMetrics(_ status: NodeStatus) -> [MetricFamily] {
        let states = [
            "primary", "replica", "promoting", "draining", "recovering", "starting", "fencing", "down", "diverged",
            "provisioning", "none",
        ]
        return [
            .state("wolfscale_database_state", "1 for the database's state.", states, is: status.database.state),
            .gauge("wolfscale_database_writable", "1 where it takes writes.", status.database.writable),
            .counter(
                "wolfscale_capture_transactions_total", "Taken from the local database's binlog.",
                bridge?.capture.transactions ?? capture.transactions),
            .counter(
                "wolfscale_capture_bytes_total", "Of their events.", bridge?.capture.bytes ?? capture.bytes),
            .gauge(
                "wolfscale_commits_waiting", "Captured, waiting for their quorum.", UInt64(capture.waitingCount)),
            .gauge("wolfscale_commits_waiting_bytes", "Of their events.", UInt64(capture.waitingBytes)),
            .gauge(
                "wolfscale_commits_throttled", "1 while commits wait for an applier that is too far behind.",
                flow.throttleReason != nil),
            .gauge("wolfscale_relay_sessions", "Databases that are fed.", UInt64(relay.sessionCount)),
            .counter("wolfscale_relay_entries_total", "Entries given to them.", relay.sentEntries),
            .counter("wolfscale_relay_bytes_total", "Of their events.", relay.sentBytes),
        ]
    }

    private func linkMetrics(_ links: [LinkRecord]) -> [MetricFamily] {
        func each(
            _ kind: MetricFamily.Kind, _ name: String, _ help: String, _ value: (LinkRecord) -> Double?
        ) -> MetricFamily {
            .each(kind, "wolfscale_link_\(name)", help, links) { link in value(link).map { (["peer": link.peer], $0) } }
        }
        return [
            each(.gauge, "up", "1 while connected.") { $0.state == .down ? 0 : 1 },
            .each(
                .gauge, "wolfscale_link_state", "1 for the state the link is in.",
                links.flatMap { link in LinkRecord.State.allCases.map { (link, $0) } }
            ) { (["peer": $0.0.peer, "state": $0.1.rawValue], $0.0.state == $0.1 ? 1 : 0) },
            each(.gauge, "rtt_seconds", "Round trip.") { $0.rttMS.map { $0 / 1_000 } },
            each(.counter, "sent_raw_bytes_total", "Sent, before the link's compression.") { Double($0.bytesRaw) },
            each(.counter, "sent_wire_bytes_total", "Sent, after it.") { Double($0.bytesWire) },
            each(.counter, "resent_bytes_total", "Of the log, sent more than once.") { Double($0.bytesResent) },
            each(.gauge, "credit_bytes", "What the peer lets this node send.") { Double($0.creditBytes) },
            each(.gauge, "queued_bytes", "Waiting to be sent.") { Double($0.queuedBytes) },
            each(.gauge, "catch_up_bytes", "What it still lacks, while far behind.") {
                $0.catchUp.map { Double($0.bytesLeft) } ?? 0
            },
        ]
    }

    private var tlsMetrics: [MetricFamily] {
        guard let material = tls?.material else { return [] }
        return [
            .gauge(
                "wolfscale_tls_certificate_end_seconds", "When this node's certificate ends, since 1970.",
                material.certificate.notAfter.timeIntervalSince1970),
            .gauge(
                "wolfscale_tls_ca_end_seconds", "When the last trusted authority ends, since 1970.",
                material.authoritiesEnd.timeIntervalSince1970),
        ]
    }

    private func bridgeMetrics(_ bridge: BridgeStatus?) -> [MetricFamily] {
        guard let own = bridge?.sites.first else { return [] }
        let verdicts = [
            "healthy", "degraded", "donor", "joining", "desynced", "non-primary", "rejecting", "unreachable",
            "mismatched",
        ]
        func each(
            _ kind: MetricFamily.Kind, _ name: String, _ help: String, _ value: (GaleraNodeStatus) -> Double?
        ) -> MetricFamily {
            .each(kind, "wolfscale_galera_\(name)", help, own.nodes) { node in
                value(node).map { (["endpoint": node.endpoint], $0) }
            }
        }
        return [
            .each(
                .gauge, "wolfscale_galera_verdict", "1 for what the node is found to be.",
                own.nodes.flatMap { node in verdicts.map { (node, $0) } }
            ) { (["endpoint": $0.0.endpoint, "verdict": $0.1], $0.0.verdict == $0.1 ? 1 : 0) },
            each(.gauge, "in_use", "1 where the bridge captures, or its channel is.") { $0.inUse ? 1 : 0 },
            each(.gauge, "read_only", "1 where read_only is on.") { $0.readOnly ? 1 : 0 },
            each(.gauge, "receive_queue", "wsrep_local_recv_queue.") { Double($0.receiveQueue) },
            each(.counter, "flow_control_paused_seconds_total", "wsrep_flow_control_paused_ns.") {
                Double($0.flowControlPausedNs) / 1e9
            },
            each(.gauge, "rtt_seconds", "How long a look takes.") { $0.roundTripMS.map { $0 / 1_000 } },
            .counter(
                "wolfscale_bridge_errant_total", "Transactions that only one node of the cluster has; not shipped.",
                own.capture?.errant ?? 0),
            .gauge("wolfscale_bridge_capture_paused", "1 while the log takes nothing.", own.capture?.paused ?? false),
            .gauge(
                "wolfscale_bridge_channel_running", "1 while the replica channel runs.", own.channel?.running ?? false),
            .gauge(
                "wolfscale_bridge_channel_lag_seconds", "As the node says it.",
                own.channel?.secondsBehind.map(Double.init)),
        ]
    }
}
