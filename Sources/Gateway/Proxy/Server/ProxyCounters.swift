/// What a proxy has counted since it started. Each event loop counts for itself; ``MySQLProxy/counters()`` adds them up.
public struct ProxyCounters: Sendable, Hashable {
    /// Clients that came, those that were refused because all places were taken not included.
    public var connections: UInt64 = 0
    /// Refused for their name, address or password.
    public var loginsRefused: UInt64 = 0
    /// Commands sent to the leader's database and to a replica's.
    public var commandsAtLeader: UInt64 = 0
    public var commandsAtReplica: UInt64 = 0
    /// Sessions that lost the leader's database: went on at the next one, and ended with it.
    public var sessionsMoved: UInt64 = 0
    public var sessionsLost: UInt64 = 0
    /// Connections to databases: made, and taken from the pool.
    public var backendsOpened: UInt64 = 0
    public var backendsReused: UInt64 = 0
    /// Kept in the pool at this moment.
    public var backendsPooled = 0

    public init() {}

    mutating func add(_ other: ProxyCounters) {
        connections += other.connections
        loginsRefused += other.loginsRefused
        commandsAtLeader += other.commandsAtLeader
        commandsAtReplica += other.commandsAtReplica
        sessionsMoved += other.sessionsMoved
        sessionsLost += other.sessionsLost
        backendsOpened += other.backendsOpened
        backendsReused += other.backendsReused
        backendsPooled += other.backendsPooled
    }
}

extension ProxyCounters {
    public func families(connected: Int, connectionsMax: Int) -> [MetricFamily] {
        [
            .gauge("wolfscale_proxy_clients", "Clients that are connected to the proxy.", UInt64(connected)),
            .gauge("wolfscale_proxy_clients_max", "proxy.max_connections.", UInt64(connectionsMax)),
            .counter("wolfscale_proxy_clients_total", "Clients that have connected.", connections),
            .counter("wolfscale_proxy_logins_refused_total", "Logins that were refused.", loginsRefused),
            .each(
                .counter, "wolfscale_proxy_commands_total", "Commands by where they were sent.",
                [("leader", commandsAtLeader), ("replica", commandsAtReplica)]
            ) { (["route": $0.0], Double($0.1)) },
            .each(
                .counter, "wolfscale_proxy_leader_losses_total",
                "Sessions that lost the leader's database: moved to the next one, or closed.",
                [("moved", sessionsMoved), ("closed", sessionsLost)]
            ) { (["outcome": $0.0], Double($0.1)) },
            .each(
                .counter, "wolfscale_proxy_backend_connections_total",
                "Connections to databases, made or taken from the pool.",
                [("opened", backendsOpened), ("pooled", backendsReused)]
            ) { (["origin": $0.0], Double($0.1)) },
            .gauge(
                "wolfscale_proxy_pool_connections", "Connections kept in the pool for the next clients.",
                UInt64(backendsPooled)),
        ]
    }
}
