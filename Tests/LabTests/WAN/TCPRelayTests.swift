import Foundation
import Glibc
import LabSupport
import Testing

extension LabTests {
    /// The emulated line for TCP connections, which needs no privileges.
    @Suite struct TCPRelayTests {
        /// A relayed connection, and both of its ends.
        private func withRelay(_ line: Line, _ body: (TCPRelay, Int32, Int32) throws -> Void) throws {
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(listener) }
            let relay = try TCPRelay(to: ("127.0.0.1", try Transfer.listen(listener)), line: line)
            defer { relay.close() }
            let near = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(near) }
            try Transfer.connect(near, host: "127.0.0.1", port: relay.port)
            let far = try Transfer.accept(listener)
            defer { close(far) }
            try body(relay, near, far)
        }

        private func say(_ descriptor: Int32, _ byte: UInt8) {
            var byte = byte
            #expect(send(descriptor, &byte, 1, Int32(MSG_NOSIGNAL)) == 1)
        }

        private enum Heard: Equatable { case byte(UInt8), end, reset, nothing }

        private func hear(_ descriptor: Int32, within limit: Duration = .seconds(10)) -> Heard {
            guard Transfer.isReadable(descriptor, within: limit) else { return .nothing }
            var byte: UInt8 = 0
            switch recv(descriptor, &byte, 1, 0) {
            case 1: return .byte(byte)
            case 0: return .end
            default: return errno == ECONNRESET ? .reset : .nothing
            }
        }

        @Test func eachDirectionHasItsOwnDelay() throws {
            try withRelay(.ideal) { relay, near, far in
                relay.set(Line(delay: .milliseconds(60)), .outward)
                relay.set(Line(delay: .milliseconds(20)), .inward)
                for (from, to, wanted) in [(near, far, 60.0), (far, near, 20.0)] {
                    // The quickest of several: a busy machine adds to any one of them, and takes nothing off.
                    let times = (0..<5).map { _ in
                        let begin = Workload.now
                        say(from, 1)
                        #expect(hear(to) == .byte(1))
                        return (Workload.now - begin) * 1_000
                    }
                    let best = times.min() ?? 0
                    #expect(best >= wanted && best < wanted + 15, "\(times) ms instead of \(wanted)")
                }
            }
        }

        @Test func theRateHoldsAndTheQueueIsBounded() throws {
            let line = Line(delay: .milliseconds(5), bytesPerSecond: 2_500_000, queueBytes: 128 << 10)
            try withRelay(line) { relay, near, far in
                let result = try Transfer.run(from: near, to: far, seconds: 1.5, warmUp: 0.5)
                // A busy machine may leave some of the line unused.
                #expect(
                    (12...22).contains(result.megabitsPerSecond), "\(result.megabitsPerSecond) Mbit/s instead of 20")
                let counters = relay.counters(.outward)
                #expect(counters.bytes - counters.deliveredBytes < 512 << 10)
            }
        }

        @Test func aCutIsAResetAtBothEnds() throws {
            try withRelay(.ideal) { relay, near, far in
                say(near, 1)
                #expect(hear(far) == .byte(1))
                relay.cut()
                for end in [near, far] {
                    #expect(hear(end) == .reset)
                }
                try Lab.eventually("the relay has let go") { relay.connections == 0 }
            }
        }

        @Test func aBlackHoleTellsNobodyAndTheStreamGoesOn() throws {
            try withRelay(.ideal) { relay, near, far in
                relay.setBlackHole(true, .outward)
                say(near, 1)
                #expect(hear(far, within: .milliseconds(200)) == .nothing)
                say(far, 2)
                #expect(hear(near) == .byte(2))
                relay.setBlackHole(false)
                #expect(Transfer.isReadable(far, within: .milliseconds(5_000)))
                #expect(hear(far) == .byte(1))
            }
        }

        @Test func aHalfOpenConnectionLooksAliveFromOneEnd() throws {
            try withRelay(.ideal) { relay, near, far in
                say(near, 1)
                #expect(hear(far) == .byte(1))
                relay.leaveHalfOpen()
                #expect(hear(far) == .reset)
                say(near, 1)
                #expect(hear(near, within: .milliseconds(200)) == .nothing)
            }
        }

        @Test func aRefusingRelayResetsNewConnections() throws {
            try withRelay(.ideal) { relay, _, _ in
                relay.setRefusing(true)
                let late = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                defer { close(late) }
                // The reset may come before the connection is even known to be there.
                do { try Transfer.connect(late, host: "127.0.0.1", port: relay.port) } catch { return }
                #expect(hear(late) == .reset)
            }
        }
    }
}
