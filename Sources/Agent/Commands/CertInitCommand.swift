import ArgumentParser
import Foundation
import WANLink

struct CertInitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make the cluster's CA, and this node's own certificate. Once, on one node.",
        discussion: """
            The CA's key stays on this machine, beside tls.ca, or in <data_dir>/tls. Keep a copy in a safe place: without \
            it no node gets a certificate.
            """)

    @OptionGroup var options: ConfigurationOptions
    @Option(help: "For how many days the node's certificate is good.") var days = CertificateAuthority.nodeDays
    @Flag(help: "Replace a CA that exists: every node needs a new certificate at once.") var force = false
    @Flag(help: "Make a new CA beside the old one, which stays trusted: the first step of a change without a pause.")
    var rotate = false

    func run() throws {
        let configuration = try options.load()
        let files = configuration.tlsFiles
        if rotate { return try addAuthority(files, configuration) }
        if !force {
            try CertificateFolder.requireFree(
                [files.ca, files.caKey, files.certificate, files.privateKey],
                remedy:
                    "`wolfscale cert show` says what it is, --rotate makes a new CA without a pause, --force replaces all"
            )
        }
        do {
            let authority = try CertificateAuthority.make(cluster: configuration.cluster.name ?? "")
            let node = try authority.issue(
                node: configuration.node.id, hosts: CertificateHosts.own(configuration), days: days)
            let folder = try CertificateFolder(files.folder)
            try folder.write(authority.keyPEM, to: files.caKey, isPrivate: true, replacing: force)
            try folder.write(authority.certificatePEM, to: files.ca, isPrivate: false, replacing: force)
            try writeOwn(node, files, replacing: force)
        } catch let error as SecurityError { throw CommandFailure(error) }
        print("keep a copy of \(files.caKey) in a safe place, and show it to nobody")
        print(
            "next: `wolfscale start --bootstrap` here; for each other node `wolfscale cert token`, or `wolfscale cert issue`"
        )
    }

    private func writeOwn(_ node: (certificatePEM: String, keyPEM: String), _ files: TLSFiles, replacing: Bool) throws {
        for (text, path, isPrivate) in [
            (node.keyPEM, files.privateKey, true), (node.certificatePEM, files.certificate, false),
        ] {
            let folder = try CertificateFolder(URL(fileURLWithPath: path).deletingLastPathComponent().path)
            try folder.write(text, to: path, isPrivate: isPrivate, replacing: replacing)
        }
    }

    /// The new authority comes first in the file, the old ones stay behind it.
    private func addAuthority(_ files: TLSFiles, _ configuration: Configuration) throws {
        let old: String
        do { old = try String(contentsOfFile: files.ca, encoding: .utf8) } catch {
            throw CommandFailure(
                "\(files.ca) cannot be read (\(error.localizedDescription)); there is no CA to replace here")
        }
        do {
            let authority = try CertificateAuthority.make(cluster: configuration.cluster.name ?? "")
            let folder = try CertificateFolder(files.folder)
            try folder.write(authority.keyPEM, to: files.caKey, isPrivate: true, replacing: true)
            try folder.write(try authority.certificatePEM + old, to: files.ca, isPrivate: false, replacing: true)
        } catch let error as SecurityError { throw CommandFailure(error) }
        print("next: copy \(files.ca) to every node, then give every node a certificate of the new CA:")
        print(
            "  wolfscale cert issue NODE --force, also for \(configuration.node.id); then take the old CA out of \(files.ca)"
        )
    }
}
