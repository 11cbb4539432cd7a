import Gateway

/// Both sites of a bridge for people: each Galera node, the channel, the capture, the link.
enum BridgeReport {
    /// - Parameter unapplied: how many entries of the log the cluster of this agent has not.
    static func render(_ bridge: BridgeStatus, unapplied: UInt64) -> String {
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
        for (index, site) in bridge.sites.enumerated() {
            // The own site stands first; what others lack is known by their links.
            lines += self.lines(site, unapplied: index == 0 ? unapplied : nil)
        }
        for link in bridge.links {
            let trip = link.roundTripMS.map { ", round trip \(tenths($0)) ms" } ?? ""
            let behind = link.behind.map { $0 == 0 ? ", has all" : ", \($0) entries behind" } ?? ""
            lines.append("link to \(link.member): \(link.connected ? "up" : "down")\(trip)\(behind)")
        }
        return lines.joined(separator: "\n")
    }

    private static func use(_ site: BridgeSiteStatus) -> String { site.capture != nil ? "source" : "target" }

    private static func lines(_ site: BridgeSiteStatus, unapplied: UInt64?) -> [String] {
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
            let left = unapplied.map { $0 == 0 ? ", all applied" : ", \($0) entries to apply" } ?? ""
            lines.append(
                "  channel on \(channel.endpoint), \(channel.running ? "running" : "not running")\(left)\(behind)\(error)"
            )
        }
        return lines
    }

    static func tenths(_ value: Double) -> String {
        let tenths = Int((min(max(value, 0), 1e9) * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
