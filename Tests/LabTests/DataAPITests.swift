import Foundation
import Glibc
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// Rows through the HTTP API of a real cluster.
    @Suite struct DataAPITests {
        @Test func largeAnswersAreStreamedInBoundedMemory() throws {
            try LabTests.withCluster("stream", nodes: 1) { cluster in
                let node = try cluster.waitUntilWritable()
                let agent = try #require(node.agentPID)
                let before = ProcessUsage.peakResidentMB(agent)
                let output = try Lab.run(
                    "curl",
                    [
                        "-sS", "-m", "120", "-o", "/dev/null", "-w", "%{http_code} %{size_download}",
                        "-H", "Authorization: Bearer \(LabNode.token)", "-H", "Content-Type: application/json",
                        "-d", "{\"sql\": \"SELECT seq, REPEAT('x', 100) FROM seq_1_to_2000000\"}",
                        "http://\(node.host):\(node.apiPort)/query",
                    ]
                ).output.split(separator: " ")
                #expect(output.first == "200" && (output.last.flatMap { Int($0) } ?? 0) > 200_000_000, "\(output)")
                let grown = ProcessUsage.peakResidentMB(agent) - before
                #expect(grown < 40, "\(grown) MB more for an answer of 220 MB")
            }
        }

        /// Writes with keys are sent while the leader's agent and database are killed, and repeated at the others until each is answered.
        @Test func repeatedWritesAreExecutedOnceThroughAFailover() throws {
            try LabTests.withCluster("idempotency", settings: LabCluster.quickElections) { cluster in
                let rounds = Int(ProcessInfo.processInfo.environment["WOLFSCALE_LAB_KEYED_ROUNDS"] ?? "") ?? 2
                try cluster.leader().client().query(
                    "CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, k VARCHAR(60))")
                var keys: [String] = []
                var replayed = 0
                for round in 0..<rounds {
                    let leader = try cluster.waitUntilWritable()
                    let others = try cluster.followers()
                    let writers = (0..<8).map { KeyedWriter(name: "r\(round)-w\($0)", nodes: others) }
                    for writer in writers { writer.start() }
                    try Lab.eventually("writes are going on") { writers.allSatisfy { $0.answered >= 3 } }
                    leader.endAgent(SIGKILL)
                    leader.signalDatabase(SIGKILL)
                    let before = writers.map(\.answered)
                    try Lab.eventually("every writer goes on") {
                        zip(writers, before).allSatisfy { $0.answered > $1 + 2 }
                    }
                    for writer in writers { writer.stop() }
                    for writer in writers {
                        #expect(writer.problems == [], "\(writer.name)")
                        keys += writer.keys
                        replayed += writer.replayed
                    }
                    try leader.start(.again)
                    try cluster.waitUntilComplete()
                }
                try cluster.requireEqual()
                try cluster.requireEqual(schema: "wolfscale")
                for node in cluster.nodes {
                    let rows = try node.administrator().query("SELECT k, COUNT(*) FROM shop.t GROUP BY k").rows
                    #expect(Set(rows.compactMap { $0[0] }) == Set(keys), "\(node.id)")
                    #expect(rows.allSatisfy { $0[1] == "1" }, "\(node.id): written twice")
                }
                print("\(keys.count) keyed writes through \(rounds) failovers, \(replayed) answered by the kept answer")
            }
        }

        @Test func followersReadWhatTheyAreAskedToWaitFor() throws {
            try LabTests.withCluster("query", settings: LabCluster.quickElections) { cluster in
                let leader = try cluster.leader()
                let followers = try cluster.followers()
                _ = try post(leader, "/write/ddl", #"{"ddl": "CREATE TABLE t (id BIGINT PRIMARY KEY, v INT)"}"#)
                for round in 1...20 {
                    let follower = followers[round % followers.count]
                    let write = """
                        {"operations": [{"insert": {"table": "t", "values": {"v": \(round)}}},
                        {"sql": "UPDATE t SET v = v + ? WHERE v = ?", "params": [1000, \(round)], "expect_rows": 1}]}
                        """
                    let written = try post(follower, "/write/transaction", write)
                    let gtid = try #require(written["gtid"] as? String)
                    let query =
                        #"{"sql": "SELECT COUNT(*) FROM t WHERE v > ?", "params": [1000], "after": "\#(gtid)"}"#
                    let read = try post(followers[(round + 1) % followers.count], "/query", query)
                    let row = try #require((read["rows"] as? [[Int]])?.first)
                    #expect(row[0] == round)
                }
                // Where they are answered: eventual reads here, leader reads there.
                let number = try leader.status().node.number
                let follower = followers[0]
                // (A system variable itself would be the leader's.)
                let who =
                    "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_VARIABLES WHERE VARIABLE_NAME = 'SERVER_ID'"
                let there = try post(follower, "/query", #"{"sql": "\#(who)", "consistency": "leader"}"#)
                #expect((there["rows"] as? [[String]]) == [["\(number)"]])
                let here = try post(follower, "/query", #"{"sql": "\#(who)", "consistency": "eventual"}"#)
                #expect((here["rows"] as? [[String]]) == [["\(try follower.status().node.number)"]])
                let refused = try follower.http("POST", "/query", body: #"{"sql": "DELETE FROM t"}"#)
                #expect(refused.status == 400)
                // A large answer through a follower that passes the query on.
                let large = try follower.http(
                    "POST", "/query",
                    body: #"{"sql": "SELECT seq, REPEAT('x', 100) FROM seq_1_to_100000", "consistency": "leader"}"#)
                #expect(large.status == 200 && large.body.count > 10_000_000)
                #expect(String(decoding: large.body.suffix(20), as: UTF8.self).hasSuffix("\"truncated\":false}"))
                var ids: [Int] = []
                for node in cluster.nodes { ids += try post(node, "/ids?count=5000", "{}")["ids"] as? [Int] ?? [] }
                #expect(Set(ids).count == 15_000)
                let document = try leader.http("GET", "/openapi.json")
                #expect(document.status == 200)
            }
        }

        private func post(_ node: LabNode, _ path: String, _ body: String) throws -> [String: Any] {
            let answer = try node.http("POST", path, body: body)
            let text = String(decoding: answer.body, as: UTF8.self)
            guard answer.status == 200,
                let object = try JSONSerialization.jsonObject(with: answer.body) as? [String: Any]
            else {
                throw LabError("\(path) \(body): \(answer.status) \(text)")
            }
            return object
        }
    }
}

/// Sends one keyed write after the other, each until it is answered, at one node after the other.
private final class KeyedWriter: @unchecked Sendable {
    let name: String
    private let nodes: [LabNode]
    private let lock = NSLock()
    private var isStopping = false
    private var written: [String] = []
    private var found: [String] = []
    private var kept = 0
    private let ended = DispatchSemaphore(value: 0)

    init(name: String, nodes: [LabNode]) {
        self.name = name
        self.nodes = nodes
    }

    var answered: Int { lock.withLock { written.count } }
    var keys: [String] { lock.withLock { written } }
    /// What was neither an answer nor a reason to repeat the request.
    var problems: [String] { lock.withLock { found } }
    var replayed: Int { lock.withLock { kept } }

    func start() {
        let thread = Thread { [self] in
            while lock.withLock({ !isStopping }) { write("\(name)-\(answered)") }
            ended.signal()
        }
        thread.start()
    }

    func stop() {
        lock.withLock { isStopping = true }
        ended.wait()
    }

    private func write(_ key: String) {
        let body =
            #"{"operations": [{"sql": "INSERT INTO t (k) VALUES (?)", "params": ["\#(key)"], "expect_rows": 1}]}"#
        var attempt = 0
        let deadline = Date(timeIntervalSinceNow: 60)
        while Date() < deadline {
            attempt += 1
            let node = nodes[attempt % nodes.count]
            guard
                let answer = try? node.http("POST", "/write/transaction", body: body, headers: ["Idempotency-Key": key])
            else { continue }
            switch answer.status {
            case 200:
                let isReplayed = String(decoding: answer.body, as: UTF8.self).contains("\"replayed\":true")
                lock.withLock {
                    written.append(key)
                    if isReplayed { kept += 1 }
                }
                return
            // Not now, under way, unknown: to be repeated.
            case 409, 503, 504: Thread.sleep(forTimeInterval: 0.02)
            default:
                lock.withLock { found.append("\(answer.status) \(String(decoding: answer.body, as: UTF8.self))") }
                return
            }
        }
        lock.withLock { found.append("\(key) was never answered") }
    }
}
