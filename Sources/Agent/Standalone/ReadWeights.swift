/// `proxy.read_weights`: what share of the sessions a follower has, by the names of nodes.
enum ReadWeights {
    static let weightMax = 1_000

    /// - Returns: what is wrong, for people; nil when nothing is.
    static func problem(_ list: [String]) -> String? {
        var names: Set<String> = []
        for text in list {
            guard let (name, _) = parse(text) else {
                return "\"\(text)\" in proxy.read_weights is no weight; wanted: a node's name and a number from 0 to "
                    + "\(weightMax), as \"db2=3\""
            }
            guard names.insert(name).inserted else { return "proxy.read_weights names \(name) twice" }
        }
        return nil
    }

    static func weights(_ list: [String]) -> [String: Int] {
        Dictionary(list.compactMap(parse), uniquingKeysWith: { first, _ in first })
    }

    private static func parse(_ text: String) -> (String, Int)? {
        let parts = text.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, let weight = Int(parts[1]), (0...weightMax).contains(weight) else {
            return nil
        }
        return (String(parts[0]), weight)
    }
}
