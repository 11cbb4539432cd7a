import Foundation
import WANLink

/// Where the files for TLS between the members lie.
struct TLSFiles: Sendable, Equatable {
    var ca: String
    var certificate: String
    var privateKey: String

    /// The CA's key, on the machine where `wolfscale cert init` ran.
    var caKey: String { folder + "/ca.key" }
    /// Join tokens that this machine gave out, as their digests.
    var tokens: String { folder + "/tokens" }
    /// Certificates of other nodes, until somebody copies them there.
    var issued: String { folder + "/issued" }
    var folder: String { URL(fileURLWithPath: ca).deletingLastPathComponent().path }

    /// The files of a folder by their usual names.
    init(folder: String) {
        ca = folder + "/ca.pem"
        certificate = folder + "/node.pem"
        privateKey = folder + "/node.key"
    }
}

extension Configuration {
    /// As `[tls]` says, or in `<data_dir>/tls`.
    var tlsFiles: TLSFiles {
        var files = TLSFiles(folder: node.dataDirectory + "/tls")
        if let ca = tls.ca { files.ca = ca }
        if let certificate = tls.certificate { files.certificate = certificate }
        if let privateKey = tls.privateKey { files.privateKey = privateKey }
        return files
    }

    /// Whether the members talk with TLS: `[tls]` names the files, or this node's certificate lies in `<data_dir>/tls`.
    var usesTLS: Bool {
        tls.ca != nil || tls.certificate != nil || tls.privateKey != nil
            || FileManager.default.fileExists(atPath: tlsFiles.certificate)
    }

    /// Why this node may not listen where it shall; nil when it may.
    var bindingProblem: String? {
        guard tls.required, !usesTLS, let bind = PeerAddress(node.bindAddress), !bind.isLoopback, !bind.isWildcard
        else {
            return nil
        }
        return "without certificates the members would talk unencrypted and unauthenticated on \(bind). Make them with "
            + "`wolfscale cert init` on the first node and `wolfscale join HOST:PORT --token TOKEN` on the others; or bind "
            + "127.0.0.1, or say tls.required = false if that network is trusted"
    }
}
