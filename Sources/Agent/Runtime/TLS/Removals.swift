import ClusterCore
import Foundation
import Logging
import WANLink
import WriteAheadLog

/// Who was removed from the cluster, and when: a certificate that is older than that is worth nothing any more, even if a
/// node of that name joins again.
@NodeLoop
final class Removals {
    private struct Book: Codable {
        var members: Set<String> = []
        var removed: [String: Date] = [:]
    }

    /// The oldest are forgotten beyond it.
    nonisolated static let removedMax = 4_096
    private static let key = "removals"

    private let store: StateStore
    private let logger: Logger
    private var book = Book()

    init(store: StateStore, logger: Logger) {
        self.store = store
        self.logger = logger
        do {
            if let bytes = try store.value(Self.key) { book = try JSONDecoder().decode(Book.self, from: Data(bytes)) }
        } catch { logger.error("who was removed can't be read", metadata: ["error": "\(error)"]) }
    }

    /// What a node that joins is told.
    var all: [String: Date] { book.removed }

    /// A membership is committed.
    func committed(_ membership: Membership, now: Date = Date()) {
        let members = Set(membership.members.map(\.id))
        guard members != book.members else { return }
        for id in book.members.subtracting(members) { book.removed[id] = now }
        book.members = members
        while book.removed.count > Self.removedMax, let oldest = book.removed.min(by: { $0.value < $1.value }) {
            book.removed[oldest.key] = nil
        }
        do { try store.set(Self.key, to: [UInt8](try JSONEncoder().encode(book))) } catch {
            logger.error("who was removed can't be saved", metadata: ["error": "\(error)"])
        }
    }

    /// Keeps what the cluster knows for a node that has just joined, before it runs.
    nonisolated static func learn(_ removed: [String: Date], in store: StateStore) throws {
        guard !removed.isEmpty else { return }
        try store.set("removals", to: [UInt8](try JSONEncoder().encode(Book(removed: removed))))
    }

    /// Why a certificate counts no more; nil when it does.
    func objection(to certificate: CertificateDetails?) -> String? {
        // Certificates count in seconds.
        guard let certificate, let name = certificate.name, let removed = book.removed[name],
            certificate.issuedAt.addingTimeInterval(1) < removed
        else { return nil }
        return
            "\(name) was removed on \(removed.formatted(.iso8601)), and this certificate is older; it needs a new one: "
            + "wolfscale cert token, or wolfscale cert issue \(name)"
    }
}
