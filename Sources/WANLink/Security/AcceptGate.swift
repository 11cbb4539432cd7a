import NIOCore

/// Bounds what strangers can take of the listener: connections that are not yet a member's line.
///
/// When there are too many, the oldest of the host that has most of them goes, so that a flood from some hosts drives out
/// its own and a member that comes back finds room. Members' lines do not count.
struct AcceptGate {
    enum Verdict: Equatable {
        case admit(evicting: ObjectIdentifier?)
        /// The host connects too often: a handshake costs the loop that everything else runs on.
        case refuse
    }

    let strangersMax: Int
    let perHostAndSecondMax: Int
    /// Oldest first.
    private var waiting: [(id: ObjectIdentifier, host: String)] = []
    private var arrivals: [String: Int] = [:]
    private var second = NIODeadline.uptimeNanoseconds(0)

    init(strangersMax: Int = 128, perHostAndSecondMax: Int = 200) {
        self.strangersMax = strangersMax
        self.perHostAndSecondMax = perHostAndSecondMax
    }

    var count: Int { waiting.count }

    mutating func arrive(_ id: ObjectIdentifier, from host: String, now: NIODeadline = .now()) -> Verdict {
        if now - second >= .seconds(1) || arrivals.count > 4_096 {
            second = now
            arrivals.removeAll(keepingCapacity: true)
        }
        arrivals[host, default: 0] += 1
        guard arrivals[host, default: 0] <= perHostAndSecondMax else { return .refuse }
        var evicted: ObjectIdentifier?
        if waiting.count >= strangersMax, let index = victim() { evicted = waiting.remove(at: index).id }
        waiting.append((id, host))
        return .admit(evicting: evicted)
    }

    /// It is a member's line now, or gone.
    mutating func leave(_ id: ObjectIdentifier) { waiting.removeAll { $0.id == id } }

    private func victim() -> Int? {
        var counts: [String: Int] = [:]
        for one in waiting { counts[one.host, default: 0] += 1 }
        let most = counts.values.max()
        return waiting.firstIndex { counts[$0.host] == most }
    }
}
