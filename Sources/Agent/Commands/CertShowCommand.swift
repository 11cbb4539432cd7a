import ArgumentParser
import Foundation
import WANLink

struct CertShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the certificates that are here, and when they end.",
        discussion: "Exits with 1 when the agent could not use them.")

    @OptionGroup var options: ConfigurationOptions
    @Flag(help: "Print it as JSON.") var json = false

    func run() throws {
        let configuration = try options.load()
        let report = CertificateReport(configuration)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            print(report.render())
        }
        if report.problem != nil { throw ExitCode.failure }
    }
}

/// What lies in the files of `[tls]`.
struct CertificateReport: Encodable {
    struct Entry: Encodable {
        /// `authority` or `node`.
        var kind: String
        var file: String
        /// The node's name; nil for an authority.
        var name: String?
        var subject: String
        var issuer: String
        var serial: String
        var alternativeNames: [String]
        var notBefore: String
        var notAfter: String
        var daysLeft: Int
        /// SHA-256.
        var fingerprint: String

        enum CodingKeys: String, CodingKey {
            case kind, file, name, subject, issuer, serial, fingerprint
            case alternativeNames = "alternative_names"
            case notBefore = "not_before"
            case notAfter = "not_after"
            case daysLeft = "days_left"
        }
    }

    var certificates: [Entry] = []
    /// Whether this machine can issue certificates.
    var hasAuthorityKey: Bool
    /// Why the agent could not use them.
    var problem: String?

    enum CodingKeys: String, CodingKey {
        case certificates, problem
        case hasAuthorityKey = "has_ca_key"
    }

    init(_ configuration: Configuration, now: Date = Date()) {
        let files = configuration.tlsFiles
        hasAuthorityKey = FileManager.default.fileExists(atPath: files.caKey)
        for (kind, path) in [("authority", files.ca), ("node", files.certificate)] {
            guard FileManager.default.fileExists(atPath: path) else { continue }
            do {
                let text = try String(contentsOfFile: path, encoding: .utf8)
                certificates += try CertificateDetails.all(inPEM: text).map { Entry($0, kind, path, now) }
            } catch { problem = "\(path): \(error)" }
        }
        guard problem == nil else { return }
        guard configuration.usesTLS else {
            problem =
                certificates.isEmpty
                ? "there are no certificates in \(files.folder); `wolfscale cert init` makes the first"
                : "this node has no certificate; `wolfscale cert issue \(configuration.node.id)` makes one where the CA's key is"
            return
        }
        do { _ = try TLSLoader.load(files, node: configuration.node.id, now: now) } catch {
            problem = error.description
        }
    }

    func render() -> String {
        var table = TextTable(["KIND", "NAME", "ENDS", "DAYS", "SERIAL", "SIGNED BY", "FILE"], rightAligned: [3])
        for entry in certificates {
            table.add([
                entry.kind, entry.name ?? entry.subject, entry.notAfter, "\(entry.daysLeft)",
                String(entry.serial.prefix(16)),
                entry.issuer, entry.file,
            ])
        }
        var lines = certificates.isEmpty ? [] : [table.render()]
        lines.append(hasAuthorityKey ? "the CA's key is on this machine" : "the CA's key is not on this machine")
        if let problem { lines.append("problem: \(problem)") }
        return lines.joined(separator: "\n")
    }
}

extension CertificateReport.Entry {
    init(_ certificate: CertificateDetails, _ kind: String, _ file: String, _ now: Date) {
        self.init(
            kind: kind, file: file, name: certificate.name, subject: certificate.subject, issuer: certificate.issuer,
            serial: certificate.serial, alternativeNames: certificate.alternativeNames,
            notBefore: certificate.notBefore.formatted(.iso8601), notAfter: certificate.notAfter.formatted(.iso8601),
            daysLeft: certificate.daysLeft(at: now),
            fingerprint: certificate.fingerprint.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
    }
}
