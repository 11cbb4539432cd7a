import Foundation
import Glibc
import MariaDBClient
import Synchronization

/// One Galera node, in a folder of its own.
public final class GaleraNode: Sendable {
    static let provider = "/usr/lib/galera/libgalera_smm.so"

    /// Where a node runs: on loopback if nothing else is said, or in a network namespace.
    public struct Place: Sendable {
        public var host = "127.0.0.1"
        /// In front of the command line, to run it there.
        public var prefix: [String] = []

        public static let loopback = Place()

        public init(host: String = "127.0.0.1", prefix: [String] = []) {
            self.host = host
            self.prefix = prefix
        }
    }

    public let name: String
    public let folder: String
    public let place: Place
    public let port: Int
    /// Of the group communication; the next two ports are for state transfers.
    let groupPort: Int
    private let process = Mutex<GuardedProcess?>(nil)

    var data: String { folder + "/data" }
    var socket: String { folder + "/s.sock" }
    private var pidFile: String { folder + "/process" }
    public var log: String { folder + "/err" }
    public var address: String { "\(place.host):\(port)" }
    private var groupAddress: String { "\(place.host):\(groupPort)" }

    init(name: String, folder: String, place: Place = .loopback) throws {
        self.name = name
        self.folder = folder
        self.place = place
        port = try FreePort.take()
        groupPort = try FreePort.take(inARow: 3)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    /// - Parameter options: more lines for the option file.
    func prepare(cluster: GaleraCluster, gtidDomain: Int, template: String?, options: [String]) throws {
        if let template {
            try Lab.run("cp", ["-a", "--reflink=auto", template, data])
        } else {
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        }
        let lines = [
            "[mariadbd]", "datadir=\(data)", "socket=\(socket)", "pid_file=\(folder)/pid", "port=\(port)",
            "bind_address=\(place.host)", "log_error=\(log)", "server_id=\(cluster.serverID)",
            "gtid_domain_id=\(gtidDomain)", "log_bin=binlog", "log_slave_updates=ON", "binlog_format=ROW",
            "skip_slave_start=ON", "wsrep_on=ON", "wsrep_provider=\(Self.provider)",
            "wsrep_cluster_name=\(cluster.name)",
            "wsrep_cluster_address=gcomm://" + cluster.nodes.map(\.groupAddress).joined(separator: ","),
            "wsrep_node_name=\(name)", "wsrep_node_address=\(place.host)", "wsrep_node_incoming_address=\(address)",
            "wsrep_gtid_mode=ON", "wsrep_gtid_domain_id=\(cluster.domain)", "wsrep_mode=DISALLOW_LOCAL_GTID",
            "wsrep_slave_threads=2", "wsrep_sst_method=mariabackup", "wsrep_sst_auth=root:",
            "wsrep_sst_receive_address=\(place.host):\(groupPort + 2)",
            "wsrep_provider_options=\"base_port=\(groupPort);ist.recv_addr=\(place.host):\(groupPort + 1);"
                + "gmcast.listen_addr=tcp://\(groupAddress);gcache.size=64M;" + cluster.timeouts + "\"",
            "innodb_buffer_pool_size=32M", "innodb_log_file_size=16M", "innodb_autoinc_lock_mode=2",
            "innodb_flush_log_at_trx_commit=2", "sync_binlog=0", "performance_schema=OFF", "skip_name_resolve",
            "max_connections=200", "key_buffer_size=1M", "aria_pagecache_buffer_size=1M", "tmpdir=\(folder)",
        ]
        try (lines + options).joined(separator: "\n").appending("\n")
            .write(toFile: folder + "/my.cnf", atomically: true, encoding: .utf8)
    }

    // MARK: The process

    /// - Parameter peers: group addresses to join; empty makes a new primary component.
    func start(joining peers: [GaleraNode]?) throws {
        var command = ["/usr/sbin/mariadbd", "--defaults-file=\(folder)/my.cnf", "--user=root"]
        if let peers {
            command.append(
                peers.isEmpty
                    ? "--wsrep-new-cluster"
                    : "--wsrep-cluster-address=gcomm://" + peers.map(\.groupAddress).joined(separator: ","))
        }
        _ = unlink(pidFile)
        let shell = ["/bin/sh", "-c", "echo $$ >\"$0\"; exec \"$@\"", pidFile]
        let started = try GuardedProcess(place.prefix + shell + command)
        process.withLock { $0 = started }
    }

    public var isRunning: Bool { process.withLock { $0?.isRunning ?? false } }

    public var pid: pid_t? {
        guard isRunning, let text = FileManager.default.contents(atPath: pidFile) else { return nil }
        return pid_t(String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    }

    public func signal(_ signal: Int32) { if let pid { Glibc.kill(pid, signal) } }

    /// SIGKILL, and waits until it is gone.
    public func kill() {
        signal(SIGCONT)
        process.withLock { $0 }?.kill()
        _ = try? Lab.eventually("\(name) is gone", within: .seconds(10)) { !isRunning }
    }

    /// A polite stop; waits until it is gone.
    public func stop() throws {
        signal(SIGTERM)
        try Lab.eventually("\(name) has stopped", within: .seconds(60)) { !isRunning }
    }

    // MARK: SQL

    /// As the lab's administrator, who is not bound by `read_only`.
    public func administrator(readTimeout: Duration? = .seconds(60)) throws -> SQLSession {
        try SQLSession(
            SQLConfiguration(
                address: .tcp(host: place.host, port: port), user: GaleraTemplate.user,
                password: GaleraTemplate.password, connectTimeout: .seconds(2), readTimeout: readTimeout))
    }

    /// As an application.
    public func client(readTimeout: Duration? = .seconds(20)) throws -> SQLSession {
        try SQLSession(
            SQLConfiguration(
                address: .tcp(host: place.host, port: port), user: LabNode.user, password: LabNode.password,
                database: LabNode.schema, connectTimeout: .seconds(1), readTimeout: readTimeout))
    }

    public func wsrep(_ name: String) throws -> String {
        let session = try administrator(readTimeout: .seconds(3))
        defer { session.close() }
        return try session.query("SHOW GLOBAL STATUS LIKE 'wsrep_\(name)'").rows.first?[1] ?? ""
    }

    /// What it is part of; nil while it does not answer.
    var component: (isPrimary: Bool, size: Int)? {
        guard let status = try? wsrep("cluster_status"), let size = try? wsrep("cluster_size") else { return nil }
        return (status == "Primary", Int(size) ?? .max)
    }

    public var isSynced: Bool {
        guard isRunning, let state = try? wsrep("local_state_comment"), let ready = try? wsrep("ready") else {
            return false
        }
        return state == "Synced" && ready == "ON"
    }

    public func waitUntilSynced(within limit: Duration = .seconds(90)) throws {
        let hasEnded = try Lab.eventually("\(name) is synced", within: limit, every: .milliseconds(50)) {
            () throws -> Bool? in
            if !isRunning { return true }
            return isSynced ? false : nil
        }
        if hasEnded { throw LabError("\(name) has ended: \(tail())") }
    }

    public func tail(lines: Int = 12) -> String {
        guard let data = FileManager.default.contents(atPath: log) else { return "" }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").suffix(lines).joined(separator: "\n")
    }
}
