import Gateway
import MariaDBClient

/// What of the configuration concerns rows read and written through the HTTP API.
extension Configuration {
    var apiData: HTTPDataConfiguration {
        HTTPDataConfiguration(
            readConsistency: Gateway.ReadConsistency(rawValue: proxy.readConsistency.rawValue) ?? .causal,
            allowsStaleReads: proxy.staleReads == .allow,
            causalTimeout: .milliseconds(Int64(proxy.causalTimeoutMs)),
            queryTimeout: .milliseconds(Int64(api.queryTimeoutMs)), idempotencyHours: api.idempotencyHours)
    }

    /// A write waits no longer for a row that another transaction holds than its client waits for the answer.
    func writing(_ login: SQLConfiguration) -> SQLConfiguration {
        var login = login
        let seconds = max(1, api.writeTimeoutMs / 1_000)
        login.initStatements.append(
            "SET SESSION innodb_lock_wait_timeout = LEAST(@@SESSION.innodb_lock_wait_timeout, \(seconds))")
        return login
    }

    /// A query reads one state of the rows, and nothing that a client does makes the agent hold more than one row of it. The bound
    /// on reading is for a server that answers nothing any more; the query's own time limit comes first.
    func querying(_ login: SQLConfiguration) -> SQLConfiguration {
        var login = login
        login.packetBytesMax = QueryService.rowBytesMax
        login.readTimeout = .milliseconds(Int64(api.queryTimeoutMs)) + .seconds(5)
        login.initStatements.append("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return login
    }
}
