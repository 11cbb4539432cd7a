import ArgumentParser
import Foundation
import LabSupport

struct WANCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wan", abstract: "An emulated line between two network namespaces, for scripts; needs root.",
        discussion: """
            Prints a line for each side: its name, its address, its namespace (for `ip netns exec`). Then takes commands from standard \
            input until that or `end`: cut (a black hole), heal, set MBIT/S LOSS-PERCENT ROUND-TRIP-MS, bytes (answers with the bytes \
            that went out and came back).
            """)

    @Option(help: "Milliseconds.") var roundTrip = 80
    @Option(help: "Mbit/s.") var megabits = 100.0
    @Option(help: "Percent of the packets.") var loss = 0.0
    @Option(help: "Milliseconds at most, added at random.") var jitter = 0
    @Option(help: "What TCP uses over the line: bbr, cubic; the machine's own if not given.") var congestion: String?
    @Option(help: "Of the losses.") var seed: UInt64 = UInt64.random(in: 0 ... .max)

    func run() throws {
        let wan = try PacketWAN(
            .wan(
                roundTrip: .milliseconds(roundTrip), megabits: megabits, lossPercent: loss,
                jitter: .milliseconds(jitter)), congestion: congestion, seed: seed)
        defer { wan.remove() }
        for (name, side) in [("home", PacketWAN.Site.home), ("away", .away)] {
            printLine("\(name) \(wan.address(side)) \(wan.namespace(side).name)")
        }
        while let line = readLine(), line != "end" {
            do { try obey(line.split(separator: " ").map(String.init), wan) } catch { progress("\(line): \(error)") }
        }
    }

    private func obey(_ words: [String], _ wan: PacketWAN) throws {
        switch (words.first, words.count) {
        case ("cut", 1): wan.setBlackHole(true)
        case ("heal", 1): wan.setBlackHole(false)
        case ("bytes", 1): printLine("\(wan.counters(from: .home).bytes) \(wan.counters(from: .away).bytes)")
        case ("set", 4):
            guard let megabits = Double(words[1]), let loss = Double(words[2]), let roundTrip = Int(words[3]),
                megabits > 0, (0..<100).contains(loss), roundTrip >= 0
            else { throw LabError("wanted: set MBIT/S LOSS-PERCENT ROUND-TRIP-MS") }
            wan.set(.wan(roundTrip: .milliseconds(roundTrip), megabits: megabits, lossPercent: loss))
        default: throw LabError("there are cut, heal, bytes, set MBIT/S LOSS-PERCENT ROUND-TRIP-MS")
        }
    }
}
