import Foundation
import Logging
import NIOCore
import WANLink

/// Gets this node its first certificate: makes a key, asks the node that gave the token, and keeps what it answers. The key
/// never leaves this machine.
struct Enrolment {
    let configuration: Configuration
    let logger: Logger
    /// A token that was made a moment ago is not known to its agent yet.
    var patience: Duration = .seconds(10)

    private var files: TLSFiles { configuration.tlsFiles }

    func run(through address: String, token: JoinToken) async throws {
        let key = try ownKey()
        let hosts = CertificateHosts.own(configuration)
        let id = configuration.node.id
        let enrolment = PeerRequest.Enrolment(
            secret: token.secret, request: try CertificateRequest.make(node: id, hosts: hosts, keyPEM: key))
        let issued = try await ask(enrolment, address, token)
        let texts = TLSMaterial.Texts(ca: issued.ca, certificate: issued.certificate, privateKey: key)
        do {
            if let problem = try TLSMaterial(texts).problem(node: id, now: Date()) { throw problem }
        } catch { throw AgentError("\(address) gave a certificate that this node cannot use: \(error)") }
        // The certificate last: it is what tells that all of it is there.
        for (text, path) in [(issued.ca, files.ca), (issued.certificate, files.certificate)] {
            _ = try CertificateFolder(URL(fileURLWithPath: path).deletingLastPathComponent().path)
            try PrivateFile.write(text, to: path, mode: 0o644, replacing: true)
        }
        logger.notice("this node has its certificate", metadata: ["file": "\(files.certificate)"])
    }

    /// The key of an attempt that was interrupted, else a new one.
    private func ownKey() throws -> String {
        if let data = FileManager.default.contents(atPath: files.privateKey) {
            return String(decoding: data, as: UTF8.self)
        }
        let key = try CertificateRequest.makeKey()
        _ = try CertificateFolder(URL(fileURLWithPath: files.privateKey).deletingLastPathComponent().path)
        try PrivateFile.write(key, to: files.privateKey, mode: 0o600, replacing: false)
        return key
    }

    private func ask(
        _ enrolment: PeerRequest.Enrolment, _ address: String, _ token: JoinToken
    ) async throws -> PeerAnswer.Issued {
        let payload = try ByteBuffer(json: PeerRequest.enrol(enrolment))
        let deadline = ContinuousClock.now + patience
        while true {
            do {
                let answer = try await PinnedRequest.send(
                    payload, to: address, authority: token.authority, timeout: .seconds(15), on: NodeLoop.eventLoop
                ).get()
                switch try answer.decodeJSON(PeerAnswer.self) {
                case .certificate(let issued): return issued
                case .refused(let reason): throw AgentError("\(address) refuses: \(reason)")
                case .tryLater(let reason): throw AgentError("\(address): \(reason)")
                case .welcome, .done, .askLeader: throw AgentError("\(address) gave an answer that makes no sense")
                }
            } catch let error as PeerNetworkError {
                guard error.code != .refused, ContinuousClock.now < deadline else {
                    throw AgentError("\(address) gave no certificate: \(error)")
                }
            }
            try await Task.sleep(for: .milliseconds(500))
        }
    }
}
