import ClusterCore
import Foundation
import NIOCore

/// What a node asks of a member over a request connection. JSON on the wire.
enum PeerRequest: Codable, Sendable {
    /// Let me into the cluster, or give me again what I was given.
    case join(Applicant)
    /// My addresses have changed.
    case readdress(Member)
    /// Give me a certificate: from a node that has none yet, to the one that gave it a token.
    case enrol(Enrolment)

    struct Enrolment: Codable, Sendable {
        /// The token's.
        var secret: [UInt8]
        /// A signing request, PEM.
        var request: String
    }

    struct Applicant: Codable, Sendable {
        var id: String
        /// What it wants to be in the end; a voter begins as a learner.
        var role: Role
        var site: String
        var address: String
        var api: String
        /// The configured `cluster.name`; empty accepts any.
        var clusterName: String
        /// The Galera cluster beside it, for a member of a bridge.
        var galera: GaleraIdentity?
    }
}

enum PeerAnswer: Codable, Sendable {
    case welcome(Welcomed)
    case done
    /// This node does not lead; that one does.
    case askLeader(address: String)
    /// Nobody leads now, or the answer can't be known yet: ask again.
    case tryLater(reason: String)
    case refused(reason: String)
    case certificate(Issued)

    struct Issued: Codable, Sendable {
        /// PEM, both.
        var certificate: String
        var ca: String
    }

    struct Welcomed: Codable, Sendable {
        var clusterName: String
        var clusterID: String
        var clusterSecret: [UInt8]
        var number: NodeNumber
        var membership: Membership
        /// Who was removed, and when: older certificates of theirs are worth nothing.
        var removed: [String: Date]?
    }
}

extension ByteBuffer {
    init(json value: some Encodable) throws { self.init(bytes: try JSONEncoder().encode(value)) }
    func decodeJSON<T: Decodable>(_ type: T.Type) throws -> T {
        try JSONDecoder().decode(type, from: Data(readableBytesView))
    }
}
