import NIOCore

/// The PROXY header that a load balancer puts before what a client sends: whose connection it really is.
///
/// As at MariaDB (`proxy_protocol_networks`) it may come from some networks and is refused from all others; the greeting does not
/// wait for it, and the time for logging in bounds it.
extension ProxySession {
    /// - Returns: whether to go on with what follows; otherwise more is needed, or the client was turned away.
    func takeProxyHeader() -> Bool {
        let networks = worker.configuration.proxyProtocolNetworks
        let isWelcome = ends.map { ends in networks.contains { $0.contains(ends.source) } } ?? false
        do throws(ProxyHeaderError) {
            switch try ProxyHeader.read(from: &input, isWelcome: isWelcome) {
            case .incomplete: return false
            case .absent: break
            case .header(let header): ends = header.ends ?? ends
            }
            isFirst = false
            return true
        } catch {
            let reason = isWelcome ? "\(error)" : "\(clientAddress) is not in proxy.proxy_protocol_networks"
            worker.shared.warnOfHeader(logger, "refused a PROXY header from \(clientAddress): \(reason)")
            refuse(1043, "08S01", "Bad handshake: a PROXY header that can't be taken")
            return false
        }
    }

    /// Tells a database whose connection it gets; nil when it need not know.
    var headerForDatabases: ProxyHeader? {
        worker.configuration.tellsClientAddress ? ends.map { ProxyHeader(ends: $0) } : nil
    }
}
