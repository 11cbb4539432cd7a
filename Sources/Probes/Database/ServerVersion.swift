/// A MariaDB version, `10.11.19`, without its suffixes.
public struct ServerVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var major: Int
    public var minor: Int
    public var patch: Int

    public init(_ major: Int, _ minor: Int, _ patch: Int) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    /// Parses `@@version` or a greeting, `5.5.5-10.11.19-MariaDB-log` included; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-")
        let number = parts.first == "5.5.5" && parts.count > 1 ? parts[1] : parts.first
        let digits = (number ?? "").split(separator: ".").map { Int($0) }
        guard digits.count == 3, let major = digits[0], let minor = digits[1], let patch = digits[2] else { return nil }
        self.init(major, minor, patch)
    }

    public var description: String { "\(major).\(minor).\(patch)" }

    public static func < (a: ServerVersion, b: ServerVersion) -> Bool {
        (a.major, a.minor, a.patch) < (b.major, b.minor, b.patch)
    }

    /// Whether `init_rpl_role=SLAVE` makes crash recovery remove the transactions that were never acknowledged
    /// (MDEV-33465): 10.6.19, 10.11.9, 11.4.3 and what follows in each series.
    public var truncatesUnacknowledgedTail: Bool {
        switch (major, minor) {
        case (10, 6): patch >= 19
        case (10, 11): patch >= 9
        case (11, 4): patch >= 3
        case (11, 5): patch >= 2
        case (11, 6...): true
        default: major >= 12
        }
    }
}
