import ClusterCore

/// Who this node is to its peers.
public struct PeerIdentity: Sendable, Hashable {
    public var clusterID: String
    public var number: NodeNumber
    /// The configured `node.id`.
    public var id: String

    public init(clusterID: String, number: NodeNumber, id: String) {
        self.clusterID = clusterID
        self.number = number
        self.id = id
    }
}

/// What the accepting side makes of a hello, before the membership is asked.
enum Introduction {
    enum Verdict: Equatable {
        case welcome(Welcome)
        case refusal(String)
    }

    static func judge(_ hello: PeerHello, me: PeerIdentity?) -> Verdict {
        let mine = PeerHello.supportedProtocols
        guard hello.protocols.overlaps(mine) else {
            return .refusal(
                "this node speaks link protocol \(mine.lowerBound) to \(mine.upperBound), "
                    + "the caller \(hello.protocols.lowerBound) to \(hello.protocols.upperBound)")
        }
        if hello.purpose == .bulk, hello.stream == nil || !hello.features.contains(.bulkSessions) {
            return .refusal("the caller's release is too old for this node's bulk lines; upgrade it")
        }
        if hello.purpose == .tunnel, !hello.features.contains(.tunnels) {
            return .refusal("the caller asks for a tunnel and does not know what that is")
        }
        if hello.purpose != .request, let reason = objection(to: hello, me: me) { return .refusal(reason) }
        let version = min(hello.protocols.upperBound, mine.upperBound)
        return .welcome(
            Welcome(
                protocolVersion: version, features: hello.features.intersection(.supported), number: me?.number,
                id: me?.id ?? ""))
    }

    private static func objection(to hello: PeerHello, me: PeerIdentity?) -> String? {
        guard let me else { return "this node does not belong to a cluster yet" }
        guard hello.clusterID == me.clusterID else {
            return "wrong cluster: this node belongs to \(me.clusterID), the caller to \(hello.clusterID)"
        }
        guard let number = hello.number else { return "the caller has no member number" }
        guard number != me.number else {
            return "the caller says that it is member \(number), which is this node (\(me.id))"
        }
        guard hello.to == nil || hello.to == me.number else {
            return "wrong node: this is member \(me.number) (\(me.id)), the caller wants \(hello.to?.description ?? "")"
        }
        return nil
    }
}
