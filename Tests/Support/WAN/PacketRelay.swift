import CLinux
import Foundation
import Glibc
import Synchronization

/// Which way over an emulated line.
public enum LineDirection: Int, Sendable, CaseIterable {
    /// From home to the far side; of a TCP relay: from the one that connects to its target.
    case outward = 0
    case inward = 1
}

/// Moves packets between two TUN devices as two ``LineModel``s say, on a thread of its own that is woken to the microsecond.
final class PacketRelay: Sendable {
    private static let queueBytesMax = 64 << 20
    private static let packetsPerTurn = 64
    private static let pauseMax: UInt64 = 50_000_000

    private let models: Mutex<[LineModel]>
    private let stopping = Atomic(false)
    private let ended = DispatchSemaphore(value: 0)

    /// Takes the descriptors over and closes them in the end.
    init(home: Int32, away: Int32, mtu: Int, line: Line, seed: UInt64) {
        models = Mutex([LineModel(line, seed: seed), LineModel(line, seed: ~seed)])
        let thread = Thread { [self] in
            Self.askForRealTime()
            run([Pipe(from: home, to: away, mtu: mtu), Pipe(from: away, to: home, mtu: mtu)])
            close(home)
            close(away)
            ended.signal()
        }
        thread.name = "emulated line"
        thread.start()
    }

    func stop() {
        stopping.store(true, ordering: .releasing)
        ended.wait()
    }

    func set(_ line: Line, _ direction: LineDirection) {
        models.withLock { $0[direction.rawValue].set(line, now: Self.now) }
    }
    func line(_ direction: LineDirection) -> Line { models.withLock { $0[direction.rawValue].line } }
    func counters(_ direction: LineDirection) -> LineCounters { models.withLock { $0[direction.rawValue].counters } }

    /// One direction; only the relay's thread touches it.
    private final class Pipe {
        let input: Int32
        let output: Int32
        var queue: PacketQueue

        init(from input: Int32, to output: Int32, mtu: Int) {
            self.input = input
            self.output = output
            queue = PacketQueue(capacityBytes: PacketRelay.queueBytesMax, packetBytesMax: mtu)
        }

        func deliver(_ model: inout LineModel, now: UInt64) {
            while let due = queue.nextDue, due <= now, let packet = queue.removeFirst() {
                if write(output, packet.baseAddress, packet.count) == packet.count { model.delivered(packet.count) }
            }
        }

        /// - Returns: whether there may be more to read.
        func takeIn(_ model: inout LineModel, now: UInt64) -> Bool {
            for _ in 0..<PacketRelay.packetsPerTurn {
                guard let room = queue.room() else { return false }
                let bytes = read(input, room.baseAddress, room.count)
                guard bytes > 0 else { return false }
                // Neighbour discovery of IPv6 is not the traffic that somebody wants counted.
                guard room[0] >> 4 == 4 else { continue }
                if case .deliver(let due) = model.offer(bytes, now: now) { queue.append(bytes, due: due) }
            }
            return true
        }
    }

    private func run(_ pipes: [Pipe]) {
        let inputs = pipes.map(\.input)
        while !stopping.load(ordering: .acquiring) {
            var more = false
            models.withLock { models in
                for (index, pipe) in pipes.enumerated() {
                    let now = Self.now
                    pipe.deliver(&models[index], now: now)
                    if pipe.takeIn(&models[index], now: now) { more = true }
                }
            }
            guard !more else { continue }
            let now = Self.now
            let due = pipes.compactMap { $0.queue.nextDue }.min() ?? .max
            let pause = due > now ? min(due - now, Self.pauseMax) : 0
            _ = wolfscale_wait_readable(inputs, UInt32(inputs.count), Int64(pause))
        }
    }

    static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// A line does not slow down because the servers beside it are busy. Without the permission it is only less exact.
    private static func askForRealTime() {
        var parameters = sched_param()
        parameters.sched_priority = 1
        _ = pthread_setschedparam(pthread_self(), SCHED_RR, &parameters)
    }
}
