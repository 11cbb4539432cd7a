import ArgumentParser
import ClusterCore
import Foundation
import WriteAheadLog

struct WALCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wal", abstract: "Look at this node's write-ahead log.", subcommands: [Inspect.self])

    struct Inspect: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "List the log's segments, or its batches, and check every checksum.",
            discussion: "Reads only; the agent may run meanwhile. Exits with 1 when something is damaged.")

        @OptionGroup var options: ConfigurationOptions
        @Flag(help: "List every batch, not the segments alone.") var batches = false
        @Flag(help: "One JSON object a line.") var json = false

        func run() async throws {
            let directory = try options.load().node.dataDirectory + "/wal"
            guard FileManager.default.fileExists(atPath: directory) else {
                throw CommandFailure("\(directory) does not exist: this node has not been started yet")
            }
            var table = TextTable(
                ["FIRST", "LAST", "TERM", "KIND", "ENTRIES", "BYTES", "GTIDS"], rightAligned: [0, 1, 2, 4, 5])
            let segments: [LogInspector.Segment]
            do {
                segments = try LogInspector(directory: directory).inspect { _, header in
                    if batches { json ? print(line(header)) : table.add(row(header)) }
                }
            } catch { throw CommandFailure("\(error)") }
            if batches, !json { print(table.render() + "\n") }
            show(segments)
            if segments.contains(where: { $0.damage != nil }) { throw ExitCode.failure }
        }

        private func row(_ header: BatchHeader) -> [String] {
            [
                "\(header.first)", "\(header.last)", "\(header.term)", "\(header.kind)", "\(header.count)",
                "\(header.batchBytes)", gtids(header),
            ]
        }

        private func gtids(_ header: BatchHeader) -> String {
            header.gtidRanges.map { range in
                let first = "\(range.domain)-\(range.server)-\(range.first)"
                return range.first == range.last ? first : "\(first)…\(range.last)"
            }.joined(separator: ",")
        }

        private func line(_ header: BatchHeader) -> String {
            """
            {"first_lsn":\(header.first),"last_lsn":\(header.last),"term":\(header.term),"kind":"\(header.kind)",\
            "entries":\(header.count),"bytes":\(header.batchBytes),"gtids":"\(gtids(header))"}
            """
        }

        private func show(_ segments: [LogInspector.Segment]) {
            if json {
                for segment in segments {
                    let damage = segment.damage.map { "\"\($0.replacingOccurrences(of: "\"", with: "'"))\"" } ?? "null"
                    print(
                        """
                        {"segment":"\(segment.path)","first_lsn":\(segment.first),"last_lsn":\(segment.last.map { "\($0)" } ?? "null"),\
                        "batches":\(segment.batches),"entries":\(segment.entries),"used_bytes":\(segment.usedBytes),\
                        "file_bytes":\(segment.fileBytes),"damage":\(damage)}
                        """)
                }
                return
            }
            var table = TextTable(
                ["SEGMENT", "FIRST", "LAST", "BATCHES", "ENTRIES", "USED", "FILE", "DAMAGE"],
                rightAligned: [1, 2, 3, 4, 5, 6])
            for segment in segments {
                table.add([
                    (segment.path as NSString).lastPathComponent, "\(segment.first)",
                    segment.last.map { "\($0)" } ?? "-",
                    "\(segment.batches)", "\(segment.entries)", "\(segment.usedBytes)", "\(segment.fileBytes)",
                    segment.damage ?? "-",
                ])
            }
            print(table.render())
        }
    }
}
