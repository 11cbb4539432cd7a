import ArgumentParser
import Foundation
import WANLink

struct CertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cert", abstract: "The certificates with which the members know each other.",
        discussion: """
            On the first node: `wolfscale cert init`. Every other node gets its certificate when it joins with a token of \
            `wolfscale cert token`, or by hand: `wolfscale cert issue NODE`, and the three files copied there.
            """,
        subcommands: [CertInitCommand.self, CertIssueCommand.self, CertShowCommand.self, CertTokenCommand.self])
}

/// Files for the agent's user: in a folder that is made if need be, never in the place of others unless that is said.
struct CertificateFolder {
    let path: String

    /// Makes the folder, readable for its owner only, and gives it to whom the folder above belongs.
    init(_ path: String) throws(CommandFailure) {
        self.path = path
        let manager = FileManager.default
        var missing: [URL] = []
        var url = URL(fileURLWithPath: path)
        while !manager.fileExists(atPath: url.path), url.path != "/" {
            missing.append(url)
            url.deleteLastPathComponent()
        }
        for folder in missing.reversed() {
            do {
                try manager.createDirectory(
                    atPath: folder.path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            } catch {
                // Another command, or the agent, may have made it meanwhile.
                guard !manager.fileExists(atPath: folder.path) else { continue }
                throw CommandFailure("\(folder.path) cannot be made: \(error.localizedDescription)")
            }
            PrivateFile.giveToOwnerOfFolder(folder.path)
        }
    }

    /// Throws when one of the files is there already.
    static func requireFree(_ paths: [String], remedy: String) throws(CommandFailure) {
        let existing = paths.filter { FileManager.default.fileExists(atPath: $0) }
        guard existing.isEmpty else { throw CommandFailure("\(existing.joined(separator: ", ")) exists; \(remedy)") }
    }

    func write(_ text: String, to path: String, isPrivate: Bool, replacing: Bool) throws(CommandFailure) {
        try PrivateFile.write(text, to: path, mode: isPrivate ? 0o600 : 0o644, replacing: replacing)
        PrivateFile.giveToOwnerOfFolder(path)
        print("wrote \(path)")
    }
}

extension CommandFailure {
    init(_ error: SecurityError) { self.init(error.description) }
}

/// The hosts that a certificate names, besides the node: for people and other tools; members go by the node's name.
enum CertificateHosts {
    static func own(_ configuration: Configuration) -> [String] {
        if let advertised = configuration.node.advertiseAddress.flatMap({ PeerAddress($0) }) {
            return [advertised.host]
        }
        guard let bind = PeerAddress(configuration.node.bindAddress) else { return [] }
        return [bind.isWildcard ? ProcessInfo.processInfo.hostName : bind.host]
    }
}
