import ClusterCore
import LabSupport
import MariaDBClient
import Probes
import Testing

@Suite("Probes of a real server") struct ProbeTests {
    @Test("An observation holds what the server says")
    func observation() async throws {
        let configuration = try await SharedServer.schema("probe_observe")
        let observed = try await withSession(configuration) { session throws(SQLError) in
            try session.query("CREATE TABLE t (id INT PRIMARY KEY)")
            return try DatabaseProbe.observe(session)
        }
        #expect(observed.serverID == 7)
        #expect(observed.version.map { $0 >= ServerVersion(10, 5, 0) } == true)
        #expect(!observed.isReadOnly && !observed.semiSync.isHolding)
        #expect(observed.binlogPosition[0]?.server == 7)
        #expect(observed.binlogState.position == observed.binlogPosition)
        #expect(observed.position.covers(observed.binlogPosition))
    }

    @Test("Neither the probe nor the channels wait behind commits that wait for their quorum")
    func whileCommitsWait() async throws {
        try await MariaDBServer.withServer(id: 10) { server in
            let configuration = SQLConfiguration(address: .unix(server.socket), user: "root")
            let pool = SQLPool(configuration, size: 8)
            defer { pool.close(interrupting: true) }
            try await pool.run { session throws(SQLError) in
                try session.query("CREATE DATABASE d")
                try session.query("CREATE TABLE d.t (id INT PRIMARY KEY) ENGINE=InnoDB")
                try session.query("SET GLOBAL rpl_semi_sync_master_enabled=ON")
            }
            // Two commits one after the other: the second has been synced and holds LOCK_log (FACTS 1.9).
            for id in 1...3 {
                let late = await error {
                    try await pool.run(deadline: .seconds(1)) { session throws(SQLError) in
                        try session.query("INSERT INTO d.t VALUES (\(id))")
                    }
                }
                #expect(late?.kind == .timeout)
            }
            let runner = SQLRunner(configuration, deadline: .seconds(5))
            defer { runner.close() }
            let blocked = await error {
                try await pool.run(deadline: .seconds(1)) { session throws(SQLError) in
                    try session.query("SHOW MASTER STATUS")
                }
            }
            #expect(blocked?.kind == .timeout, "the trap that the probe avoids is not there in this version")
            let observed = try await DatabaseProbe.observe(runner)
            #expect(observed.semiSync.isHolding && observed.semiSync.waitingSessions >= 1)
            #expect(observed.semiSync.unacknowledged == 0 && observed.semiSync.clients == 0)
            #expect(observed.binlogState.position[0]?.server == 10)
            #expect(
                try await runner.run { session throws(SQLError) in try DatabaseProbe.replicaChannels(session) } == [])
        }
    }

    @Test("Tables outside InnoDB are found, the server's own are not")
    func foreignTables() async throws {
        let tables = try await withSession(SharedServer.schema("probe_engines")) { session throws(SQLError) in
            try session.query("CREATE TABLE a (id INT PRIMARY KEY) ENGINE=InnoDB")
            try session.query("CREATE TABLE b (id INT PRIMARY KEY) ENGINE=Aria")
            try session.query("CREATE TABLE c (id INT PRIMARY KEY) ENGINE=MyISAM")
            try session.query("CREATE VIEW v AS SELECT * FROM b")
            return try DatabaseProbe.nonTransactionalTables(session)
        }
        #expect(
            tables.filter { $0.schema == "probe_engines" }.map(\.description).sorted()
                == ["probe_engines.b (Aria)", "probe_engines.c (MyISAM)"])
        #expect(!tables.contains { $0.schema == "mysql" })
    }

    @Test("A channel that cannot connect says why")
    func channel() async throws {
        try await MariaDBServer.withServer(id: 11) { server in
            let configuration = SQLConfiguration(address: .unix(server.socket), user: "root")
            let port = try FreePort.take()
            let runner = SQLRunner(configuration)
            defer { runner.close() }
            try await runner.run { session throws(SQLError) in
                try session.query(
                    "CHANGE MASTER 'up' TO MASTER_HOST='127.0.0.1', MASTER_PORT=\(port), MASTER_USER='r', "
                        + "MASTER_USE_GTID=slave_pos")
                try session.query("START SLAVE 'up'")
            }
            try await MariaDBServer.eventually("the channel has tried") {
                let channels = try await runner.run { session throws(SQLError) in
                    try DatabaseProbe.replicaChannels(session)
                }
                return channels.first?.ioFailure != nil
            }
            let channels = try await runner.run { session throws(SQLError) in try DatabaseProbe.replicaChannels(session)
            }
            let channel = try #require(channels.first)
            #expect(channel.name == "up" && channel.source == "127.0.0.1:\(port)")
            #expect(channel.io == .connecting && channel.isApplying && !channel.isRunning)
            #expect(channel.ioFailure?.errno == 2003 && channel.sqlFailure == nil)
            #expect(channel.secondsBehind == nil)
        }
    }

    @Test("Accounts that write while read_only is on are told apart, as the server itself does")
    func bypass() async throws {
        try await MariaDBServer.withServer(id: 15, options: []) { server in
            try await server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY)")
            let grants = [
                "ALL PRIVILEGES ON *.*": true, "ALL PRIVILEGES ON d.*": false, "SELECT, INSERT ON *.*": false,
                "INSERT, READ_ONLY ADMIN ON *.*": true, "INSERT, BINLOG ADMIN ON *.*": false,
            ]
            for (index, (grant, bypasses)) in grants.enumerated() {
                try await server.sql("CREATE USER u\(index)@localhost; GRANT \(grant) TO u\(index)@localhost")
                try await server.sql("SET GLOBAL read_only = 1")
                let login = SQLConfiguration(address: .unix(server.socket), user: "u\(index)")
                try await withSession(login) { session throws(SQLError) in
                    #expect(try DatabaseProbe.bypassesReadOnly(session) == bypasses, "\(grant)")
                    do throws(SQLError) {
                        try session.query("INSERT INTO d.t VALUES ()")
                        #expect(bypasses, "\(grant)")
                    } catch {
                        #expect(error.errno == 1290 && !bypasses, "\(grant)")
                    }
                }
                try await server.sql("SET GLOBAL read_only = 0")
            }
        }
    }

    @Test("A stock server misses much of what quorum mode needs; the cluster's options miss nothing")
    func requirements() async throws {
        let stock = try await withSession(SharedServer.schema("probe_requirements")) { session throws(SQLError) in
            try RequirementCheck.run(.quorum(serverID: 3), session)
        }
        let missing = Dictionary(uniqueKeysWithValues: stock.filter { !$0.isMet }.map { ($0.variable, $0.remedy) })
        #expect(missing["rpl_semi_sync_master_wait_point"] == "rpl_semi_sync_master_wait_point = AFTER_SYNC")
        #expect(missing["server_id"] == "server_id = 3")
        #expect(missing["log_bin"] == nil && missing["binlog_format"] == nil)
        try await MariaDBServer.withServer(id: 12) { server in
            let configuration = SQLConfiguration(address: .unix(server.socket), user: "root")
            let all = try await withSession(configuration) { session throws(SQLError) in
                try RequirementCheck.run(.quorum(serverID: 12), session)
            }
            #expect(all.filter { !$0.isMet } == [])
            #expect(all.count == 14)
        }
    }
}

