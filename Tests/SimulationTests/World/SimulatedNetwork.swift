import ClusterCore

/// Loses, delays, doubles, reorders and partitions. Control and bulk are channels of their own.
struct SimulatedNetwork {
    struct Conditions {
        /// Of 1,000 messages.
        var lossPerMille: UInt64 = 0
        var duplicatesPerMille: UInt64 = 0
        var delayMin: UInt64 = millisecond / 10
        var delaySpread: UInt64 = 2 * millisecond
        /// Of 1,000 messages: those that take up to `longDelay`.
        var longDelaysPerMille: UInt64 = 0
        var longDelay: UInt64 = 500 * millisecond
        /// Else each channel keeps its order, as TCP does.
        var reorders = false
    }

    var conditions: Conditions
    private let size: Int
    private var blocked: [Bool]
    /// When the last message of each channel arrives.
    private var lastArrival: [UInt64]

    init(size: Int, conditions: Conditions) {
        self.size = size
        self.conditions = conditions
        blocked = Array(repeating: false, count: size * size)
        lastArrival = Array(repeating: 0, count: size * size * 2)
    }

    func isBlocked(from: Int, to: Int) -> Bool { blocked[from * size + to] }
    mutating func block(from: Int, to: Int) { blocked[from * size + to] = true }
    mutating func heal() { for index in blocked.indices { blocked[index] = false } }

    /// When the message arrives: never, once or twice.
    mutating func arrivals(
        from: Int, to: Int, isBulk: Bool, now: UInt64, _ chance: inout SplitMix64, _ deliver: (UInt64) -> Void
    ) {
        guard !isBlocked(from: from, to: to), chance.below(1_000) >= conditions.lossPerMille else { return }
        deliver(arrival(from: from, to: to, isBulk: isBulk, now: now, &chance))
        guard conditions.duplicatesPerMille > 0, chance.below(1_000) < conditions.duplicatesPerMille else { return }
        deliver(arrival(from: from, to: to, isBulk: isBulk, now: now, &chance))
    }

    private mutating func arrival(
        from: Int, to: Int, isBulk: Bool, now: UInt64, _ chance: inout SplitMix64
    ) -> UInt64 {
        let isLong = conditions.longDelaysPerMille > 0 && chance.below(1_000) < conditions.longDelaysPerMille
        let spread = isLong ? conditions.longDelay : conditions.delaySpread
        let time = now + conditions.delayMin + chance.below(spread)
        if conditions.reorders { return time }
        let channel = (from * size + to) * 2 + (isBulk ? 1 : 0)
        lastArrival[channel] = max(lastArrival[channel] + 1, time)
        return lastArrival[channel]
    }
}
