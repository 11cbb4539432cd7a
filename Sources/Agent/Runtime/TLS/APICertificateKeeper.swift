import Foundation
import Gateway
import Logging
import NIOCore
import NIOPosix

/// Takes the HTTP API's certificate, and whom its clients believe, anew when their files change.
@NodeLoop
final class APICertificateKeeper {
    nonisolated let security: APISecurity?
    nonisolated let trust: APITrust
    private let files: [String]
    private let certificate: (certificate: String, privateKey: String)?
    private let threads: NIOThreadPool
    private let logger: Logger
    private var seen: [FileStamp?]
    /// Files that cannot be used, and whether that was said; they may just be half replaced.
    private var broken: (stamps: [FileStamp?], said: Bool)?
    private var isLooking = false
    private var timer: RepeatedTask?

    /// Reads the files; blocks.
    nonisolated init(_ configuration: Configuration, threads: NIOThreadPool, logger: Logger) throws {
        if let problem = configuration.apiCertificateProblem { throw AgentError(problem) }
        certificate = configuration.apiCertificate
        let roots = configuration.apiTrust
        files = [certificate?.certificate, certificate?.privateKey, roots.file].compactMap { $0 }
        self.threads = threads
        self.logger = logger
        seen = files.map { FileStamp($0) }
        do throws(APISecurity.Failure) {
            if let certificate {
                security = try APISecurity(
                    certificate: certificate.certificate, privateKey: certificate.privateKey)
            } else {
                security = nil
            }
            trust = try APITrust(roots)
        } catch {
            throw AgentError("the HTTP API's TLS: \(error.description); see api.tls, api.tls_certificate, api.tls_ca")
        }
    }

    func start() {
        guard !files.isEmpty else { return }
        timer = NodeLoop.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) {
            [weak self] _ in NodeLoop.assumeIsolated { self?.look() }
        }
    }

    func stop() { timer?.cancel() }

    private struct Look: Sendable {
        var stamps: [FileStamp?]
        /// nil when the files are as before.
        var loaded: Result<Void, APISecurity.Failure>?
    }

    private func look() {
        guard !isLooking else { return }
        isLooking = true
        let (files, certificate, security, trust, seen) = (files, certificate, security, trust, seen)
        threads.runIfActive(eventLoop: NodeLoop.eventLoop) { () -> Look in
            var look = Look(stamps: files.map { FileStamp($0) })
            guard look.stamps != seen else { return look }
            do throws(APISecurity.Failure) {
                if let certificate {
                    try security?.use(certificate: certificate.certificate, privateKey: certificate.privateKey)
                }
                try trust.reload()
                look.loaded = .success(())
            } catch { look.loaded = .failure(error) }
            return look
        }.whenComplete { [weak self] result in NodeLoop.assumeIsolated { self?.looked(result) } }
    }

    private func looked(_ result: Result<Look, any Error>) {
        isLooking = false
        guard case .success(let look) = result else { return }
        switch look.loaded {
        case .none: broken = nil
        case .success:
            (seen, broken) = (look.stamps, nil)
            logger.notice("the HTTP API uses new certificates")
        case .failure(let error):
            // The old ones stay; said when the files have been wrong for two looks in a row.
            let isSame = broken.map { $0.stamps == look.stamps } ?? false
            if isSame, broken?.said == false {
                logger.error(
                    "the HTTP API's new certificates can't be used, the old ones stay", metadata: ["error": "\(error)"])
            }
            broken = (look.stamps, isSame)
        }
    }
}

extension APITrust.Roots {
    fileprivate var file: String? {
        switch self {
        case .system: nil
        case .file(let path), .cluster(let path): path
        case .here(let path): path
        }
    }
}
