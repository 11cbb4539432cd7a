extension NodeStatus {
    /// How the members talk with each other.
    public struct TLS: Sendable, Hashable, Codable {
        public var enabled: Bool
        /// The name in this node's certificate.
        @OrNull public var certificate: String?
        /// RFC 3339, UTC.
        @OrNull public var notAfter: String?
        /// Whole days; negative when it has ended.
        @OrNull public var daysLeft: Int?
        /// When the last authority that this node trusts ends.
        @OrNull public var caNotAfter: String?

        enum CodingKeys: String, CodingKey {
            case enabled, certificate
            case notAfter = "not_after"
            case daysLeft = "days_left"
            case caNotAfter = "ca_not_after"
        }

        public static let off = TLS(enabled: false)

        public init(
            enabled: Bool, certificate: String? = nil, notAfter: String? = nil, daysLeft: Int? = nil,
            caNotAfter: String? = nil
        ) {
            self.enabled = enabled
            self.certificate = certificate
            self.notAfter = notAfter
            self.daysLeft = daysLeft
            self.caNotAfter = caNotAfter
        }
    }
}
