import Foundation
import WANLink

/// When somebody must be told that certificates end.
enum CertificateExpiry {
    static let warningDays = 30

    /// One sentence with the remedy; nil while there is time.
    static func warning(_ material: TLSMaterial, now: Date) -> String? {
        let own = material.certificate.daysLeft(at: now)
        let authority = material.authorities.map { $0.daysLeft(at: now) }.max() ?? 0
        if authority < warningDays, authority <= own {
            return "the cluster's CA \(ending(authority)): replace it with `wolfscale cert init --rotate`"
        }
        guard own < warningDays else { return nil }
        let name = material.certificate.name ?? "NODE"
        return
            "the certificate of this node \(ending(own)): make a new one with `wolfscale cert issue \(name)` where the "
            + "CA's key is, and put it in the place of the old one"
    }

    private static func ending(_ days: Int) -> String {
        days < 0 ? "has expired" : days == 0 ? "ends within a day" : "ends in \(days) \(days == 1 ? "day" : "days")"
    }
}
