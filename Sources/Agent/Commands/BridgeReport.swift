import Gateway

/// Both sites of a bridge for people: each Galera node, the channel, the capture, the link.
enum BridgeReport {
    static func render(_ bridge: BridgeStatus, committed: UInt64, applied: UInt64) -> String {
        var table = TextTable(
            ["SITE", "NODE", "ENDPOINT", "WSREP", "VERDICT", "USE", "READ ONLY", "QUEUE", "PROBE"],
            rightAligned: [7, 8])
        for site in bridge.sites {
            for node in site.nodes {
                table.add([
                    site.site.isEmpty ? site.member : site.site, node.name.isEmpty ? "-" : node.name, node.endpoint,
                    node.wsrepState.isEmpty ? "-" : node.wsrepState, node.verdict, node.inUse ? use(site) : "",
                    node.readOnly ? "yes" : "no", "\(node.receiveQueue)",
                    node.roundTripMS.map { "\(tenths($0)) ms" } ?? "-",
                ])
            }
        }
        var lines = [table.render()]
        for site in bridge.sites { lines += self.lines(site) }
        for link in bridge.links {
            let trip = link.roundTripMS.map { ", round trip \(tenths($0)) ms" } ?? ""
            let behind = link.behind.map { $0 == 0 ? ", has all" : ", \($0) entries behind" } ?? ""
            lines.append("link to \(link.member): \(link.connected ? "up" : "down")\(trip)\(behind)")
        }
        return lines.joined(separator: "\n")
    }

    private static func use(_ site: BridgeSiteStatus) -> String { site.capture != nil ? "source" : "target" }

    private static func lines(_ site: BridgeSiteStatus) -> [String] {
        let name = site.site.isEmpty ? site.member : site.site
        var lines = ["site \(name): \(site.state)" + (site.trouble.map { ": \($0)" } ?? "")]
        if let capture = site.capture {
            let from = capture.endpoint.map { "from \($0)" } ?? "not attached"
            lines.append(
                "  capture \(from), at \(capture.gtid.isEmpty ? "the beginning" : capture.gtid)"
                    + (capture.paused ? ", paused" : "")
                    + (capture.errant > 0 ? ", \(capture.errant) errant transactions not shipped" : ""))
        }
        if let channel = site.channel {
            let behind = channel.secondsBehind.map { ", \($0) s behind" } ?? ""
            let error = channel.error.map { ", \($0)" } ?? ""
            lines.append(
                "  channel on \(channel.endpoint), \(channel.running ? "running" : "not running")\(behind)\(error)")
        }
        return lines
    }

    static func tenths(_ value: Double) -> String {
        let tenths = Int((min(max(value, 0), 1e9) * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
