import Foundation
import LabSupport

/// One contender on one line.
struct WANResult {
    enum Measured {
        case backlog(WANWatch, (bytes: Int, transactions: Int))
        /// Seconds behind, sampled.
        case steady([Double], perSecond: Double)
    }
    var workload: ReplicatedLoad
    var line: WANLine
    var contender: WANContender
    var measured: Measured
    /// The largest agent's.
    var agentPeakMB: Double?
}

/// Prints each result when it is there, and the ratios of a line when its contenders are through.
final class WANReport {
    private let json: Bool
    private var results: [WANResult] = []
    private var hasHeader = false

    init(json: Bool) { self.json = json }

    func add(_ result: WANResult) {
        results.append(result)
        do { try print(result) } catch { progress("a result can't be printed: \(error)") }
    }

    private func fields(_ workload: ReplicatedLoad, _ line: WANLine) -> [String: Any] {
        [
            "workload": workload.rawValue, "rate_mbit": line.megabits, "loss_percent": line.lossPercent,
            "round_trip_ms": line.roundTrip,
        ]
    }

    private func print(_ result: WANResult) throws {
        var fields = fields(result.workload, result.line)
        fields["contender"] = result.contender.kind.rawValue
        fields["host_congestion"] = result.contender.hostCongestion
        if let peak = result.agentPeakMB { fields["agent_rss_mb"] = peak.rounded(1) }
        switch result.measured {
        case .backlog(let watch, let backlog):
            fields["measured"] = "backlog"
            fields["binlog_mb"] = (Double(backlog.bytes) / 1_048_576).rounded(1)
            fields["transactions"] = backlog.transactions
            fields["wire_mb"] = (Double(watch.wireBytes) / 1_048_576).rounded(2)
            fields["wire_bytes_per_transaction"] = (Double(watch.wireBytes) / Double(backlog.transactions)).rounded(1)
            fields["receive_s"] = watch.receiveSeconds.rounded(2)
            fields["apply_s"] = watch.applySeconds.rounded(2)
            fields["line_fill_percent"] = watch.lineFillPercent.rounded(1)
            fields["cpu_percent"] = watch.cpuPercent.rounded(1)
        case .steady(let lags, let perSecond):
            fields["measured"] = "steady"
            fields["transactions_per_second"] = perSecond.rounded(1)
            fields["seconds_behind_p50"] = lags.percentile(0.5).rounded(3)
            fields["seconds_behind_p95"] = lags.percentile(0.95).rounded(3)
            fields["seconds_behind_max"] = (lags.max() ?? 0).rounded(3)
        }
        try write(fields, result)
    }

    private func write(_ fields: [String: Any], _ result: WANResult) throws {
        guard !json else { return try printJSON(fields) }
        let name = "\(result.workload.rawValue), \(result.line), \(result.contender)"
        switch result.measured {
        case .backlog(let watch, let backlog):
            printLine(
                "\(name): \(Double(backlog.bytes >> 10) / 1_024) MiB of binlog as \(fields["wire_mb"] ?? "") MiB "
                    + "(\(fields["wire_bytes_per_transaction"] ?? "") bytes a transaction), received in "
                    + "\(watch.receiveSeconds.rounded(1)) s, applied in \(watch.applySeconds.rounded(1)) s, line filled to "
                    + "\(watch.lineFillPercent.rounded(0)) %, CPU \(watch.cpuPercent.rounded(0)) %"
                    + (result.agentPeakMB.map { ", agent at most \($0.rounded(0)) MiB" } ?? ""))
        case .steady:
            printLine(
                "\(name): \(fields["transactions_per_second"] ?? "") transactions/s, behind by "
                    + "\(fields["seconds_behind_p50"] ?? "") s (p50), \(fields["seconds_behind_p95"] ?? "") s (p95), "
                    + "\(fields["seconds_behind_max"] ?? "") s (max)")
        }
    }

    // MARK: Ratios

    /// Against native replication on the same hosts, as far as it was measured.
    func summarize(_ workload: ReplicatedLoad, _ line: WANLine) throws {
        guard let (result, own, _) = backlog(workload, line, .wolfscale) else { return }
        var fields = fields(workload, line)
        fields["measured"] = "ratios"
        fields["native_congestion"] = result.contender.hostCongestion
        fields["line_fill_percent"] = own.lineFillPercent.rounded(1)
        fields["cpu_percent"] = own.cpuPercent.rounded(1)
        fields["agent_rss_mb"] = (result.agentPeakMB ?? 0).rounded(1)
        for (kind, name) in [(WANContender.Kind.native, "native"), (.nativeCompressed, "native_compressed")] {
            for (_, watch, congestion) in backlogs(workload, line, kind) {
                // The fields without a congestion control's name are those against hosts like the link's.
                let suffix = congestion == result.contender.hostCongestion ? "" : "_\(congestion)"
                fields["wire_bytes_ratio_\(name)\(suffix)"] =
                    (Double(own.wireBytes) / Double(watch.wireBytes)).rounded(3)
                fields["receive_ratio_\(name)\(suffix)"] = (own.receiveSeconds / watch.receiveSeconds).rounded(3)
                fields["apply_ratio_\(name)\(suffix)"] = (own.applySeconds / watch.applySeconds).rounded(3)
            }
        }
        guard !json else { return try printJSON(fields) }
        let ratios = fields.filter { $0.key.contains("_ratio_") }.sorted { $0.key < $1.key }
        printLine("\(workload.rawValue), \(line): " + ratios.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
    }

    private func backlog(
        _ workload: ReplicatedLoad, _ line: WANLine, _ kind: WANContender.Kind
    ) -> (WANResult, WANWatch, congestion: String)? { backlogs(workload, line, kind).first }

    private func backlogs(
        _ workload: ReplicatedLoad, _ line: WANLine, _ kind: WANContender.Kind
    ) -> [(WANResult, WANWatch, congestion: String)] {
        results.compactMap { result in
            guard result.workload == workload, result.line == line, result.contender.kind == kind,
                case .backlog(let watch, _) = result.measured
            else { return nil }
            return (result, watch, result.contender.hostCongestion)
        }
    }
}
