import ClusterCore
import Foundation
import TOMLKit
import WriteAheadLog

// provisional: replaced by the table-driven one
struct Configuration: Sendable {
    struct Node: Sendable { var id = "", bindAddress = "0.0.0.0:7654", dataDirectory = "", role = Role.voter, site = "", advertiseAddress: String? }
    struct DB: Sendable { var host = "localhost", port = 3306, user = "wolfscale", password = "", database: String?, serverOptions: [String] = [], managed = true }
    struct Wal: Sendable { var compression = true, segmentSizeMB = 64, fsync = true, maxFragmentKB = 1024 }
    struct Cluster: Sendable { var name: String?, peers: [String] = [], electionTimeoutMinMs = 1500, electionTimeoutMaxMs = 3000, heartbeatIntervalMs = 500, disableAutoElection = false }
    struct Link: Sendable { var timeoutMs = 5000 }
    struct Relay: Sendable { var bindHost = "127.0.0.1", bindPort = 0 }
    struct API: Sendable { var bindAddress = "0.0.0.0:8080" }
    var node = Node(), database = DB(), wal = Wal(), cluster = Cluster(), link = Link(), relay = Relay(), api = API()

    init(path: String) throws {
        let t = try TOMLTable(string: String(contentsOfFile: path, encoding: .utf8))
        func s(_ a: String, _ b: String) -> String? { t[a]?.table?[b]?.string }
        func i(_ a: String, _ b: String) -> Int? { t[a]?.table?[b]?.int }
        node.id = s("node", "id") ?? ""
        node.bindAddress = s("node", "bind_address") ?? node.bindAddress
        node.dataDirectory = s("node", "data_dir") ?? ""
        database.host = s("database", "host") ?? database.host
        database.port = i("database", "port") ?? database.port
        database.user = s("database", "user") ?? database.user
        database.password = s("database", "password") ?? database.password
        database.database = s("database", "database")
        cluster.electionTimeoutMinMs = i("cluster", "election_timeout_min_ms") ?? 1500
        cluster.electionTimeoutMaxMs = i("cluster", "election_timeout_max_ms") ?? 3000
        cluster.heartbeatIntervalMs = i("cluster", "heartbeat_interval_ms") ?? 500
        api.bindAddress = s("api", "bind_address") ?? api.bindAddress
    }
    var peerBinding: (host: String, port: Int) {
        let p = node.bindAddress.split(separator: ":")
        return (String(p[0]), Int(p[1]) ?? 7654)
    }
    func advertisedAddress(port: Int) -> String { node.advertiseAddress ?? node.bindAddress }
    var advertisedAPI: String { api.bindAddress }
    var logOptions: Log.Options {
        var o = Log.Options()
        o.segmentBytesMax = wal.segmentSizeMB << 20
        o.fsync = wal.fsync
        o.queueBytesMax = 64 << 20
        return o
    }
}
