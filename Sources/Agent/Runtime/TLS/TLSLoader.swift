import Foundation
import WANLink

/// Reads the files for TLS and says which of them is wrong, and how to mend it.
enum TLSLoader {
    /// What can be used by the node `node` at `now`.
    static func load(_ files: TLSFiles, node: String, now: Date = Date()) throws(AgentError) -> TLSMaterial {
        let material = try read(files)
        if let problem = material.problem(node: node, now: now) {
            throw AgentError("tls.certificate (\(files.certificate)): \(problem)")
        }
        return material
    }

    /// Without looking at name and validity.
    static func read(_ files: TLSFiles) throws(AgentError) -> TLSMaterial {
        let texts = TLSMaterial.Texts(
            ca: try text(files.ca, "tls.ca"), certificate: try text(files.certificate, "tls.certificate"),
            privateKey: try text(files.privateKey, "tls.private_key"))
        var part = TLSMaterial.Part.ca
        do { return try TLSMaterial(texts) { part = $0 } } catch {
            let (key, path) =
                switch part {
                case .ca: ("tls.ca", files.ca)
                case .certificate: ("tls.certificate", files.certificate)
                case .privateKey: ("tls.private_key", files.privateKey)
                }
            throw AgentError("\(key) (\(path)): \(error)")
        }
    }

    private static func text(_ path: String, _ key: String) throws(AgentError) -> String {
        do { return try String(contentsOfFile: path, encoding: .utf8) } catch {
            throw AgentError(
                "\(key): \(path) cannot be read (\(error.localizedDescription)). `wolfscale cert show` says what is there; "
                    + "the files must belong to the user that runs the agent")
        }
    }
}
