import ClusterCore
import Foundation
import Gateway
import Logging
import NIOCore
import NIOPosix
import WANLink

/// Keeps the API's tokens the same on all members, without a leader: each report says what its sender knows in one fingerprint, and who
/// finds another one than its own sends all it has. Takes changes of the file without a restart.
@NodeLoop
final class TokenKeeper {
    /// The same list goes to the same member again after this.
    private static let resendInterval = Duration.seconds(15)
    private static let sendInterval = Duration.seconds(1)

    nonisolated let directory: TokenDirectory
    private let file: TokenFile
    private let network: PeerNetwork
    private let threads: NIOThreadPool
    private let logger: Logger
    private(set) var fingerprint: String
    private var payload: ByteBuffer?
    private var seen: FileStamp?
    private var complaint: String?
    private var isBusy = false
    private var sent: [NodeNumber: (own: String, theirs: String, at: ClusterCore.Instant)] = [:]
    private var timer: RepeatedTask?

    /// - Parameter known: the file's content and what it was at then.
    init(
        file: TokenFile, known: (book: TokenBook, stamp: FileStamp?), network: PeerNetwork, threads: NIOThreadPool,
        logger: Logger
    ) {
        self.file = file
        self.network = network
        self.threads = threads
        self.logger = logger
        directory = TokenDirectory(known.book)
        seen = known.stamp
        fingerprint = known.book.fingerprint
        do { payload = try Known(known.book, known.stamp).payload } catch {
            logger.error("the API's tokens can't be told to others", metadata: ["error": "\(error)"])
        }
    }

    func start() {
        timer = NodeLoop.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .milliseconds(500)) {
            [weak self] _ in NodeLoop.assumeIsolated { self?.look() }
        }
    }

    func stop() { timer?.cancel() }

    /// What was read or made on another thread.
    private struct Known: Sendable {
        var book: TokenBook
        var stamp: FileStamp?
        var fingerprint: String
        var payload: ByteBuffer?

        init(_ book: TokenBook, _ stamp: FileStamp?) throws {
            self.book = book
            self.stamp = stamp
            fingerprint = book.fingerprint
            payload = book.isEmpty ? nil : PeerPayload.encode(tokens: ByteBuffer(bytes: try book.encoded()))
        }
    }

    private func look() {
        let (file, seen) = (file, seen)
        run { () throws -> Known? in
            let stamp = file.stamp
            return stamp == seen ? nil : try Known(try file.read(), stamp)
        }
    }

    /// Another member's tokens have come.
    func received(_ bytes: ByteBuffer, from peer: NodeNumber) {
        let file = file
        run { () throws -> Known? in
            let theirs = try TokenBook(Data(bytes.readableBytesView), now: Date())
            let updated = try file.update { $0.merge(theirs.records, now: Date()) }
            return try Known(updated.book, updated.stamp)
        }
    }

    /// A report has come with what its sender knows; nil from an agent that knows of no tokens.
    func heard(_ theirs: String?, from peer: NodeNumber, now: ClusterCore.Instant) {
        guard let theirs, theirs != fingerprint, let payload else { return }
        if let last = sent[peer] {
            let pause = last.own == fingerprint && last.theirs == theirs ? Self.resendInterval : Self.sendInterval
            guard now.duration(since: last.at) >= pause else { return }
        }
        sent[peer] = (fingerprint, theirs, now)
        guard payload.readableBytes <= network.configuration.controlFrameBytesMax else {
            return logger.error("the API's tokens are too many to be told to others")
        }
        network.sendControl(payload, to: peer)
    }

    /// One thing at a time; what is left out comes again with the next look or report.
    private func run(_ work: @escaping @Sendable () throws -> Known?) {
        guard !isBusy else { return }
        isBusy = true
        threads.runIfActive(eventLoop: NodeLoop.eventLoop, work).whenComplete { [weak self] result in
            NodeLoop.assumeIsolated { self?.ended(result) }
        }
    }

    private func ended(_ result: Result<Known?, any Error>) {
        isBusy = false
        switch result {
        case .success(nil): complaint = nil
        case .success(let known?):
            complaint = nil
            seen = known.stamp
            guard known.fingerprint != fingerprint else { return }
            directory.use(known.book)
            (fingerprint, payload) = (known.fingerprint, known.payload)
            let good = known.book.records.filter { $0.state(at: Date()) == .active }.count
            logger.notice("the API's tokens have changed", metadata: ["good": "\(good)"])
        case .failure(let error):
            if complaint != "\(error)" {
                logger.error("the API's tokens stay as they are", metadata: ["reason": "\(error)"])
            }
            complaint = "\(error)"
        }
    }
}

extension AgentAssembly {
    /// Reads the tokens that this member has and keeps them up to date. On the loop, before the API is made.
    func keepTokens(_ node: Node) async throws {
        let file = TokenFile(dataDirectory: configuration.node.dataDirectory)
        // The stamp first: what is written in between is seen at the next look.
        let stamp = file.stamp
        let book = try file.read()
        await NodeLoop.run {
            let keeper = TokenKeeper(
                file: file, known: (book, stamp), network: node.network, threads: threads, logger: logger)
            node.tokens = keeper
            keeper.start()
        }
    }
}
