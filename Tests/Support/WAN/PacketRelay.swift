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

/// Moves packets between the TUN devices of several sites, on a thread of its own that is woken to the microsecond, or, for less
/// of the processor, by groups as a network card's coalesced interrupts are.
///
/// What leaves a site goes through that site's ``LineModel``; then the last byte of the destination says which site gets it. Sites are
/// counted from 1, as in their addresses.
final class PacketRelay: Sendable {
    private static let queueBytesMax = 64 << 20
    private static let packetsPerTurn = 64
    private static let pauseMax: UInt64 = 50_000_000

    private struct State {
        var models: [LineModel]
        /// Sites that nothing reaches.
        var deaf: Set<Int> = []
    }
    private let coalescing: UInt64
    private let state: Mutex<State>
    private let stopping = Atomic(false)
    private let ended = DispatchSemaphore(value: 0)

    /// Takes the descriptors over and closes them in the end.
    ///
    /// - Parameter coalescing: Nanoseconds by which a packet may be late at most so that others go with it.
    init(sites tuns: [Int32], mtu: Int, line: Line, coalescing: UInt64 = 0, seed: UInt64) {
        self.coalescing = coalescing
        state = Mutex(State(models: tuns.indices.map { LineModel(line, seed: seed &+ UInt64($0) &* 0x9e37_79b9) }))
        let thread = Thread { [self] in
            Self.askForRealTime()
            run(tuns.map { Pipe(from: $0, to: tuns, mtu: mtu) })
            for tun in tuns { close(tun) }
            ended.signal()
        }
        thread.name = "emulated line"
        thread.start()
    }

    func stop() {
        stopping.store(true, ordering: .releasing)
        ended.wait()
    }

    /// The line on which a site's packets leave.
    func set(_ line: Line, from site: Int) { state.withLock { $0.models[site - 1].set(line, now: Self.now) } }
    func line(from site: Int) -> Line { state.withLock { $0.models[site - 1].line } }
    func counters(from site: Int) -> LineCounters { state.withLock { $0.models[site - 1].counters } }

    /// Whether a site hears nothing, though it is heard.
    func setDeaf(_ deaf: Bool, _ site: Int) {
        state.withLock { state in
            if deaf { state.deaf.insert(site) } else { state.deaf.remove(site) }
        }
    }

    /// What leaves one site; only the relay's thread touches it.
    private final class Pipe {
        let input: Int32
        let outputs: [Int32]
        var queue: PacketQueue

        init(from input: Int32, to outputs: [Int32], mtu: Int) {
            self.input = input
            self.outputs = outputs
            queue = PacketQueue(capacityBytes: PacketRelay.queueBytesMax, packetBytesMax: mtu)
        }

        func deliver(_ model: inout LineModel, deaf: Set<Int>, now: UInt64) {
            while let due = queue.nextDue, due <= now, let packet = queue.removeFirst() {
                // The last byte of an IPv4 packet's destination.
                let site = packet.count >= 20 ? Int(packet[19]) : 0
                guard site >= 1, site <= outputs.count, !deaf.contains(site) else { continue }
                if write(outputs[site - 1], packet.baseAddress, packet.count) == packet.count {
                    model.delivered(packet.count)
                }
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
            state.withLock { state in
                for (index, pipe) in pipes.enumerated() {
                    let now = Self.now
                    pipe.deliver(&state.models[index], deaf: state.deaf, now: now)
                    if pipe.takeIn(&state.models[index], now: now) { more = true }
                }
            }
            guard !more else { continue }
            let now = Self.now
            let due = pipes.compactMap { $0.queue.nextDue }.min() ?? .max
            let pause = due > now ? min(due - now, Self.pauseMax) : 0
            _ = wolfscale_wait_readable(inputs, UInt32(inputs.count), Int64(pause))
            if coalescing > 0 { _ = wolfscale_wait_readable(nil, 0, Int64(coalescing)) }
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
