import ClusterCore
import Testing

@Suite("Members and their numbers")
struct MembershipTests {
    @Test("Members stand in the order of their numbers and are found by number and name")
    func order() {
        let membership = Membership([member(3), member(1), member(2, .witness)])
        #expect(membership.members.map(\.number) == [node(1), node(2), node(3)])
        #expect(membership[node(2)]?.role == .witness)
        #expect(membership[id: "n3"]?.number == node(3))
        #expect(membership[node(9)] == nil && membership[id: "x"] == nil)
    }

    @Test("A quorum is more than half of those who vote", arguments: [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)])
    func quorum(count: UInt16, quorum: Int) {
        #expect(voters(count).quorum == quorum)
        #expect(voters(count).setting(member(99, .learner)).quorum == quorum)
    }

    @Test("One step adds or removes one voter at most")
    func oneStep() {
        let three = voters(3)
        #expect(voters(4).isOneStep(from: three) && three.isOneStep(from: voters(4)))
        #expect(!voters(5).isOneStep(from: three))
        #expect(!three.removing(node(1)).setting(member(4)).isOneStep(from: three))
        #expect(three.setting(member(2, .learner)).isOneStep(from: three))
        #expect(three.setting(member(2, .witness)).isOneStep(from: three))
        #expect(three.setting(member(8, .learner)).setting(member(9, .learner)).isOneStep(from: three))
    }

    @Test("The lowest free number is given")
    func freeNumber() {
        #expect(Membership().freeNumber == node(1))
        #expect(voters(3).removing(node(2)).freeNumber == node(2))
        #expect(voters(1_023).freeNumber == nil)
    }

    @Test("Roles say who votes, leads and has a database")
    func roles() {
        #expect(Role.allCases.filter(\.votes) == [.voter, .witness])
        #expect(Role.allCases.filter(\.mayLead) == [.voter])
        #expect(Role.allCases.filter(\.hasDatabase) == [.voter, .learner])
    }

    @Test("Numbers go from 1 to 1,023")
    func numbers() {
        #expect(NodeNumber(rawValue: 0) == nil)
        #expect(NodeNumber(rawValue: 1) != nil)
        #expect(NodeNumber(rawValue: 1_023) != nil)
        #expect(NodeNumber(rawValue: 1_024) == nil)
    }

    @Test("LSNs count without falling below zero")
    func lsns() {
        #expect(LSN.zero.previous == .zero)
        #expect(LSN(5) - LSN(3) == 2)
        #expect(LSN(3) - LSN(5) == 0)
        #expect(LSN(3) + 4 == LSN(7))
    }
}
