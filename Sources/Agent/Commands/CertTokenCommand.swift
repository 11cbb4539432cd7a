import ArgumentParser
import Foundation
import WANLink

struct CertTokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make a token with which one new node gets its certificate, where the CA's key is.",
        discussion: """
            The new node runs `wolfscale join HOST:PORT --token TOKEN` with this node's peer address. A token is good once.
            """)

    @OptionGroup var options: ConfigurationOptions
    @Option(help: "How long it is good: 90s, 30m, 1h, 2d; a week at most.") var valid = "1h"
    @Option(help: "The only node that may use it, by its node.id.") var node: String?

    private static let secondsMax = 7 * 86_400

    func validate() throws {
        guard DurationArgument.seconds(valid, atMost: Self.secondsMax) != nil else {
            throw ValidationError("--valid \(valid): a number and s, m, h or d, up to 7d")
        }
    }

    func run() throws {
        let configuration = try options.load()
        let files = configuration.tlsFiles
        _ = try AuthorityFiles(files).load()
        let pinned: CertificateDetails
        do {
            let material = try TLSLoader.load(files, node: configuration.node.id)
            guard let authority = material.ownAuthority else {
                throw CommandFailure("the certificate \(files.certificate) is not signed by a CA of \(files.ca) itself")
            }
            pinned = authority
        } catch let error as AgentError { throw CommandFailure(error.description) }
        let token = JoinToken(authority: pinned.fingerprint)
        let seconds = DurationArgument.seconds(valid, atMost: Self.secondsMax) ?? 3_600
        let expires = Date().addingTimeInterval(Double(seconds))
        try TokenStore(folder: files.tokens).add(token, expires: expires, node: node)
        let port = PeerAddress(configuration.node.bindAddress)?.port ?? 7654
        let address = configuration.advertisedAddress(port: port)
        FileHandle.standardError.write(
            Data("good until \(expires.formatted(.iso8601)), once: wolfscale join \(address) --token …\n".utf8))
        print(token.text)
    }
}
