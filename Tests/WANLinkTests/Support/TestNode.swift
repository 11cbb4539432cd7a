import ClusterCore
import Logging
import NIOCore
import NIOPosix
import WANLink

/// A network on loopback, its delegate and its log.
struct TestNode: Sendable {
    let network: PeerNetwork
    let delegate: RecordingDelegate
    let log: LogRecorder

    var address: String { "127.0.0.1:\(network.localPort)" }
    var loop: any EventLoop { network.eventLoop }

    static func start(
        _ number: UInt16?, cluster: String = "c1", port: Int = 0, delegate: RecordingDelegate = RecordingDelegate(),
        timeout: Duration = .seconds(5), loops: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        adjust: (inout PeerNetwork.Configuration) -> Void = { _ in }
    ) async throws -> TestNode {
        let log = LogRecorder()
        var configuration = PeerNetwork.Configuration(
            bindHost: "127.0.0.1", bindPort: port, timeout: timeout, logger: log.logger)
        // What a test says of the number of warnings holds however slowly it runs.
        configuration.warningInterval = .hours(1)
        adjust(&configuration)
        let identity = number.map { PeerIdentity(clusterID: cluster, number: NodeNumber($0), id: "node-\($0)") }
        let network = try await PeerNetwork.start(
            configuration, identity: identity, on: loops.next(), delegate: delegate
        ).get()
        return TestNode(network: network, delegate: delegate, log: log)
    }

    func onLoop<T: Sendable>(_ body: @escaping @Sendable (PeerNetwork) throws -> T) async throws -> T {
        let network = network
        return try await loop.submit { try body(network) }.get()
    }

    func setPeers(_ peers: [UInt16: String]) async throws {
        let numbered = Dictionary(uniqueKeysWithValues: peers.map { (NodeNumber($0.key), $0.value) })
        try await onLoop { $0.setPeers(numbered) }
    }

    func sendControl(_ text: String, to peer: UInt16) async throws {
        try await onLoop { $0.sendControl(ByteBuffer(string: text), to: NodeNumber(peer)) }
    }

    func close() async throws { try await network.close().get() }
}

/// Keeps log lines and lets a test wait for one.
final class LogRecorder: Sendable {
    private let observed = Observed([String]())

    var lines: [String] { observed.value }
    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(recorder: self) }
        logger.logLevel = .trace
        return logger
    }

    /// Suspends until a line contains `text`.
    func wait(for text: String) async throws { try await observed.wait { $0.contains { $0.contains(text) } } }

    private func add(_ line: String) { observed.change { $0.append(line) } }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) { recorder.add("\(event.level): \(event.message)") }
    }
}
