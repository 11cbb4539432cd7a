import Foundation
import Glibc
import LabSupport
import MariaDBClient
import Testing

@Suite("SQL threads: deadlines, abandonment, hygiene") struct SQLPoolTests {
    @Test("Calls run in parallel up to the size, the rest wait their turn")
    func parallel() async throws {
        let pool = SQLPool(try await SharedServer.schema("pool_parallel"), size: 3)
        defer { pool.close() }
        let ids = try await withThrowingTaskGroup(of: UInt.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    try await pool.run { session throws(SQLError) in
                        try session.query("SELECT SLEEP(0.01)")
                        return session.threadID
                    }
                }
            }
            return try await group.reduce(into: Set<UInt>()) { $0.insert($1) }
        }
        #expect(ids.count == 3)
        #expect(pool.occupancy.size == 3 && pool.occupancy.waiting == 0)
    }

    @Test("A caller leaves at its deadline; the session stays out until the server answers, then goes back")
    func deadline() async throws {
        let configuration = try await SharedServer.schema("pool_deadline")
        let pool = SQLPool(configuration, size: 1)
        defer { pool.close() }
        let gatekeeper = SQLPool(configuration, size: 1)
        defer { gatekeeper.close() }
        try await gatekeeper.run { session throws(SQLError) in try session.query("SELECT GET_LOCK('pool_deadline', 0)")
        }
        let first = try await pool.run { session throws(SQLError) in session.threadID }
        let late = await error {
            try await pool.run(deadline: .seconds(1)) { session throws(SQLError) in
                try session.query("SELECT GET_LOCK('pool_deadline', 60)")
            }
        }
        #expect(late?.kind == .timeout && late?.isOutcomeUnknown == true)
        let busy = await error {
            try await pool.run(deadline: .milliseconds(50)) { _ throws(SQLError) in Issue.record("ran too late") }
        }
        #expect(busy?.kind == .busy && busy?.isOutcomeUnknown == false)
        #expect(pool.occupancy.busy == 1)
        try await gatekeeper.run { session throws(SQLError) in try session.query("DO RELEASE_LOCK('pool_deadline')") }
        #expect(try await pool.run { session throws(SQLError) in session.threadID } == first)
    }

    @Test("The queue is bounded")
    func queueBound() async throws {
        let pool = SQLPool(try await SharedServer.schema("pool_queue"), size: 1, queueMax: 2)
        defer { pool.close() }
        let kinds = await withTaskGroup(of: SQLError.Kind?.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    await error {
                        _ = try await pool.run { session throws(SQLError) in try session.query("SELECT SLEEP(0.1)") }
                    }?.kind
                }
            }
            return await group.reduce(into: [SQLError.Kind?]()) { $0.append($1) }
        }
        #expect(kinds.contains(.busy))
        #expect(kinds.filter { $0 == nil }.count >= 2)
        #expect(kinds.allSatisfy { $0 == nil || $0 == .busy })
    }

    @Test("An open transaction is rolled back before the session goes back")
    func hygiene() async throws {
        let pool = SQLPool(try await SharedServer.schema("pool_hygiene"), size: 1)
        defer { pool.close() }
        try await pool.run { session throws(SQLError) in
            try session.query("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB")
            try session.query("BEGIN")
            try session.query("INSERT INTO t VALUES (1)")
        }
        #expect(try await pool.run { session throws(SQLError) in try session.query("SELECT * FROM t").rows } == [])
    }

    @Test("A session that the server ended while idle is replaced without an error")
    func reconnects() async throws {
        let configuration = try await SharedServer.schema("pool_reconnect")
        let pool = SQLPool(configuration, size: 1)
        defer { pool.close() }
        let first = try await pool.run { session throws(SQLError) in session.threadID }
        try await SharedServer.server().sql("KILL \(first)")
        let second = try await pool.run { session throws(SQLError) in
            try session.query("SELECT 1")
            return session.threadID
        }
        #expect(second != first)
        pool.reset()
        let third = try await pool.run { session throws(SQLError) in session.threadID }
        #expect(third != second)
    }

    @Test("Cancellation lets the caller go")
    func cancellation() async throws {
        let pool = SQLPool(try await SharedServer.schema("pool_cancel"), size: 1)
        defer { pool.close(interrupting: true) }
        let task = Task {
            await error {
                _ = try await pool.run(deadline: .seconds(60)) { session throws(SQLError) in
                    try session.query("SELECT SLEEP(20)")
                }
            }
        }
        while pool.occupancy.busy == 0 { await Task.yield() }
        task.cancel()
        let kind = await task.value?.kind
        #expect(kind == .cancelled || kind == .closed)
    }

    @Test("Against a stopped server calls time out; abandon starts afresh and later calls succeed")
    func stoppedServer() async throws {
        try await MariaDBServer.withServer(id: 8, options: []) { server in
            let configuration = SQLConfiguration(
                address: .unix(server.socket), user: "root", connectTimeout: .seconds(1))
            let runner = SQLRunner(configuration, deadline: .milliseconds(200))
            defer { runner.close() }
            #expect(try await runner.query("SELECT 1", deadline: .seconds(5)).scalar == "1")
            let pid = try #require(server.pid)
            kill(pid, SIGSTOP)
            defer { kill(pid, SIGCONT) }
            try await MariaDBServer.eventually("all threads have stopped") {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task").allSatisfy { thread in
                    let path = "/proc/\(pid)/task/\(thread)/stat"
                    return try String(contentsOfFile: path, encoding: .utf8).contains(") T ")
                }
            }
            for _ in 0..<3 {
                let stuck = await error { try await runner.query("SELECT 1") }
                // Where a call is stuck depends on how soon its thread gets to run.
                #expect([.timeout, .connect, .busy].contains(stuck?.kind), "\(String(describing: stuck))")
                runner.abandon()
            }
            let connecting = await error { try await runner.query("SELECT 1", deadline: .seconds(10)) }
            #expect(connecting?.kind == .connect)
            kill(pid, SIGCONT)
            #expect(try await runner.query("SELECT 2", deadline: .seconds(10)).scalar == "2")
        }
    }

    @Test("Cutting a session off does not release a commit that waits for its quorum")
    func heldCommit() async throws {
        try await MariaDBServer.withServer(id: 9) { server in
            let pool = SQLPool(SQLConfiguration(address: .unix(server.socket), user: "root"), size: 2)
            defer { pool.close(interrupting: true) }
            try await pool.run { session throws(SQLError) in
                try session.query("CREATE DATABASE d")
                try session.query("CREATE TABLE d.t (id INT PRIMARY KEY) ENGINE=InnoDB")
                try session.query("SET GLOBAL rpl_semi_sync_master_enabled=ON")
            }
            let late = await error {
                try await pool.run(deadline: .seconds(1)) { session throws(SQLError) in
                    try session.query("INSERT INTO d.t VALUES (1)")
                }
            }
            #expect(late?.kind == .timeout)
            pool.reset(interrupting: true)
            try await MariaDBServer.eventually("the thread is free again") { pool.occupancy.busy == 0 }
            let waiting = try await server.status("Rpl_semi_sync_master_wait_sessions")
            #expect(waiting == 1)
            #expect(try await server.status("Rpl_semi_sync_master_no_tx") == 0)
            #expect(try await server.sql("SELECT * FROM d.t") == [])
        }
    }
}
