import ClusterCore
import NIOCore
import Synchronization
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
    private struct State {
        var notes = Notes()
        var waiters: [(condition: @Sendable (Notes) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
        var keepsBulk = true
    }
    private let state = Mutex(State())
    private let objection: @Sendable (PeerHello) -> String?
    private let answer: @Sendable (ByteBuffer) -> Result<ByteBuffer, PeerNetworkError>

    init(
        objection: @escaping @Sendable (PeerHello) -> String? = { _ in nil },
        answer: @escaping @Sendable (ByteBuffer) -> Result<ByteBuffer, PeerNetworkError> = { .success($0) }
    ) {
        self.objection = objection
        self.answer = answer
    }

    var notes: Notes { state.withLock { $0.notes } }

    /// Suspends until the notes satisfy `condition`; the test's time limit ends a wait in vain.
    func wait(until condition: @escaping @Sendable (Notes) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isTrueNow = state.withLock { state in
                if condition(state.notes) { return true }
                state.waiters.append((condition, continuation))
                return false
            }
            if isTrueNow { continuation.resume() }
        }
    }

    private func note(_ change: (inout Notes) -> Void) {
        let ready = state.withLock { state in
            change(&state.notes)
            let notes = state.notes
            let ready = state.waiters.filter { $0.condition(notes) }
            state.waiters.removeAll { $0.condition(notes) }
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
    }

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
    func peerNetwork(
        _ network: PeerNetwork, request: ByteBuffer, from address: String
    ) -> EventLoopFuture<ByteBuffer> {
        network.eventLoop.makeCompletedFuture { try answer(request).get() }
    }
}
