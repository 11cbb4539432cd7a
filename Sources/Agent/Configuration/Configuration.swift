import ClusterCore
import WANLink

/// The agent's configuration, with the defaults of all keys. Names, docs and ranges are in ``Setting/all``; how it is
/// read from a file and the environment in ``ConfigurationReader``.
struct Configuration: Sendable, Equatable {
    var node = Node()
    var database = Database()
    var wal = WAL()
    var cluster = Cluster()
    var replication = Replication()
    var tls = TLS()
    var link = Link()
    var relay = Relay()
    var galera = Galera()
    var api = API()
    var proxy = Proxy()
    var log = LogOutput()

    /// The file it was read from; nil for none.
    var file: String?
    /// The keys that the file or the environment gave, as `node.id`.
    var given: Set<String> = []

    /// Whose file it is.
    enum Use: Sendable { case node, proxy }

    struct Node: Sendable, Equatable {
        var id = ""
        var bindAddress = "0.0.0.0:7654"
        /// Absolute once read; `/var/lib/wolfscale/<node.id>` when not given.
        var dataDirectory = ""
        var role = Role.voter
        var site = ""
        var advertiseAddress: String?
    }

    struct Database: Sendable, Equatable {
        var host = "localhost"
        var port = 3306
        var user = "wolfscale"
        var password: String?
        var passwordFile: String?
        var database: String?
        var poolSize = 10
        /// When not given: true for quorum mode, false for asynchronous capture.
        var managed = true
        var socket: String?
        var fenceCommand: String?
        var startCommand: String?
        var serverOptions: [String] = []
    }

    struct WAL: Sendable, Equatable {
        var batchSize = 1_000
        var flushIntervalMs = 100
        var compression = true
        var segmentSizeMB = 64
        var retentionHours = 168
        var fsync = true
        var maxSizeMB = 20_480
        var maxFragmentKB = 1_024
    }

    struct Cluster: Sendable, Equatable {
        var name: String?
        var peers: [String] = []
        var heartbeatIntervalMs = 500
        /// The seed's single timeout: the shortest, and half of the longest. nil when not given.
        var electionTimeoutMs: Int?
        var electionTimeoutMinMs = 1_500
        var electionTimeoutMaxMs = 3_000
        var disableAutoElection = false
    }

    enum ReplicationMode: String, Sendable, CaseIterable { case quorum, async }
    struct Replication: Sendable, Equatable {
        var mode = ReplicationMode.quorum
        /// 0: no bound.
        var maxApplyLagMB = 0
        var maxApplyLagSeconds = 0
    }

    struct TLS: Sendable, Equatable {
        var ca: String?
        var certificate: String?
        var privateKey: String?
        var required = true
    }

    enum Compression: String, Sendable, CaseIterable { case zstd, lz4, none }
    enum Congestion: String, Sendable, CaseIterable { case system, bbr, cubic }
    struct Link: Sendable, Equatable {
        var compression = Compression.zstd
        var congestion = Congestion.bbr
        var streams = 1
        var windowMB = 16
        var timeoutMs = 5_000
    }

    struct Relay: Sendable, Equatable {
        var bindAddress = "127.0.0.1:0"
        var advertiseAddress: String?
    }

    struct Galera: Sendable, Equatable {
        var probeIntervalMs = 500
        var endpoints: [GaleraEndpoint] = []
    }

    struct GaleraEndpoint: Sendable, Equatable {
        var host: String
        var port = 3306
        /// The healthy endpoint with the highest weight is used.
        var weight = 100
    }

    struct API: Sendable, Equatable {
        var enabled = true
        var bindAddress = "0.0.0.0:8080"
        var tokenFile: String?
        var tls = false
        var tlsCertificate: String?
        var tlsPrivateKey: String?
        var tlsCA: String?
        var loopbackExempt = true
        var rateLimitPerSecond = 0
        var writeTimeoutMs = 10_000
        var queryTimeoutMs = 30_000
        var idempotencyHours = 24
    }

    enum ReadConsistency: String, Sendable, CaseIterable { case eventual, causal, leader }
    enum StaleReads: String, Sendable, CaseIterable { case allow, refuse }
    enum DatabaseTLS: String, Sendable, CaseIterable { case off, required, verify }
    struct Proxy: Sendable, Equatable {
        var enabled = true
        var bindAddress = "0.0.0.0:8007"
        var readConsistency = ReadConsistency.causal
        var maxConnections = 2_000
        var failoverWaitMs = 10_000
        var causalTimeoutMs = 500
        var busyPollUs = 250
        var staleReads = StaleReads.allow
        /// 0 for no bound.
        var maxStalenessSeconds = 0
        var tlsCertificate: String?
        var tlsPrivateKey: String?
        var tlsRequired = false
        var databaseTLS = DatabaseTLS.off
        var databaseTLSCA: String?
        var proxyProtocolNetworks: [String] = []
        var proxyProtocolToServer = false
        var tunnel = false
        var pool = 0
        /// Of a standalone proxy, as the next two.
        var members: [String] = []
        var nearestWindowMs = 15
        /// `NODE=WEIGHT` each.
        var readWeights: [String] = []
    }

    enum LogLevel: String, Sendable, CaseIterable { case trace, debug, info, notice, warning, error, critical }
    enum LogFormat: String, Sendable, CaseIterable { case text, json }
    struct LogOutput: Sendable, Equatable {
        var level = LogLevel.info
        var format = LogFormat.text
    }
}
