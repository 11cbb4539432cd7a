import Foundation
import Logging
import WANLink

/// What a node does about certificates before and while it is put together.
extension AgentAssembly {
    /// Gets the first certificate for a node that joins with a token.
    func enrol(_ mode: StartMode) async throws {
        guard case .join(let address, .some(let token)) = mode else { return }
        guard !configuration.usesTLS || !FileManager.default.fileExists(atPath: configuration.tlsFiles.certificate)
        else {
            return logger.info(
                "this node has a certificate already, the token is not used",
                metadata: ["file": "\(configuration.tlsFiles.certificate)"])
        }
        try await Enrolment(configuration: configuration, logger: logger).run(through: address, token: token)
    }

    /// nil without certificates.
    func loadTLS() throws -> TLSMaterial? {
        guard configuration.usesTLS else { return nil }
        return try TLSLoader.load(configuration.tlsFiles, node: configuration.node.id)
    }

    @NodeLoop
    func keepTLS(_ node: Node) {
        guard let material = node.network.configuration.security?.material else { return }
        let keeper = TLSKeeper(
            node: configuration.node.id, files: configuration.tlsFiles, material: material, network: node.network,
            threads: threads, logger: logger)
        node.tls = keeper
        keeper.start()
    }
}
