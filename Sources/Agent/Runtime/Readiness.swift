import NIOConcurrencyHelpers

/// Knows when every one of the agent's services is ready, and says so once: to systemd, so that units ordered after it find an
/// API and a proxy that answer.
final class Readiness: Sendable {
    enum Part: Sendable, Hashable { case node, api, proxy }

    private let awaited: NIOLockedValueBox<Set<Part>>
    private let ready: @Sendable () -> Void

    init(awaiting parts: Set<Part>, ready: @escaping @Sendable () -> Void) {
        awaited = NIOLockedValueBox(parts)
        self.ready = ready
    }

    func reached(_ part: Part) {
        let isLast = awaited.withLockedValue { $0.remove(part) != nil && $0.isEmpty }
        if isLast { ready() }
    }
}
