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
                clusterID: cluster, number: NodeNumber(number), node: "db\(number)", term: Term(term),
                database: database,
                address: database == "none" ? nil : "10.0.0.\(number):3306", lagSeconds: lag, leaseMS: lease,
                reason: database == "primary" ? "" : "no member is leader"),
            askedAt: at(time), roundTrip: roundTrip)
    }

    private func read(_ number: Int, weight: Int = 1) -> ProxyView.Replica {
        .init(address: backend(number), weight: weight)
    }

    private func backend(_ number: Int) -> BackendAddress { .tcp(host: "10.0.0.\(number)", port: 3306) }

    @discardableResult
    private func hear(_ table: inout RouteTable, _ answers: RouteTable.Answer...) -> [String] {
        answers.compactMap { table.heard($0, from: "10.0.0.\($0.route.number):8080") }
    }

    @Test func writesGoToThePrimaryAndReadsToTheNearestReplica() {
        var table = RouteTable(.init())
        let empty = table.view(now: at(0))
        #expect(empty.leader == nil && empty.replicas.isEmpty && empty.reason == "no member of the cluster answers")
        hear(
            &table, answer(1, "primary"), answer(2, "replica", roundTrip: .milliseconds(29)),
            answer(3, "replica", roundTrip: .milliseconds(2)), answer(4, "none"))
        let view = table.view(now: at(0.1))
        #expect(view == ProxyView(leader: .init(address: backend(1), epoch: 1), replicas: [read(3)], reason: ""))
        hear(&table, answer(3, "recovering", at: 0.3))
        #expect(table.view(now: at(0.3)).replicas == [read(2)])
        hear(&table, answer(2, "down", at: 0.3))
        #expect(table.view(now: at(0.3)).replicas.isEmpty)
    }

    @Test func thoseWithinTheWindowOfTheNearestShareTheReads() {
        var table = RouteTable(.init(nearestWindow: .milliseconds(10)))
        hear(
            &table, answer(1, "primary"), answer(2, "replica", roundTrip: .milliseconds(90)),
            answer(3, "replica", roundTrip: .milliseconds(1)), answer(4, "replica", roundTrip: .milliseconds(12)))
        #expect(table.view(now: at(0)).replicas == [read(3)])
        // The first round trip may have made the connection; queues only add to it.
        hear(&table, answer(4, "replica", roundTrip: .milliseconds(11)))
        #expect(table.view(now: at(0)).replicas == [read(3), read(4)])
        hear(&table, answer(4, "replica", roundTrip: .milliseconds(400)))
        #expect(table.view(now: at(0)).replicas == [read(3), read(4)])
        // With another one nearer by 4 ms it would not have come in; it stays.
        hear(&table, answer(5, "replica", roundTrip: .zero), answer(2, "replica", roundTrip: .milliseconds(14)))
        hear(&table, answer(3, "down"))
        #expect(table.view(now: at(0)).replicas == [read(4), read(5)])
        // It is further away for good: the short ones are forgotten.
        for _ in 0..<200 { hear(&table, answer(4, "replica", roundTrip: .milliseconds(16))) }
        #expect(table.view(now: at(0)).replicas == [read(5)])
    }

    @Test func weightsAreGivenByName() {
        var table = RouteTable(.init(weights: ["db2": 3, "db3": 0, "db9": 2]))
        hear(&table, answer(1, "primary"), answer(3, "replica"))
        #expect(table.view(now: at(0)).replicas.isEmpty)
        hear(&table, answer(2, "replica"), answer(4, "replica"))
        #expect(table.view(now: at(0)).replicas == [read(2, weight: 3), read(4)])
        #expect(table.members == 4 && table.unknownNames == ["db9"])
    }

    @Test func aNewTermEndsTheOldPrimary() {
        var table = RouteTable(.init())
        hear(&table, answer(1, "primary"), answer(2, "replica"), answer(3, "replica"))
        #expect(table.view(now: at(0.1)).leader?.epoch == 1)
        // The old one has not noticed yet.
        hear(&table, answer(2, "promoting", term: 6, at: 0.2), answer(1, "primary", at: 0.3))
        let between = table.view(now: at(0.3))
        #expect(between.leader == nil && between.reason == "no member is leader" && between.replicas == [read(3)])
        hear(&table, answer(2, "primary", term: 6, at: 0.4))
        #expect(table.view(now: at(0.4)).leader == .init(address: backend(2), epoch: 2))
        // The same node again, in a later term, is another one to sessions.
        hear(&table, answer(2, "primary", term: 8, at: 0.5))
        #expect(table.view(now: at(0.5)).leader == .init(address: backend(2), epoch: 3))
    }

    @Test func oldAnswersCountNoMore() {
        var table = RouteTable(.init())
        hear(&table, answer(1, "primary"), answer(2, "replica", at: 2))
        #expect(table.view(now: at(2.9)).leader != nil)
        let later = table.view(now: at(3.1))
        #expect(later.leader == nil && later.replicas == [read(2)])
        hear(&table, answer(1, "primary", at: 4))
        // Nothing has changed for sessions.
        #expect(table.view(now: at(4)).leader?.epoch == 1)
    }

    @Test func theBoundOfStaleness() {
        var table = RouteTable(.init(stalenessMax: .seconds(5)))
        hear(&table, answer(1, "primary"), answer(2, "replica", lag: 6), answer(3, "replica", lag: nil))
        #expect(table.view(now: at(0)).replicas.isEmpty)
        hear(&table, answer(2, "replica", lag: 4))
        #expect(table.view(now: at(0)).replicas == [read(2)])
        // What was said ages.
        #expect(table.view(now: at(1)).replicas == [read(2)])
        #expect(table.view(now: at(1.1)).replicas.isEmpty)
        hear(&table, answer(1, "primary"), answer(2, "replica"))
        // Without a leader nobody knows how much is missing.
        for time in 1...9 {
            hear(&table, answer(2, "replica", at: Double(time), lag: 0))
            let view = table.view(now: at(Double(time)))
            if time > 2 { #expect(view.leader == nil) }
            if time == 9 { #expect(view.replicas.isEmpty) } else { #expect(view.replicas == [read(2)], "\(time)") }
        }
    }

    @Test func theLeaseCountsFromTheQuestion() {
        var table = RouteTable(.init())
        #expect(table.lease(now: at(0)) == .zero)
        hear(&table, answer(1, "primary", at: 1, lease: 500))
        _ = table.view(now: at(1.2))
        #expect(table.lease(now: at(1.2)) == .milliseconds(300))
        #expect(table.lease(now: at(2)) == .zero)
        hear(&table, answer(1, "replica", at: 1.3, lease: 500))
        #expect(table.lease(now: at(1.3)) == .zero)
    }

    @Test func anotherClusterIsNotMixedIn() {
        var table = RouteTable(.init())
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
        let weights = ["db2", "db2=-1", "=3", "db2=1001", "db2=1=1"].map { ["\"\($0)\""] } + [["\"a=1\"", "\"a=2\""]]
        let wrong = weights.map {
            (
                text.replacing("[database]", with: "read_weights = [\($0.joined(separator: ", "))]\n[database]"),
                "proxy.read_weights"
            )
        }
        for (text, word) in [("[proxy]", "proxy.members"), (text + "\n[node]\nidd = 3", "node.idd")] + wrong {
            do {
                _ = try ConfigurationReader.read(text: text, for: .proxy)
                Issue.record("\(text) was taken")
            } catch { #expect("\(error)".contains(word), "\(error)") }
        }
    }
}
