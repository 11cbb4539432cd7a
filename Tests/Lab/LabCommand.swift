import ArgumentParser
import Foundation

/// Clusters on this machine, for faults and measurements. `scripts/chaos.sh` and `scripts/bench.sh` build and run it.
@main
struct LabCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wolfscale-lab", abstract: "Clusters on this machine: faults and benchmarks.",
        subcommands: [
            Chaos.self, CommitBenchmark.self, FailoverBenchmark.self, ProxyBenchmark.self, WANBenchmark.self,
            WANCommand.self, BridgeChaos.self, BridgeLocal.self, BridgeBenchmark.self,
        ])
}

/// One JSON object a line, with sorted keys.
func printJSON(_ object: [String: Any]) throws {
    let data = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
    printLine(String(decoding: data, as: UTF8.self))
}

/// Without a buffer, so that whoever reads along sees it at once.
func printLine(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

func progress(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

extension Double {
    func rounded(_ digits: Int) -> Double {
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        return (self * scale).rounded() / scale
    }
}

extension [Double] {
    /// The smallest value that is not below the given share of all.
    func percentile(_ share: Double) -> Double {
        let sorted = sorted()
        return sorted.isEmpty
            ? 0 : sorted[Swift.min(sorted.count - 1, Int((Double(sorted.count) * share).rounded(.up)) - 1)]
    }
}
