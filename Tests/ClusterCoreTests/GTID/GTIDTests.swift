import ClusterCore
import Testing

@Suite("GTIDs")
struct GTIDTests {
    @Test("A GTID reads what it writes")
    func roundTrip() {
        for gtid in [
            GTID(domain: 0, server: 1, sequence: 42),
            GTID(domain: .max, server: .max, sequence: .max), GTID(domain: 0, server: 0, sequence: 0),
        ] {
            #expect(GTID(gtid.description) == gtid)
        }
        #expect(GTID("0-1-42")?.description == "0-1-42")
    }

    @Test(
        "Anything else is no GTID",
        arguments: [
            "", "-", "--", "0-1", "0-1-", "0-1-2-3", "a-1-2", "0--2", "-0-1-2", "0-1-18446744073709551616",
            "4294967296-1-1", " 0-1-2", "0-1-2 ", "0-1--2",
        ])
    func malformed(text: String) { #expect(GTID(text) == nil) }

    @Test("A position keeps the last of each domain, in the order of the domains")
    func position() throws {
        let position = try #require(GTIDPosition("3-1-7,0-2-5,0-1-9"))
        #expect(position.description == "0-1-9,3-1-7")
        #expect(position[0] == GTID(domain: 0, server: 1, sequence: 9))
        #expect(position[1] == nil)
        #expect(GTIDPosition("")?.isEmpty == true)
        #expect(GTIDPosition("0-1-9, 3-1-7") == position, "as SHOW VARIABLES breaks long lists")
        #expect(GTIDPosition("0-1-9,\n3-1-7") == position)
        #expect(GTIDPosition("0-1-9;3-1-7") == nil)
    }

    @Test("A position only moves forward")
    func advances() throws {
        var position = try #require(GTIDPosition("0-1-9"))
        position.advance(to: GTID(domain: 0, server: 2, sequence: 8))
        position.advance(to: GTID(domain: 0, server: 2, sequence: 9))
        #expect(position.description == "0-1-9")
        position.advance(to: GTID(domain: 0, server: 2, sequence: 10))
        position.advance(to: GTIDPosition([GTID(domain: 4, server: 1, sequence: 1)]))
        #expect(position.description == "0-2-10,4-1-1")
    }

    @Test("A position covers what lies at or before it in every domain")
    func covers() throws {
        let position = try #require(GTIDPosition("0-1-9,3-1-7"))
        #expect(position.covers(GTID(domain: 0, server: 5, sequence: 9)))
        #expect(!position.covers(GTID(domain: 0, server: 1, sequence: 10)))
        #expect(!position.covers(GTID(domain: 1, server: 1, sequence: 1)))
        #expect(position.covers(try #require(GTIDPosition("3-9-7"))))
        #expect(!position.covers(try #require(GTIDPosition("0-1-1,9-1-1"))))
        #expect(position.covers(GTIDPosition()))
        #expect(!GTIDPosition().covers(position))
    }

    @Test("A state keeps the last of each domain and server, as gtid_binlog_state prints it")
    func state() throws {
        var state = try #require(GTIDState("0-2-12,0-1-10,1-1-3"))
        #expect(state.description == "0-1-10,0-2-12,1-1-3")
        #expect(state.position.description == "0-2-12,1-1-3")
        state.advance(to: GTID(domain: 0, server: 1, sequence: 13))
        state.advance(to: GTID(domain: 0, server: 2, sequence: 11))
        #expect(state.description == "0-2-12,0-1-13,1-1-3")
        #expect(state.position.description == "0-1-13,1-1-3")
        var other = GTIDState()
        #expect(other.isEmpty && GTIDState("") == other)
        other.advance(to: state)
        #expect(other == state)
        #expect(GTIDState("0-1") == nil)
    }
}
