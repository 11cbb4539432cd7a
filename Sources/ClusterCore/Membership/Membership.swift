/// Who belongs to the cluster. Changed by one member at a time, so that any two successive majorities overlap
/// (Ongaro's thesis, section 4.1).
public struct Membership: Sendable, Hashable, Codable {
    /// In the order of their numbers.
    public private(set) var members: [Member]

    public init(_ members: [Member] = []) { self.members = members.sorted { $0.number < $1.number } }

    public subscript(number: NodeNumber) -> Member? { members.first { $0.number == number } }
    public subscript(id id: String) -> Member? { members.first { $0.id == id } }

    /// Those whose vote and whose disk count, witnesses included.
    public var voters: [Member] { members.filter(\.role.votes) }
    /// How many voters a decision needs.
    public var quorum: Int { voters.count / 2 + 1 }

    /// The same membership with `member` added, or put in the place of the one with its number.
    public func setting(_ member: Member) -> Membership {
        Membership(members.filter { $0.number != member.number } + [member])
    }
    public func removing(_ number: NodeNumber) -> Membership { Membership(members.filter { $0.number != number }) }

    /// Whether at most one voter is added, removed or changed between the two.
    public func isOneStep(from old: Membership) -> Bool {
        let now = Set(voters.map(\.number))
        let before = Set(old.voters.map(\.number))
        return now.symmetricDifference(before).count <= 1
    }

    /// The lowest number that no member has; nil when all 1,023 are taken.
    public var freeNumber: NodeNumber? {
        let taken = Set(members.map(\.number.rawValue))
        return NodeNumber.range.first { !taken.contains($0) }.map { NodeNumber($0) }
    }
}
