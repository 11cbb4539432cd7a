import Foundation
import Synchronization
import WANLink

/// The join tokens that this machine gave out: one file each, with the digest of the secret, never the secret. The command
/// `wolfscale cert token` adds them, the agent takes them in.
struct TokenStore: Sendable {
    struct Entry: Codable, Equatable {
        var digest: String
        var expires: Date
        /// The only node that may use it; nil for any new one.
        var node: String?
        /// The digest of the key that it was used with, and for whom.
        var usedFor: String?
        var usedBy: String?

        enum CodingKeys: String, CodingKey {
            case digest, expires, node
            case usedFor = "used_for"
            case usedBy = "used_by"
        }
    }

    /// As many as anybody needs at a time.
    static let entriesMax = 256
    /// How long a token that is used or expired is remembered, so that its bearer is told so.
    static let rememberedSeconds: TimeInterval = 3_600

    let folder: String
    private static let oneAtATime = Mutex<Void>(())

    init(folder: String) { self.folder = folder }

    func add(_ token: JoinToken, expires: Date, node: String?, now: Date = Date()) throws {
        prune(now: now)
        guard names().count < Self.entriesMax else {
            throw CommandFailure(
                "\(Self.entriesMax) tokens wait in \(folder); wait until some expire, or remove them there")
        }
        try save(Entry(digest: token.digest, expires: expires, node: node), replacing: false)
    }

    /// Whether there is a token that somebody may come with, even if only to be told that it is used or expired.
    func isAwaiting(now: Date = Date()) -> Bool {
        prune(now: now)
        return !names().isEmpty
    }

    /// Uses a token up.
    ///
    /// - Parameters:
    ///   - key: the digest of the applicant's key: with the same one it may ask again, should an answer have been lost.
    ///   - isMember: whether a node of that name is in the cluster.
    /// - Returns: why it is refused; nil when it may have its certificate. What says so is on the disk by then.
    func redeem(secret: [UInt8], node: String, key: String, isMember: Bool, now: Date = Date()) throws -> String? {
        try Self.oneAtATime.withLock { _ in
            let digest = JoinToken.digest(of: secret)
            guard var entry = try load(digest) else {
                return "this node does not know the token: it was made at another node, or is long expired. "
                    + "`wolfscale cert token` makes a new one"
            }
            guard now <= entry.expires else {
                return "the token has expired; `wolfscale cert token` makes a new one"
            }
            if let only = entry.node, only != node { return "the token is for \(only), not for \(node)" }
            if let used = entry.usedFor {
                return used == key && entry.usedBy == node
                    ? nil : "the token has been used already; `wolfscale cert token` makes a new one"
            }
            if isMember, entry.node == nil {
                return "\(node) is a member already; give this node another node.id, or make the token for that one: "
                    + "wolfscale cert token --node \(node)"
            }
            (entry.usedFor, entry.usedBy) = (key, node)
            try save(entry, replacing: true)
            return nil
        }
    }

    // MARK: Files

    private func names() -> [String] {
        // A folder that is not there holds none.
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".json") }
        } catch { return [] }
    }

    private func path(_ digest: String) -> String { "\(folder)/\(digest.prefix(32)).json" }

    /// nil for a token that is not known.
    private func load(_ digest: String) throws -> Entry? {
        guard let data = FileManager.default.contents(atPath: path(digest)) else { return nil }
        let entry = try JSONDecoder().decode(Entry.self, from: data)
        return entry.digest == digest ? entry : nil
    }

    private func save(_ entry: Entry, replacing: Bool) throws {
        let text = String(decoding: try JSONEncoder().encode(entry), as: UTF8.self)
        _ = try CertificateFolder(folder)
        try PrivateFile.write(text, to: path(entry.digest), mode: 0o600, replacing: replacing)
        PrivateFile.giveToOwnerOfFolder(path(entry.digest))
    }

    private func prune(now: Date) {
        for name in names() {
            let path = "\(folder)/\(name)"
            guard let data = FileManager.default.contents(atPath: path) else { continue }
            do {
                let entry = try JSONDecoder().decode(Entry.self, from: data)
                if now > entry.expires.addingTimeInterval(Self.rememberedSeconds) {
                    try FileManager.default.removeItem(atPath: path)
                }
            } catch {
                // What cannot be read lets nobody in, and is not ours to remove.
            }
        }
    }
}
