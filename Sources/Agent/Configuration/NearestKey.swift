/// Finds what someone may have meant.
enum NearestKey {
    /// The candidate with the smallest edit distance, if it is near enough to be a slip: a third of the length, at
    /// least 2.
    static func of(_ word: String, in candidates: some Sequence<String>) -> String? {
        let nearest = candidates.map { (word: $0, distance: distance(word, $0)) }
            .min { ($0.distance, $0.word) < ($1.distance, $1.word) }
        guard let nearest, nearest.distance <= max(2, word.count / 3) else { return nil }
        return nearest.word
    }

    /// Levenshtein's distance, in which two swapped neighbours count as one change.
    static func distance(_ a: String, _ b: String) -> Int {
        let (a, b) = (Array(a.prefix(128)), Array(b.prefix(128)))
        guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
        var before: [Int] = []
        var previous = Array(0...b.count)
        for i in 1...a.count {
            var row = [i]
            for j in 1...b.count {
                let change = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
                var best = min(change, previous[j] + 1, row[j - 1] + 1)
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { best = min(best, before[j - 2] + 1) }
                row.append(best)
            }
            (before, previous) = (previous, row)
        }
        return previous[b.count]
    }
}
