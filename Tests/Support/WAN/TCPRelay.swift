import Foundation
import NIOCore
import NIOPosix

/// A TCP relay to one address that behaves like a line: delay, rate, jitter, cuts, black holes and half-open connections, each
/// direction on its own and switchable while connections are open. Needs no privileges; packets, and so loss, it has none.
///
/// Its methods may be called from any thread but an event loop, and return when the change is in force.
public final class TCPRelay: @unchecked Sendable {  // its state belongs to the loop
    public let port: Int
    private let loop: any EventLoop
    private let state: State
    private let server: any Channel

    /// - Parameters:
    ///   - target: Where connections are taken on to, as host and port.
    ///   - port: Where it listens; 0: any free port.
    public init(
        to target: (host: String, port: Int), host: String = "127.0.0.1", port: Int = 0, line: Line = .ideal,
        seed: UInt64 = 1
    ) throws {
        loop = MultiThreadedEventLoopGroup.singleton.next()
        let state = State(target: target, line: line, seed: seed, loop: loop)
        self.state = state
        server = try ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { state.accepted($0) }
            .bind(host: host, port: port).wait()
        self.port = server.localAddress?.port ?? 0
    }

    /// Changes the line, both directions if none is named, for open connections too.
    public func set(_ line: Line, _ direction: LineDirection? = nil) { run { $0.set(line, direction) } }

    /// Delivers nothing and tells nobody, not even of ends, until it is undone; then, as after TCP's retransmissions, the streams go on.
    public func setBlackHole(_ swallows: Bool, _ direction: LineDirection? = nil) {
        run { state in
            for each in LineDirection.allCases where direction == nil || direction == each {
                var line = state.line(each)
                line.swallows = swallows
                state.set(line, each)
            }
        }
    }

    /// Resets every connection, on both ends.
    public func cut() { run { $0.reset(inbound: true, outbound: true) } }

    /// While refused, a new connection is reset as soon as it is made.
    public func setRefusing(_ refuses: Bool) { run { $0.refuses = refuses } }

    /// Every new connection is reset when so many bytes have come from the side that connects, or from the other one: in a
    /// handshake, if they are few. Nil: no more.
    public func setLifetime(bytes: Int?) { run { $0.lifetimeBytes = bytes } }

    /// How many connections ended by ``setLifetime(bytes:)``.
    public var shortLived: Int { run { $0.shortLived } }

    /// Resets every connection at its target; the end that had connected is told nothing, and what it says is swallowed.
    public func leaveHalfOpen() { run { $0.reset(inbound: false, outbound: true) } }

    public func counters(_ direction: LineDirection) -> LineCounters { run { $0.counters(direction) } }
    /// How many connections are open on the side that connects.
    public var connections: Int { run { $0.connections.count } }

    public func close() {
        run { $0.reset(inbound: true, outbound: true) }
        _ = try? server.close().wait()
    }

    private func run<Result: Sendable>(_ body: @escaping @Sendable (State) -> Result) -> Result {
        loop.preconditionNotInEventLoop()
        let state = state
        do { return try loop.submit { body(state) }.wait() } catch {
            preconditionFailure("the relay's event loop has ended: \(error)")
        }
    }

    /// All connections; on the loop only.
    final class State: @unchecked Sendable {
        private let target: (host: String, port: Int)
        private let loop: any EventLoop
        private var lines: [Line]
        private var models: [LineModel]
        var refuses = false
        /// Of connections made from now on, in either direction.
        var lifetimeBytes: Int?
        var shortLived = 0
        private(set) var connections: [ObjectIdentifier: TCPRelayConnection] = [:]

        init(target: (host: String, port: Int), line: Line, seed: UInt64, loop: any EventLoop) {
            self.target = target
            self.loop = loop
            lines = [line, line]
            models = [LineModel(Self.ofStream(line), seed: seed), LineModel(Self.ofStream(line), seed: ~seed)]
        }

        /// What the model needs not do for a stream: a full queue stops the reading, a black hole too, and nothing is lost.
        private static func ofStream(_ line: Line) -> Line {
            var line = line
            line.queueBytes = .max / 2
            line.loss = 0
            line.swallows = false
            return line
        }

        func accepted(_ inbound: any Channel) -> EventLoopFuture<Void> {
            loop.preconditionInEventLoop()
            guard !refuses else {
                TCPRelayConnection.reset(inbound)
                return loop.makeSucceededVoidFuture()
            }
            return ClientBootstrap(group: loop).channelOption(.autoRead, value: false)
                .connect(host: target.host, port: target.port)
                .flatMapThrowing { [self] outbound in
                    let connection = try TCPRelayConnection(inbound: inbound, outbound: outbound, state: self)
                    connections[ObjectIdentifier(connection)] = connection
                }
                .flatMapErrorThrowing { error in
                    TCPRelayConnection.reset(inbound)
                    throw error
                }
        }

        func ended(_ connection: TCPRelayConnection) { connections[ObjectIdentifier(connection)] = nil }

        func line(_ direction: LineDirection) -> Line { lines[direction.rawValue] }
        func counters(_ direction: LineDirection) -> LineCounters { models[direction.rawValue].counters }

        func set(_ line: Line, _ direction: LineDirection?) {
            for each in LineDirection.allCases where direction == nil || direction == each {
                lines[each.rawValue] = line
                models[each.rawValue].set(Self.ofStream(line), now: PacketRelay.now)
            }
            for connection in connections.values { connection.goOn() }
        }

        func reset(inbound: Bool, outbound: Bool) {
            for connection in connections.values { connection.reset(inbound: inbound, outbound: outbound) }
        }

        /// Whether the bottleneck's queue takes more.
        func hasRoom(_ direction: LineDirection, now: UInt64) -> Bool {
            models[direction.rawValue].backlogBytes(now: now) < lines[direction.rawValue].queueBytes
        }

        /// - Returns: when the bytes come out.
        func offer(_ bytes: Int, _ direction: LineDirection, now: UInt64) -> UInt64 {
            guard case .deliver(let due) = models[direction.rawValue].offer(bytes, now: now) else {
                preconditionFailure("a stream's line neither loses nor drops")
            }
            return due
        }
        func delivered(_ bytes: Int, _ direction: LineDirection) { models[direction.rawValue].delivered(bytes) }
    }
}
