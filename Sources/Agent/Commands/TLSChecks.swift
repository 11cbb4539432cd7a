import Foundation
import WANLink

/// Whether the certificates that the configuration asks for can be used.
struct TLSChecks {
    let configuration: Configuration
    var now = Date()

    init(_ configuration: Configuration, now: Date = Date()) {
        self.configuration = configuration
        self.now = now
    }

    func run() -> [Check] {
        if let problem = configuration.bindingProblem {
            return [Check("node.bind_address", .failed, "node.bind_address: \(problem)")]
        }
        guard configuration.usesTLS else { return [] }
        let files = configuration.tlsFiles
        var checks: [Check] = []
        do {
            let material = try TLSLoader.load(files, node: configuration.node.id, now: now)
            let left = material.certificate.daysLeft(at: now)
            let text = "the members talk TLS; the certificate of \(configuration.node.id) ends in \(left) days"
            checks.append(
                left < CertificateExpiry.warningDays
                    ? Check("tls", .warning, CertificateExpiry.warning(material, now: now) ?? text)
                    : Check("tls", .ok, text))
        } catch { checks.append(Check("tls", .failed, error.description)) }
        for path in [files.privateKey, files.caKey] {
            guard let mode = AgentLock.mode(of: path), mode & 0o077 != 0 else { continue }
            checks.append(Check("permissions", .warning, "\(path) can be read by others; chmod 600 \(path)"))
        }
        return checks
    }
}