@Suite("Versions, requirements and disks") struct ProbeValueTests {
    @Test(
        "Versions are read with and without their trimmings",
        arguments: [
            ("10.11.19-MariaDB-0+deb12u1-log", ServerVersion(10, 11, 19)),
            ("5.5.5-10.6.20-MariaDB", ServerVersion(10, 6, 20)),
            ("11.4.3", ServerVersion(11, 4, 3)), ("", nil), ("10.11", nil), ("a.b.c", nil),
            ("5.5.5", ServerVersion(5, 5, 5)),
        ])
    func version(_ text: String, _ version: ServerVersion?) { #expect(ServerVersion(text) == version) }

    @Test(
        "The versions that truncate an unacknowledged tail",
        arguments: [
            ("10.6.18", false), ("10.6.19", true), ("10.7.9", false), ("10.11.8", false), ("10.11.9", true),
            ("11.3.9", false),
            ("11.4.2", false), ("11.4.3", true), ("11.8.1", true), ("12.0.1", true), ("8.0.36", false),
        ])
    func truncation(_ text: String, _ truncates: Bool) throws {
        #expect(try #require(ServerVersion(text)).truncatesUnacknowledgedTail == truncates)
    }

    @Test("Galera's words and missing variables")
    func galera() {
        let found = ["wsrep_mode": "STRICT_REPLICATION,DISALLOW_LOCAL_GTID", "wsrep_on": "ON", "log_bin": "on"]
        let unmet = RequirementCheck.requirements(.galera, variables: found, version: "10.11.4").filter { !$0.isMet }
        #expect(
            unmet.map(\.variable) == [
                "binlog_format", "log_slave_updates", "binlog_checksum", "binlog_row_image",
                "wsrep_gtid_mode",
            ])
        #expect(unmet.allSatisfy { $0.found == nil })
    }

    @Test("Disk space of a path")
    func disk() throws {
        let space = try DiskSpace(of: "/")
        #expect(space.totalBytes > 0 && space.availableBytes <= space.totalBytes)
        #expect((0...1).contains(space.usedFraction))
        #expect(throws: DiskSpace.Failure.self) { try DiskSpace(of: "/no/such/path") }
    }
}
