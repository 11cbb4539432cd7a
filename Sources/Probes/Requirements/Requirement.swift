/// One setting that the agent's promise rests on, and what the server has instead.
public struct Requirement: Sendable, Hashable {
    public enum Weight: String, Sendable, Hashable, Codable {
        /// The agent does not serve without it.
        case required
        /// It works without, worse.
        case advised
    }

    public var variable: String
    public var wanted: String
    /// Nil when the server has no such variable.
    public var found: String?
    public var weight: Weight
    /// What goes wrong without it, in one sentence.
    public var reason: String
    /// The line that mends it, for the `[mariadb]` section of an option file; for a version, what to install.
    public var remedy: String
    /// Whether the server has it right.
    public var isMet: Bool

    public init(
        variable: String, wanted: String, found: String?, weight: Weight, reason: String, remedy: String, isMet: Bool
    ) {
        self.variable = variable
        self.wanted = wanted
        self.found = found
        self.weight = weight
        self.reason = reason
        self.remedy = remedy
        self.isMet = isMet
    }
}
