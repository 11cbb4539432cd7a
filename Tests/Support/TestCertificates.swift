import Foundation
import Glibc

/// Certificates of an authority of their own, made by `openssl` in a folder that goes with them.
public final class TestCertificates: Sendable {
    public let folder: String
    public var ca: String { folder + "/ca.pem" }
    public var certificate: String { folder + "/api.pem" }
    public var key: String { folder + "/api.key" }

    /// - Parameter host: whom the certificate names.
    public init(host: String = "DNS:localhost") throws {
        folder = try Lab.makeFolder("api-tls")
        try openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem"
        )
        try issue(host)
    }

    public func issue(_ host: String, name: String = "api") throws {
        try openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=\(name) -keyout new.key -out api.csr")
        try "subjectAltName=\(host)\n".write(toFile: folder + "/ext", atomically: true, encoding: .utf8)
        try openssl("x509 -req -in api.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out new.pem")
        for (new, old) in [("new.key", key), ("new.pem", certificate)] { rename(folder + "/" + new, old) }
    }

    private func openssl(_ arguments: String) throws {
        try Lab.run("sh", ["-c", "cd '\(folder)' && openssl \(arguments) 2>&1"])
    }

    public func remove() { do { try FileManager.default.removeItem(atPath: folder) } catch { print(error) } }
}
