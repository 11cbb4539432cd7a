import Foundation

/// Runs of sysbench's OLTP workloads.
public struct Sysbench: Sendable {
    public struct Result: Sendable {
        public var transactionsPerSecond: Double
        public var transactions: Int
        public var p95Milliseconds: Double
        public var queriesPerSecond = 0.0
    }

    public var host: String
    public var port: Int
    public var work = "oltp_write_only"
    public var tables = 4
    public var rows = 10_000
    /// In front of the command line of a run.
    public var prefix: [String] = []

    public init(host: String = "127.0.0.1", port: Int) {
        self.host = host
        self.port = port
    }

    private var common: [String] {
        [
            work, "--db-driver=mysql", "--mysql-host=\(host)", "--mysql-port=\(port)",
            "--mysql-user=\(LabNode.user)", "--mysql-password=\(LabNode.password)", "--mysql-db=\(LabNode.schema)",
            "--tables=\(tables)", "--table-size=\(rows)",
        ]
    }

    public func prepare() throws { try Lab.run("sysbench", common + ["prepare"]) }

    /// - Parameter rate: Transactions per second; nil: as many as there can be.
    public func run(threads: Int, seconds: Int, rate: Int? = nil) throws -> Result {
        let command =
            prefix + ["sysbench"] + common + [
                "--threads=\(threads)", "--time=\(seconds)", "--percentile=95", "--rand-type=uniform",
                "--mysql-ignore-errors=1213,1020,1205", "--rate=\(rate ?? 0)", "run",
            ]
        let output = try Lab.run(command[0], Array(command.dropFirst())).output
        func number(after label: String, in line: Substring) -> Double? {
            line.contains(label)
                ? Double(
                    line.split(whereSeparator: { " (\t".contains($0) }).dropFirst(label.split(separator: " ").count)
                        .first ?? "") : nil
        }
        var result = Result(transactionsPerSecond: 0, transactions: 0, p95Milliseconds: 0)
        for line in output.split(separator: "\n") {
            if line.contains("transactions:") {
                let words = line.split(whereSeparator: { " ()\t".contains($0) })
                result.transactions = Int(words[1]) ?? 0
                result.transactionsPerSecond = Double(words[2]) ?? 0
            }
            if line.contains("queries:"), !line.contains("performed") {
                let words = line.split(whereSeparator: { " ()\t".contains($0) })
                result.queriesPerSecond = Double(words[2]) ?? 0
            }
            if let value = number(after: "95th percentile:", in: line) { result.p95Milliseconds = value }
        }
        guard result.transactions > 0 else { throw LabError("sysbench wrote nothing: \(output)") }
        return result
    }
}

/// What a process has used, from /proc.
public enum ProcessUsage {
    /// CPU seconds, user and system.
    public static func cpuSeconds(_ pid: Int32) -> Double {
        guard
            let text = FileManager.default.contents(atPath: "/proc/\(pid)/stat").map({
                String(decoding: $0, as: UTF8.self)
            }),
            let end = text.lastIndex(of: ")")
        else { return 0 }
        let fields = text[end...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return 0 }
        return (user + system) / 100
    }

    /// The most memory that was ever resident, in MiB.
    public static func peakResidentMB(_ pid: Int32) -> Double { memoryMB(pid, "VmHWM:") }

    /// The memory that is resident now, in MiB.
    public static func residentMB(_ pid: Int32) -> Double { memoryMB(pid, "VmRSS:") }

    private static func memoryMB(_ pid: Int32, _ field: String) -> Double {
        guard
            let text = FileManager.default.contents(atPath: "/proc/\(pid)/status").map({
                String(decoding: $0, as: UTF8.self)
            })
        else { return 0 }
        for line in text.split(separator: "\n") where line.hasPrefix(field) {
            return (Double(line.split(whereSeparator: { " \t".contains($0) })[1]) ?? 0) / 1024
        }
        return 0
    }
}
