import Foundation
import Logging
import NIOCore
import NIOPosix
import WANLink

/// Gives certificates to nodes that come with a token, where the CA's key is.
struct EnrolmentDesk: Sendable {
    let files: TLSFiles
    let threads: NIOThreadPool
    let logger: Logger

    /// - Parameter members: the ids of those in the cluster: nobody gets a certificate in their name by an open token.
    func answer(_ enrolment: PeerRequest.Enrolment, members: Set<String>) async -> PeerAnswer {
        do {
            let request = try CertificateRequest(pem: enrolment.request)
            let secret = enrolment.secret
            let answer = try await threads.runIfActive { try issue(request, secret, members: members) }
            if case .certificate = answer {
                logger.notice("a node has got its certificate by token", metadata: ["id": "\(request.node)"])
            }
            return answer
        } catch let error as SecurityError {
            return .refused(reason: error.description)
        } catch {
            logger.error("a certificate can't be issued", metadata: ["error": "\(error)"])
            return .refused(reason: "the certificate cannot be issued; the log of the node that was asked says why")
        }
    }

    private func issue(
        _ request: CertificateRequest, _ secret: [UInt8], members: Set<String>
    ) throws -> PeerAnswer {
        guard FileManager.default.fileExists(atPath: files.caKey) else {
            return .refused(
                reason:
                    "this node does not have the CA's key; join through the node where `wolfscale cert token` was run")
        }
        let authority = try AuthorityFiles(files).load()
        let key = request.keyDigest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let refusal = try TokenStore(folder: files.tokens).redeem(
            secret: secret, node: request.node, key: key, isMember: members.contains(request.node))
        if let refusal { return .refused(reason: refusal) }
        return .certificate(
            PeerAnswer.Issued(certificate: try authority.issue(request), ca: try AuthorityFiles(files).trusted()))
    }
}
