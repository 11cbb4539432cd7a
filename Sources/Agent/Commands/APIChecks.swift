import Gateway

/// Whether the HTTP API's certificate and tokens can be used.
struct APIChecks {
    let configuration: Configuration

    init(_ configuration: Configuration) { self.configuration = configuration }

    func run() -> [Check] {
        guard configuration.api.enabled else { return [] }
        return certificate() + trust() + tokens()
    }

    private func certificate() -> [Check] {
        if let problem = configuration.apiCertificateProblem { return [Check("api.tls", .failed, problem)] }
        guard let files = configuration.apiCertificate else { return [] }
        var checks: [Check] = []
        do {
            _ = try APISecurity(certificate: files.certificate, privateKey: files.privateKey)
            checks.append(Check("api.tls", .ok, "the HTTP API speaks TLS with \(files.certificate)"))
        } catch { checks.append(Check("api.tls", .failed, "api.tls: \(error.description)")) }
        if let path = configuration.api.tlsPrivateKey, let mode = AgentLock.mode(of: path), mode & 0o077 != 0 {
            checks.append(Check("permissions", .warning, "\(path) can be read by others; chmod 600 \(path)"))
        }
        return checks
    }

    private func trust() -> [Check] {
        do {
            _ = try APITrust(configuration.apiTrust)
            return []
        } catch { return [Check("api.tls_ca", .failed, "api.tls_ca: \(error.description)")] }
    }

    private func tokens() -> [Check] {
        let file = TokenFile(dataDirectory: configuration.node.dataDirectory)
        do {
            _ = try file.read()
            return []
        } catch { return [Check("api.tokens", .failed, error.description)] }
    }
}
