/// Chooses replicas for sessions in turn, each as often as its weight says: smooth weighted round robin, as nginx has it. Of
/// weights 3 and 1 the turns are A A B A, not A A A B.
struct ReplicaRotation {
    private var credits: [BackendAddress: Int] = [:]

    mutating func next(of candidates: [ProxyView.Replica]) -> BackendAddress? {
        guard candidates.count > 1 else { return candidates.first?.address }
        for candidate in candidates { credits[candidate.address, default: 0] += candidate.weight }
        let chosen = candidates.max { credits[$0.address, default: 0] < credits[$1.address, default: 0] }?.address
        guard let chosen else { return nil }
        credits[chosen, default: 0] -= candidates.reduce(0) { $0 + $1.weight }
        return chosen
    }

    mutating func forget(allBut replicas: [ProxyView.Replica]) {
        credits = credits.filter { known in replicas.contains { $0.address == known.key } }
    }
}
