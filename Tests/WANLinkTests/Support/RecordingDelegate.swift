import ClusterCore
import NIOCore
import WANLink

/// Notes what a network tells it, and lets a test wait until the notes say what it wants.
final class RecordingDelegate: PeerNetworkDelegate {
    struct Notes {
        var control: [String] = []
        var bulkBytes = 0
        var bulkFrames: [ByteBuffer] = []
        /// What arrived in which order: "control" or "bulk".
        var order: [String] = []
        var connected: Set<NodeNumber> = []
        var disconnections: [String] = []
        var writable = 0
        var hellos: [PeerHello] = []
    }
    private let observed = Observed(Notes())
    private let objection: @Sendable (PeerHello) -> String?
    private let answer: @Sendable (ByteBuffer) -> Result<ByteBuffer, PeerNetworkError>
    private let idOf: @Sendable (NodeNumber) -> String?
    private let database: TunnelTarget

    init(
        objection: @escaping @Sendable (PeerHello) -> String? = { _ in nil },
        answer: @escaping @Sendable (ByteBuffer) -> Result<ByteBuffer, PeerNetworkError> = { .success($0) },
        idOf: @escaping @Sendable (NodeNumber) -> String? = { "node-\($0)" },
        database: TunnelTarget = .refused("no database")
    ) {
        self.database = database
        self.idOf = idOf
        self.objection = objection
        self.answer = answer
    }

    var notes: Notes { observed.value }

    func wait(until condition: @escaping @Sendable (Notes) -> Bool) async throws {
        try await observed.wait(until: condition)
    }

    private func note(_ change: (inout Notes) -> Void) { observed.change(change) }

    func peerNetwork(_ network: PeerNetwork, control payload: ByteBuffer, from peer: NodeNumber) {
        note {
            $0.control.append("\(peer): \(String(buffer: payload))")
            $0.order.append("control")
        }
    }
    func peerNetwork(_ network: PeerNetwork, bulk payload: ByteBuffer, from peer: NodeNumber) {
        note {
            $0.bulkBytes += payload.readableBytes
            if payload.readableBytes <= 1 << 20 { $0.bulkFrames.append(payload) }
            $0.order.append("bulk")
        }
    }
    func peerNetwork(_ network: PeerNetwork, connected peer: NodeNumber) { note { $0.connected.insert(peer) } }
    func peerNetwork(_ network: PeerNetwork, disconnected peer: NodeNumber, reason: String) {
        note {
            $0.connected.remove(peer)
            $0.disconnections.append(reason)
        }
    }
    func peerNetwork(_ network: PeerNetwork, bulkWritable peer: NodeNumber) { note { $0.writable += 1 } }
    func peerNetwork(_ network: PeerNetwork, authorize hello: PeerHello) -> String? {
        note { $0.hellos.append(hello) }
        return objection(hello)
    }
    func peerNetwork(_ network: PeerNetwork, idOf peer: NodeNumber) -> String? { idOf(peer) }
    func peerNetwork(_ network: PeerNetwork, databaseFor hello: PeerHello) -> TunnelTarget { database }
    func peerNetwork(
        _ network: PeerNetwork, request: ByteBuffer, from hello: PeerHello
    ) -> EventLoopFuture<ByteBuffer> {
        network.eventLoop.makeCompletedFuture { try answer(request).get() }
    }
}
