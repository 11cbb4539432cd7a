import ClusterCore
import MariaDBClient
import Probes

/// The replica channel of the bridge at a Galera node, by SQL.
enum ChannelControl {
    struct Primary: Sendable {
        var host: String
        var port: Int
        var user: String
        var password: String
    }

    /// Ends and forgets the channel. Returns when it applies nothing any more.
    static func remove(at endpoint: SiteEndpoint, deadline: Duration = .seconds(10)) async throws(SQLError) {
        let name = GaleraSite.channelName
        try await endpoint.control.run(deadline: deadline) { session throws(SQLError) in
            for statement in ["STOP SLAVE '\(name)'", "RESET SLAVE '\(name)' ALL"] {
                do throws(SQLError) { try session.query(statement) } catch {
                    // There is none (ER_SLAVE_NOT_RUNNING is a warning; 1617: no such connection).
                    if error.errno != 1617 { throw error }
                }
            }
        }
    }

    /// Starts the channel at `position`, which the caller has checked.
    static func start(
        at endpoint: SiteEndpoint, from position: GTIDPosition, slavePosition: GTIDPosition, _ primary: Primary
    ) async throws(SQLError) {
        let name = GaleraSite.channelName
        var target = slavePosition
        target.advance(to: position)
        try await endpoint.control.run(deadline: .seconds(15)) { [target] session throws(SQLError) in
            if target != slavePosition { try session.query("SET GLOBAL gtid_slave_pos = '\(target)'") }
            try session.query(
                """
                CHANGE MASTER '\(name)' TO MASTER_HOST='\(try session.escape(primary.host))', \
                MASTER_PORT=\(primary.port), MASTER_USER='\(primary.user)', MASTER_PASSWORD='\(primary.password)', \
                MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1, MASTER_USE_GTID=slave_pos
                """)
            try session.query("START SLAVE '\(name)'")
        }
    }
}
