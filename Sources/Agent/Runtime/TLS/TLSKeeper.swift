import Channels
import Foundation
import Gateway
import Logging
import NIOCore
import NIOPosix
import WANLink

/// Keeps the certificates of a running node: takes new files without a restart, closes lines whose certificates have
/// ended, says when they are about to, and opens the door for new nodes while tokens are out.
@NodeLoop
final class TLSKeeper {
    private let node: String
    private let files: TLSFiles
    private let network: PeerNetwork
    private let threads: NIOThreadPool
    private let logger: Logger
    let desk: EnrolmentDesk
    private(set) var material: TLSMaterial
    private var seen: [FileStamp?]
    /// Files that cannot be used, and whether that was said; they may just be half replaced.
    private var broken: (stamps: [FileStamp?], said: Bool)?
    private var admitsStrangers = false
    private var warnedAt: Date?
    private var isLooking = false
    private var timer: RepeatedTask?
    private var refusals = LogLimiter()

    init(
        node: String, files: TLSFiles, material: TLSMaterial, network: PeerNetwork, threads: NIOThreadPool,
        logger: Logger
    ) {
        self.node = node
        self.files = files
        self.material = material
        self.network = network
        self.threads = threads
        self.logger = logger
        desk = EnrolmentDesk(files: files, threads: threads, logger: logger)
        seen = files.stamps
    }

    func start() {
        look()
        timer = NodeLoop.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) {
            [weak self] _ in NodeLoop.assumeIsolated { self?.look() }
        }
    }

    func stop() { timer?.cancel() }

    private struct Look: Sendable {
        var stamps: [FileStamp?]
        var isAwaiting: Bool
        /// nil when the files are as before.
        var loaded: Result<TLSMaterial, AgentError>?
    }

    private func look() {
        warn(now: Date())
        guard !isLooking else { return }
        isLooking = true
        let (files, node, seen) = (files, node, seen)
        threads.runIfActive(eventLoop: NodeLoop.eventLoop) { () -> Look in
            let stamps = files.stamps
            var look = Look(stamps: stamps, isAwaiting: TokenStore(folder: files.tokens).isAwaiting())
            if stamps != seen {
                do throws(AgentError) { look.loaded = .success(try TLSLoader.load(files, node: node)) } catch {
                    look.loaded = .failure(error)
                }
            }
            return look
        }.whenComplete { [weak self] result in NodeLoop.assumeIsolated { self?.looked(result) } }
    }

    private func looked(_ result: Result<Look, any Error>) {
        isLooking = false
        guard case .success(let look) = result else { return }
        switch look.loaded {
        case .none:
            broken = nil
            network.closeExpired()
        case .success(let fresh): take(fresh, look.stamps)
        case .failure(let error): keep(look.stamps, error)
        }
        if look.isAwaiting != admitsStrangers {
            admitsStrangers = look.isAwaiting
            apply(material)
        }
    }

    private func take(_ fresh: TLSMaterial, _ stamps: [FileStamp?]) {
        guard apply(fresh) else { return }
        (seen, broken, material, warnedAt) = (stamps, nil, fresh, nil)
        logger.notice(
            "new certificates are in use",
            metadata: ["not_after": "\(fresh.certificate.notAfter)", "serial": "\(fresh.certificate.serial)"])
    }

    @discardableResult
    private func apply(_ material: TLSMaterial) -> Bool {
        do {
            network.setSecurity(try LinkSecurity(material), strangers: admitsStrangers)
            return true
        } catch {
            logger.error("the certificates can't be used", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// The old ones stay; said when the files have been wrong for two looks in a row.
    private func keep(_ stamps: [FileStamp?], _ error: AgentError) {
        network.closeExpired()
        guard let before = broken, before.stamps == stamps else { return broken = (stamps, false) }
        if !before.said {
            logger.error("the new certificates can't be used, the old ones stay", metadata: ["error": "\(error)"])
        }
        broken = (stamps, true)
    }

    /// A request was refused; anybody may ask while tokens are out, so it is not said each time.
    func refused(_ hello: PeerHello, _ reason: String) {
        let who = hello.certificate?.name ?? "a caller without a certificate"
        refusals.warn(logger, "refused a request of \(who) at \(hello.remoteAddress): \(reason)")
    }

    private func warn(now: Date) {
        guard let warning = CertificateExpiry.warning(material, now: now) else { return }
        if let warnedAt, now.timeIntervalSince(warnedAt) < 86_400 { return }
        warnedAt = now
        logger.warning("\(warning)")
    }

    var warnings: [String] { [CertificateExpiry.warning(material, now: Date())].compactMap { $0 } }

    func status(now: Date = Date()) -> NodeStatus.TLS {
        NodeStatus.TLS(
            enabled: true, certificate: material.certificate.name,
            notAfter: material.certificate.notAfter.formatted(.iso8601),
            daysLeft: material.certificate.daysLeft(at: now), caNotAfter: material.authoritiesEnd.formatted(.iso8601))
    }
}

/// Tells one state of a file from another.
struct FileStamp: Sendable, Equatable {
    var changed: Date?
    var bytes: UInt64?
    var number: UInt64?
}

extension FileStamp {
    /// nil for one that is not there; what cannot be looked at counts as gone. Blocks.
    init?(_ path: String) {
        do {
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            changed = attributes[.modificationDate] as? Date
            bytes = (attributes[.size] as? NSNumber)?.uint64Value
            number = (attributes[.systemFileNumber] as? NSNumber)?.uint64Value
        } catch { return nil }
    }
}

extension TLSFiles {
    /// nil for one that is not there. Blocks.
    var stamps: [FileStamp?] { [ca, certificate, privateKey].map { FileStamp($0) } }
}
