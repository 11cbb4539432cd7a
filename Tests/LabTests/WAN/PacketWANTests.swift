import Foundation
import Glibc
import LabSupport
import Testing

extension LabTests {
    /// The emulated line between two namespaces, measured with TCP over it.
    @Suite struct PacketWANTests {
        /// Runs `body` on a line, or says why not.
        static func withLine(
            _ line: Line, congestion: String? = nil, _ body: (PacketWAN) throws -> Void
        ) throws {
            if let obstacle = PacketWAN.obstacle {
                print("skipped: \(obstacle)")
                return
            }
            let wan = try PacketWAN(line, congestion: congestion)
            defer { wan.remove() }
            try body(wan)
        }

        @Test(arguments: [("bbr", 0.0, 0.85), ("bbr", 0.1, 0.85), ("cubic", 0.0, 0.85)])
        func aConnectionFillsTheLine(_ congestion: String, _ loss: Double, _ share: Double) throws {
            let line = Line.wan(roundTrip: .milliseconds(80), megabits: 100, lossPercent: loss)
            try Self.withLine(line, congestion: congestion) { wan in
                let ends = try Transfer.connection(over: wan)
                defer { for end in [ends.home, ends.away] { close(end) } }
                #expect(Transfer.congestionControl(ends.home) == congestion)
                let result = try Transfer.run(from: ends.home, to: ends.away, seconds: 3, warmUp: 2)
                let counters = wan.counters(from: .home)
                print("\(congestion), \(loss) % loss: \(Int(result.megabitsPerSecond)) of 100 Mbit/s, \(counters)")
                #expect(result.megabitsPerSecond > 100 * share)
                #expect(result.megabitsPerSecond < 100)
                if loss > 0 { #expect(counters.lost > 0) }
            }
        }

        @Test func cubicSuffersFromLoss() throws {
            let line = Line.wan(roundTrip: .milliseconds(80), megabits: 100, lossPercent: 0.5)
            try Self.withLine(line, congestion: "cubic") { wan in
                let ends = try Transfer.connection(over: wan)
                defer { for end in [ends.home, ends.away] { close(end) } }
                let result = try Transfer.run(from: ends.home, to: ends.away, seconds: 3, warmUp: 2)
                print("cubic, 0.5 % loss: \(Int(result.megabitsPerSecond)) of 100 Mbit/s")
                #expect(result.megabitsPerSecond < 40)
            }
        }

        @Test func theRoundTripIsAsAskedFor() throws {
            try Self.withLine(.wan(roundTrip: .milliseconds(80), megabits: 100)) { wan in
                let ends = try Transfer.connection(over: wan)
                defer { for end in [ends.home, ends.away] { close(end) } }
                var times: [Double] = []
                for _ in 0..<5 {
                    let begin = Workload.now
                    var byte: UInt8 = 1
                    #expect(send(ends.home, &byte, 1, 0) == 1)
                    #expect(recv(ends.away, &byte, 1, 0) == 1)
                    #expect(send(ends.away, &byte, 1, 0) == 1)
                    #expect(recv(ends.home, &byte, 1, 0) == 1)
                    times.append((Workload.now - begin) * 1_000)
                }
                let best = times.min() ?? 0
                #expect(best >= 80 && best < 83, "round trips in ms: \(times)")
            }
        }

        @Test func aBlackHoleIsSilentAndEnds() throws {
            try Self.withLine(.wan(roundTrip: .milliseconds(10), megabits: 100)) { wan in
                let ends = try Transfer.connection(over: wan)
                defer { for end in [ends.home, ends.away] { close(end) } }
                wan.setBlackHole(true, from: .home)
                var byte: UInt8 = 7
                #expect(send(ends.home, &byte, 1, 0) == 1)
                #expect(!Transfer.isReadable(ends.away, within: .milliseconds(300)))
                #expect(wan.counters(from: .home).swallowed > 0)
                wan.setBlackHole(false, from: .home)
                // TCP sends again by itself.
                #expect(Transfer.isReadable(ends.away, within: .seconds(10)))
                #expect(recv(ends.away, &byte, 1, 0) == 1)
                #expect(byte == 7)
            }
        }

        @Test func congestionControlIsChosenForTheLine() throws {
            try Self.withLine(.ideal, congestion: "reno") { wan in
                for name in ["reno", "cubic"] {
                    try wan.setCongestion(name)
                    let ends = try Transfer.connection(over: wan)
                    defer { for end in [ends.home, ends.away] { close(end) } }
                    #expect(Transfer.congestionControl(ends.home) == name)
                    #expect(Transfer.congestionControl(ends.away) == name)
                }
                #expect(throws: LabError.self) { try wan.setCongestion("none-such") }
            }
        }
    }
}
