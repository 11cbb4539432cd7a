import ClusterCore
import Foundation
import Gateway
import Testing

@testable import Agent

@Suite struct RouteTableTests {
    private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: UInt64((1_000 + seconds) * 1e9)) }

    private func answer(
        _ number: UInt16, _ database: String, term: UInt64 = 5, at time: Double = 0, lag: Double? = 0,
        lease: UInt64 = 0, roundTrip: Duration = .milliseconds(1), cluster: String = "c"
    ) -> RouteTable.Answer {
        RouteTable.Answer(
            route: NodeRoute(
                clusterID: cluster, number: NodeNumber(number), term: Term(term), database: database,
                address: database == "none" ? nil : "10.0.0.\(number):3306", lagSeconds: lag, leaseMS: lease,
                reason: database == "primary" ? "" : "no member is leader"),
            askedAt: at(time), roundTrip: roundTrip)
    }

    private func backend(_ number: Int) -> BackendAddress { .tcp(host: "10.0.0.\(number)", port: 3306) }

    @discardableResult
    private func hear(_ table: inout RouteTable, _ answers: RouteTable.Answer...) -> [String] {
        answers.compactMap { table.heard($0, from: "10.0.0.\($0.route.number):8080") }
    }

    @Test func writesGoToThePrimaryAndReadsToTheNearestReplica() {
        var table = RouteTable(stalenessMax: nil)
        let empty = table.view(now: at(0))
        #expect(empty.leader == nil && empty.replica == nil && empty.reason == "no member of the cluster answers")
        hear(
            &table, answer(1, "primary"), answer(2, "replica", roundTrip: .milliseconds(9)),
            answer(3, "replica", roundTrip: .milliseconds(2)), answer(4, "none"))
        let view = table.view(now: at(0.1))
        #expect(view == ProxyView(leader: .init(address: backend(1), epoch: 1), replica: backend(3), reason: ""))
        // It is kept when another one gets nearer.
        hear(&table, answer(2, "replica", at: 0.2, roundTrip: .milliseconds(1)))
        #expect(table.view(now: at(0.2)) == view)
        hear(&table, answer(3, "recovering", at: 0.3))
        #expect(table.view(now: at(0.3)).replica == backend(2))
        hear(&table, answer(2, "down", at: 0.3))
        #expect(table.view(now: at(0.3)).replica == nil)
    }

    @Test func aNewTermEndsTheOldPrimary() {
        var table = RouteTable(stalenessMax: nil)
        hear(&table, answer(1, "primary"), answer(2, "replica"), answer(3, "replica"))
        #expect(table.view(now: at(0.1)).leader?.epoch == 1)
        // The old one has not noticed yet.
        hear(&table, answer(2, "promoting", term: 6, at: 0.2), answer(1, "primary", at: 0.3))
        let between = table.view(now: at(0.3))
        #expect(between.leader == nil && between.reason == "no member is leader" && between.replica == backend(3))
        hear(&table, answer(2, "primary", term: 6, at: 0.4))
        #expect(table.view(now: at(0.4)).leader == .init(address: backend(2), epoch: 2))
        // The same node again, in a later term, is another one to sessions.
        hear(&table, answer(2, "primary", term: 8, at: 0.5))
        #expect(table.view(now: at(0.5)).leader == .init(address: backend(2), epoch: 3))
    }

    @Test func oldAnswersCountNoMore() {
        var table = RouteTable(stalenessMax: nil)
        hear(&table, answer(1, "primary"), answer(2, "replica", at: 2))
        #expect(table.view(now: at(2.9)).leader != nil)
        let later = table.view(now: at(3.1))
        #expect(later.leader == nil && later.replica == backend(2))
        hear(&table, answer(1, "primary", at: 4))
        // Nothing has changed for sessions.
        #expect(table.view(now: at(4)).leader?.epoch == 1)
    }

    @Test func theBoundOfStaleness() {
        var table = RouteTable(stalenessMax: .seconds(5))
        hear(&table, answer(1, "primary"), answer(2, "replica", lag: 6), answer(3, "replica", lag: nil))
        #expect(table.view(now: at(0)).replica == nil)
        hear(&table, answer(2, "replica", lag: 4))
        #expect(table.view(now: at(0)).replica == backend(2))
        // Without a leader nobody knows how much is missing.
        for time in 1...9 {
            hear(&table, answer(2, "replica", at: Double(time), lag: 0))
            let view = table.view(now: at(Double(time)))
            if time > 2 { #expect(view.leader == nil) }
            if time == 9 { #expect(view.replica == nil) } else { #expect(view.replica == backend(2), "\(time)") }
        }
    }

    @Test func theLeaseCountsFromTheQuestion() {
        var table = RouteTable(stalenessMax: nil)
        #expect(table.lease(now: at(0)) == .zero)
        hear(&table, answer(1, "primary", at: 1, lease: 500))
        _ = table.view(now: at(1.2))
        #expect(table.lease(now: at(1.2)) == .milliseconds(300))
        #expect(table.lease(now: at(2)) == .zero)
        hear(&table, answer(1, "replica", at: 1.3, lease: 500))
        #expect(table.lease(now: at(1.3)) == .zero)
    }

    @Test func anotherClusterIsNotMixedIn() {
        var table = RouteTable(stalenessMax: nil)
        hear(&table, answer(1, "primary"))
        #expect(hear(&table, answer(7, "primary", term: 99, cluster: "other")).count == 1)
        #expect(table.view(now: at(0)).leader?.address == backend(1))
    }

    @Test func theExampleIsRight() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..")
        let file = root.appendingPathComponent("topologies/standard-ha/proxy.toml").path
        let configuration = try ConfigurationReader.read(path: file, for: .proxy, environment: [:])
        #expect(configuration.proxy.members.count == 2 && configuration.database.user == "router")
    }

    @Test func theConfigurationNeedsMembersAndNothingOfANode() throws {
        let text = """
            [proxy]
            members = ["db1:8080"]
            [database]
            user = "router"
            """
        #expect(try ConfigurationReader.read(text: text, for: .proxy).proxy.members == ["db1:8080"])
        for (text, word) in [("[proxy]", "proxy.members"), (text + "\n[node]\nidd = 3", "node.idd")] {
            do {
                _ = try ConfigurationReader.read(text: text, for: .proxy)
                Issue.record("\(text) was taken")
            } catch { #expect("\(error)".contains(word), "\(error)") }
        }
    }
}
