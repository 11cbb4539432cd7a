import ClusterCore
import Testing

@testable import Agent

@Suite("Where the export of orphans begins in a node's binlog")
struct OrphanExportTests {
    private func start(_ common: String, held: String) throws -> String {
        let common = try #require(GTIDPosition(common))
        return BridgeDriver.exportStart(common, held: try #require(GTIDPosition(held))).description
    }

    @Test("After what the log and the node have in common")
    func afterTheLog() throws { #expect(try start("1-101-54,2-102-3", held: "1-101-60,2-102-3") == "1-101-54,2-102-3") }

    @Test("Never at a GTID that the node does not hold: its applier may stand still, and a domain may be new")
    func notBeyondTheNode() throws {
        #expect(try start("1-101-54,2-102-3", held: "1-101-53,2-102-4") == "1-101-53,2-102-3")
        #expect(try start("1-101-54", held: "2-102-4") == "")
        #expect(try start("", held: "2-102-4") == "")
    }
}
