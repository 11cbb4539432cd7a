import ClusterCore
import Testing

@Suite("Caretakers: the log is where nobody can serve")
struct CaretakerTests {
    private let membership = Membership([member(1), member(2), member(3, .witness)])

    @Test("A witness that alone holds what was committed leads until a voter has it")
    func witness() throws {
        var cluster = TestCluster(membership)
        cluster.elect(1)
        cluster.pass(100)
        cluster.cutOff = [node(2)]
        try cluster.propose(7, at: 1)
        #expect(cluster[1].committed == LSN(8))
        cluster.cutOff = [node(1)]
        cluster.pass(2_000)
        #expect(cluster.leader == 2 || cluster[2].role == .leader)
        #expect(cluster[2].committed > LSN(8))
        #expect(cluster[2].log.term(at: LSN(8)) == Term(1))
        let caretaker = cluster.notices(of: 3).contains {
            if case .roleChanged(_, .leader, _, .caretaker) = $0 { true } else { false }
        }
        #expect(caretaker)
        #expect(!cluster[2].isCaretaker)
    }

    @Test("A witness leaves the election to a voter that has as much")
    func patience() {
        var cluster = TestCluster(membership)
        cluster.elect(1)
        cluster.pass(100)
        cluster.cutOff = [node(1)]
        cluster.pass(700)
        #expect(cluster[2].role == .leader)
        #expect(!cluster.notices(of: 3).contains { if case .electionStarted = $0 { true } else { false } })
    }

    @Test("A witness takes no proposals and does not follow a request to lead")
    func noWork() {
        var cluster = TestCluster(membership)
        cluster.cutOff = [node(1), node(2)]
        cluster.handle(.campaign, at: 3)
        #expect(cluster.notices(of: 3) == [.electionNotStarted(.notEligible(.witness))])
        cluster.cutOff = [node(1)]
        cluster.handle(.mayLead(false), at: 2)
        cluster.pass(2_000)
        if cluster[3].role == .leader {
            #expect(throws: ProposeError.caretaker) { try cluster.propose(at: 3) }
        }
    }

    @Test("A voter whose database is down hands over as soon as another can serve")
    func databaseDown() {
        var cluster = TestCluster(voters(3))
        for number in UInt16(1)...3 { cluster.handle(.mayLead(false), at: number) }
        cluster.pass(2_000)
        guard let first = cluster.leader else { return #expect(Bool(false), "nobody leads") }
        #expect(cluster[first].isCaretaker)
        let other: UInt16 = first == 1 ? 2 : 1
        cluster.handle(.mayLead(true), at: other)
        cluster.pass(200)
        #expect(cluster.leader == other && !cluster[other].isCaretaker)
    }

    @Test("A caretaker whose database comes back stays leader")
    func databaseBack() {
        var cluster = TestCluster(voters(3))
        for number in UInt16(1)...3 { cluster.handle(.mayLead(false), at: number) }
        cluster.pass(2_000)
        guard let first = cluster.leader else { return #expect(Bool(false), "nobody leads") }
        let term = cluster[first].term
        cluster.handle(.mayLead(true), at: first)
        cluster.pass(500)
        #expect(cluster.leader == first && cluster[first].term == term && !cluster[first].isCaretaker)
    }

    @Test("A leader whose database fails hands over, but stays while nobody could do better")
    func leaderFails() {
        var cluster = TestCluster(voters(3))
        for number in UInt16(2)...3 { cluster.handle(.mayLead(false), at: number) }
        cluster.elect(1)
        cluster.handle(.mayLead(false), at: 1)
        cluster.pass(1_000)
        #expect(cluster.leader == 1 && cluster[1].isCaretaker)
        cluster.handle(.mayLead(true), at: 3)
        cluster.pass(200)
        #expect(cluster.leader == 3)
    }
}
