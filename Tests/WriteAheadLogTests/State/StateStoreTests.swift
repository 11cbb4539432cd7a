import ClusterCore
import Foundation
import GRDB
import NIOCore
import Testing
import WriteAheadLog

@Suite struct StateStoreTests {
    let directory: TemporaryDirectory
    var path: String { directory.path + "/state.sqlite" }

    init() throws { directory = try TemporaryDirectory() }

    @Test func remembersTermAndVote() throws {
        let store = try StateStore(path: path)
        #expect(try store.loadHardState() == HardState())
        try store.save(HardState(term: Term(7), votedFor: NodeNumber(3)))
        try store.save(HardState(term: Term(UInt64.max), votedFor: nil))
        #expect(try store.loadHardState() == HardState(term: Term(UInt64.max), votedFor: nil))
        try store.save(HardState(term: Term(8), votedFor: NodeNumber(1023)))
        try store.close()
        #expect(try StateStore(path: path).loadHardState() == HardState(term: Term(8), votedFor: NodeNumber(1023)))
    }

    @Test func remembersWhoItIs() throws {
        let store = try StateStore(path: path)
        #expect(try store.loadIdentity() == nil)
        let identity = Identity(
            clusterName: "shop", clusterID: "c-1", nodeID: "paris-1", number: NodeNumber(2), clusterSecret: [0, 1, 255])
        try store.save(identity)
        #expect(try StateStore(path: path).loadIdentity() == identity)
    }

    @Test func remembersProgress() throws {
        let store = try StateStore(path: path)
        #expect(try store.loadApplied() == AppliedPosition())
        try store.save(committed: LSN(42))
        let position = try #require(GTIDPosition("0-1-40,1-2-9"))
        try store.save(AppliedPosition(lsn: LSN(40), position: position))
        #expect(try store.loadCommitted() == LSN(42))
        #expect(try store.loadApplied() == AppliedPosition(lsn: LSN(40), position: position))
    }

    @Test func keepsTheNewestMemberships() throws {
        let store = try StateStore(path: path)
        for lsn in UInt64(0)..<40 {
            try store.save(StoredMembership(lsn: LSN(lsn), body: ByteBuffer(string: "{\"at\":\(lsn)}")))
        }
        #expect(try store.memberships().map(\.lsn.rawValue) == Array(24..<40))
        try store.removeMemberships(after: LSN(30))
        #expect(try store.memberships().last == StoredMembership(lsn: LSN(30), body: ByteBuffer(string: "{\"at\":30}")))
    }

    @Test func keepsValuesByKey() throws {
        let store = try StateStore(path: path)
        try store.set("token", to: [1, 2, 3])
        #expect(try store.value("token") == [1, 2, 3])
        try store.set("token", to: nil)
        #expect(try store.value("token") == nil)
    }

    @Test func eventHistoryIsBounded() throws {
        let store = try StateStore(path: path)
        for number in 1...StateStore.eventsMax + 250 {
            try store.record(
                Event(time: Date(timeIntervalSince1970: Double(number)), kind: "probe", reason: "\(number)"))
        }
        let all = try store.events(last: .max)
        #expect(all.count <= StateStore.eventsMax)
        #expect(all.count >= StateStore.eventsMax - 100)
        #expect(all.last?.reason == "\(StateStore.eventsMax + 250)")
        let event = Event(
            time: Date(timeIntervalSince1970: 12.5), kind: "failover", reason: "leader lost",
            details: ["from": "1", "to": "2"],
            term: Term(9), lsn: LSN(77))
        try store.record(event)
        #expect(try store.events(last: 1) == [event])
    }

    @Test func durableAndRelaxedWritesShareOneConnection() throws {
        let store = try StateStore(path: path)
        try store.save(committed: LSN(5))
        try store.save(HardState(term: Term(1), votedFor: nil))
        let mode = try DatabaseQueue(path: path).read { try String.fetchOne($0, sql: "PRAGMA journal_mode") }
        #expect(mode == "wal")
    }

    @Test func refusesTheDatabaseOfSomethingElse() throws {
        let other = try DatabaseQueue(path: path)
        try other.write { try $0.execute(sql: "CREATE TABLE cat (name TEXT)") }
        try other.close()
        #expect(throws: StateStoreError.notOurs(path: path)) { try StateStore(path: path) }
    }

    @Test func refusesWhatIsNoDatabase() throws {
        try Data("this is a letter to my aunt, and no database at all".utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: StateStoreError.notOurs(path: path)) { try StateStore(path: path) }
    }

    @Test func refusesTheStateOfANewerVersion() throws {
        try StateStore(path: path).close()
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('99: from the future')") }
        try queue.close()
        #expect(throws: StateStoreError.newer(path: path)) { try StateStore(path: path) }
    }
}
