import ArgumentParser
import Foundation
import WANLink

struct CertIssueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "issue", abstract: "Make a node's key and certificate, where the CA's key is.",
        discussion: "This node's own go to where the agent looks for them, and it takes them without a restart.")

    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "The node's node.id.") var node: String
    @Option(help: "A host name or address of the node; may be given several times.") var address: [String] = []
    @Option(help: "Where to put ca.pem, node.pem and node.key.") var out: String?
    @Option(help: "For how many days the certificate is good.") var days = CertificateAuthority.nodeDays
    @Flag(help: "Replace files that exist.") var force = false

    func validate() throws {
        guard (1...CertificateAuthority.authorityDays).contains(days) else {
            throw ValidationError("--days \(days): from 1 to \(CertificateAuthority.authorityDays)")
        }
    }

    func run() throws {
        let configuration = try options.load()
        let files = configuration.tlsFiles
        let isOwn = node == configuration.node.id && out == nil
        let target = isOwn ? files : TLSFiles(folder: out ?? files.issued + "/" + node)
        let authority = try AuthorityFiles(files).load()
        do {
            let hosts = address.isEmpty && isOwn ? CertificateHosts.own(configuration) : address
            let issued = try authority.issue(node: node, hosts: hosts, days: days)
            if !force {
                let paths = [target.certificate, target.privateKey] + (isOwn ? [] : [target.ca])
                try CertificateFolder.requireFree(paths, remedy: "--force replaces it")
            }
            let folder = try CertificateFolder(target.folder)
            if !isOwn {
                let ca = try AuthorityFiles(files).trusted()
                try folder.write(ca, to: target.ca, isPrivate: false, replacing: force)
            }
            try folder.write(issued.keyPEM, to: target.privateKey, isPrivate: true, replacing: force)
            try folder.write(issued.certificatePEM, to: target.certificate, isPrivate: false, replacing: force)
        } catch let error as SecurityError { throw CommandFailure(error) }
        if !isOwn {
            print("next: bring the three files to \(node), into <data_dir>/tls, and remove them here")
        }
    }
}

/// The CA on this machine.
struct AuthorityFiles {
    let files: TLSFiles

    init(_ files: TLSFiles) { self.files = files }

    func load() throws(CommandFailure) -> CertificateAuthority {
        let key: String
        do { key = try String(contentsOfFile: files.caKey, encoding: .utf8) } catch {
            throw CommandFailure(
                "the CA's key \(files.caKey) cannot be read (\(error.localizedDescription)): run this on the node where "
                    + "`wolfscale cert init` was run, as the agent's user or root")
        }
        do { return try CertificateAuthority(certificatePEM: try trusted(), keyPEM: key) } catch let error
            as SecurityError
        {
            throw CommandFailure("\(files.caKey): \(error)")
        } catch let error as CommandFailure { throw error } catch { throw CommandFailure("\(error)") }
    }

    /// The text of `ca.pem`.
    func trusted() throws(CommandFailure) -> String {
        do { return try String(contentsOfFile: files.ca, encoding: .utf8) } catch {
            throw CommandFailure("\(files.ca) cannot be read (\(error.localizedDescription))")
        }
    }
}
