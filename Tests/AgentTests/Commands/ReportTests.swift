import ClusterCore
import Foundation
import Gateway
import Testing

@testable import Agent

@Suite struct ReportTests {
    @Test func columnsAreAligned() {
        var table = TextTable(["NAME", "N"], rightAligned: [1])
        table.add(["a", "1"])
        table.add(["long-name", "100"])
        #expect(table.render() == "NAME         N\na            1\nlong-name  100")
    }

    @Test func membersShowWhoLeads() {
        let member = Member(
            id: "db1", number: NodeNumber(1), role: .voter, site: "fra", address: "db1:7654", api: "db1:8080")
        let other = Member(id: "db2", number: NodeNumber(2), role: .witness, address: "db2:7654")
        let text = MembersReport.render(
            ClusterStatus(
                leaderID: "db1", term: Term(7),
                members: [
                    MemberStatus(member, state: .active, matchLSN: LSN(9), appliedLSN: LSN(8), lastContactMS: 0),
                    MemberStatus(other, state: .offline),
                ]))
        let lines = text.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines[1].contains("leader") && lines[1].contains("fra"))
        #expect(lines[2].contains("witness") && lines[2].contains("offline") && lines[2].contains(" - "))
        #expect(lines[3] == "leader db1, term 7")
    }

    @Test func aStatusReadsLikeASentenceEach() {
        let status = NodeStatus(
            node: .init(id: "db1", number: NodeNumber(1), site: "fra", role: .voter),
            cluster: .init(name: "prod", id: "c-1"),
            raft: .init(state: "follower", term: Term(3), leaderID: nil, leaderAPI: nil),
            log: .init(first: LSN(1), last: LSN(9), durable: LSN(9), committed: LSN(8), applied: LSN(7)),
            database: .init(mode: "managed", state: "replica", endpoint: nil, gtid: "0-1-9", writable: false),
            lag: .init(entries: 1, seconds: 0.25), version: "9", warnings: ["look here"])
        let text = StatusReport.render(status)
        #expect(text.contains("node      db1 (member 1, voter, site fra), version 9"))
        #expect(text.contains("raft      follower, term 3, no leader known"))
        #expect(text.contains("lag       1 entries, 0.3 s"))
        #expect(text.contains("warning   look here"))
    }

    @Test func infoHidesSecrets() throws {
        let configuration = try ConfigurationReader.read(
            text: ConfigurationReaderTests.minimal + "[database]\npassword = \"hidden-one\"\n")
        let text = InfoReport.render(configuration)
        let json = try InfoReport.json(configuration)
        #expect(!text.contains("hidden-one") && !json.contains("hidden-one"))
        #expect(text.contains("(set)") && text.contains("node.id"))
        let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        let sections = object?["configuration"] as? [String: [String: Any]]
        #expect(sections?.count == Setting.sections.count)
        #expect(sections?["wal"]?["segment_size_mb"] as? Int == 64)
    }
}
