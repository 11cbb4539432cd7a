import ClusterCore
import LabSupport
import Logging
import MariaDBWire
import NIOCore
import NIOPosix
import Synchronization

/// Collects what a source delivers; acknowledges at once when told to.
final class Recorder: BinlogSourceDelegate {
    struct State {
        var parts: [CapturedTransaction] = []
        var bursts = 0
        var aliveCount = 0
        var closed = false
        var error: BinlogSourceError?
        var acknowledges: Bool
    }
    private let state: Mutex<State>

    init(acknowledges: Bool = true) { state = Mutex(State(acknowledges: acknowledges)) }

    func read<Value>(_ body: (State) -> Value) -> Value { state.withLock { body($0) } }
    func setAcknowledges(_ on: Bool) { state.withLock { $0.acknowledges = on } }

    func binlogSource(_ source: BinlogSource, captured transactions: [CapturedTransaction]) {
        let acknowledges = state.withLock { state in
            state.parts += transactions
            state.bursts += 1
            return state.acknowledges
        }
        guard acknowledges, let last = transactions.last(where: \.ackWanted) else { return }
        source.acknowledge(file: last.file, offset: last.endOffset)
    }
    func binlogSourceAlive(_ source: BinlogSource) { state.withLock { $0.aliveCount += 1 } }
    func binlogSourceClosed(_ source: BinlogSource, error: BinlogSourceError?) {
        state.withLock { state in
            state.closed = true
            state.error = error
        }
    }

    /// GTIDs of the complete transactions, in order.
    var gtids: [String] { read { $0.parts.filter { $0.part == .whole || $0.part == .last }.map(\.gtid.description) } }
    var last: CapturedTransaction? { read { $0.parts.last } }

    func waitFor(_ gtid: String) async throws {
        try await MariaDBServer.eventually("GTID \(gtid) is captured, not only \(gtids.suffix(3))") {
            gtids.contains(gtid)
        }
    }
}

/// A source with its recorder, on a loop of the shared group.
struct Capture: Sendable {
    let source: BinlogSource
    let recorder: Recorder

    static func open(
        _ server: MariaDBServer, from start: String = "", semiSync: Bool = true, acknowledges: Bool = true,
        serverID: UInt32 = 9001, change: (inout BinlogSource.Configuration) -> Void = { _ in }
    ) async throws -> Capture {
        var configuration = BinlogSource.Configuration(
            address: .unix(path: server.socket), credentials: Credentials(user: "root"), serverID: serverID,
            start: GTIDPosition(start)!, semiSync: semiSync, logger: Logger(label: "test"))
        change(&configuration)
        let recorder = Recorder(acknowledges: acknowledges)
        let source = try await BinlogSource.connect(
            configuration, on: MultiThreadedEventLoopGroup.singleton.next(), delegate: recorder
        ).get()
        return Capture(source: source, recorder: recorder)
    }

    func acknowledge(_ transaction: CapturedTransaction) async throws {
        try await source.eventLoop.submit {
            source.acknowledge(file: transaction.file, offset: transaction.endOffset)
        }.get()
    }

    func close() async throws {
        try await source.eventLoop.submit { source.close() }.get()
        try await MariaDBServer.eventually("the source is closed") { recorder.read(\.closed) }
    }
}
