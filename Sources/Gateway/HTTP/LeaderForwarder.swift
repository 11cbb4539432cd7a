import AsyncHTTPClient
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Passes a request on to the leader's API and its answer back, once: the leader does not pass it on again.
struct LeaderForwarder: Sendable {
    static let answerBytesMax = 1 << 20
    /// The leader gives up first, and its answer must still arrive.
    static let margin = Duration.seconds(2)

    /// Of a request, what concerns the leader too.
    static let passedOn: [HTTPField.Name] = [.contentType, .accept, .idempotencyKey, .requestID]
    /// Of the answer, what concerns the client.
    private static let passedBack: [HTTPField.Name] = [.contentType, .retryAfter, .idempotentReplayed]

    let client: HTTPClient
    /// This node's name, for the leader's log.
    let nodeID: String
    var trust: APITrust?

    /// A client that never tries anything a second time.
    static func client(on group: any EventLoopGroup, connectTimeout: Duration) -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = TimeAmount(connectTimeout)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        configuration.httpVersion = .http1Only
        return HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    func forward(
        _ request: Request, body: ByteBuffer, to target: ForwardTarget, timeout: Duration
    ) async throws(Problem) -> Response {
        let outgoing = try outgoing(request, body: body, to: target)
        do {
            let answer = try await client.execute(outgoing, timeout: TimeAmount(timeout + LeaderForwarder.margin))
            return try await LeaderForwarder.response(answer)
        } catch {
            throw LeaderForwarder.problem(error, target, isKeyed: request.headers[.idempotencyKey] != nil)
        }
    }

    /// Passes a query on, and its answer back as it comes. When the client goes, the leader notices.
    func forwardQuery(
        _ request: Request, body: ByteBuffer, to target: ForwardTarget, timeout: Duration
    ) async throws(Problem) -> Response {
        let outgoing = try outgoing(request, body: body, to: target)
        do {
            let answer = try await client.execute(outgoing, timeout: TimeAmount(timeout + LeaderForwarder.margin))
            return Response(
                status: HTTPResponse.Status(code: Int(answer.status.code)),
                headers: LeaderForwarder.headers(of: answer),
                body: ResponseBody(asyncSequence: answer.body))
        } catch {
            throw .unavailable(
                "The leader at \(target.baseURL) does not answer (\(error)). Nothing was read.", retryAfterSeconds: 1)
        }
    }

    private func outgoing(
        _ request: Request, body: ByteBuffer, to target: ForwardTarget
    ) throws(Problem) -> HTTPClientRequest {
        if request.headers[.forwardedBy] != nil {
            throw .unavailable(
                "The leader changed while the request was on its way. Nothing was executed.", retryAfterSeconds: 1)
        }
        var outgoing = HTTPClientRequest(url: target.baseURL + (request.head.path ?? "/"))
        outgoing.method = HTTPMethod(rawValue: request.method.rawValue)
        outgoing.tlsConfiguration = trust?.current
        outgoing.headers.add(name: HTTPField.Name.forwardSecret.rawName, value: target.secret)
        outgoing.headers.add(name: HTTPField.Name.forwardedBy.rawName, value: nodeID)
        for name in LeaderForwarder.passedOn {
            if let value = request.headers[name] { outgoing.headers.add(name: name.rawName, value: value) }
        }
        if body.readableBytes > 0 { outgoing.body = .bytes(body) }
        return outgoing
    }

    private static func response(_ answer: HTTPClientResponse) async throws -> Response {
        let body = try await answer.body.collect(upTo: answerBytesMax)
        return Response(
            status: HTTPResponse.Status(code: Int(answer.status.code)), headers: headers(of: answer),
            body: ResponseBody(byteBuffer: body))
    }

    private static func headers(of answer: HTTPClientResponse) -> HTTPFields {
        var headers: HTTPFields = [.cacheControl: "no-store"]
        for name in passedBack {
            if let value = answer.headers.first(name: name.rawName) { headers[name] = value }
        }
        return headers
    }

    /// Whether the request can have reached the leader decides what the client may do.
    private static func problem(_ error: any Error, _ target: ForwardTarget, isKeyed: Bool) -> Problem {
        guard isBeforeSending(error) else {
            return .unknownOutcome(
                "the connection to the leader at \(target.baseURL) failed (\(error))", isKeyed: isKeyed)
        }
        return .unavailable(
            "The leader at \(target.baseURL) cannot be reached (\(error)). Nothing was executed.", retryAfterSeconds: 1)
    }

    private static func isBeforeSending(_ error: any Error) -> Bool {
        switch error {
        case is NIOConnectionError: true
        // What comes before the handshake is done; later TLS errors are about bytes that may have been sent.
        case let error as NIOSSLError:
            if case .handshakeFailed = error { true } else { false }
        case is NIOSSLExtraError: true
        // Only a connection that is being made can be refused.
        case let error as IOError: error.errnoCode == ECONNREFUSED
        case let error as HTTPClientError:
            switch error {
            case .connectTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout, .invalidURL, .emptyHost,
                .emptyScheme, .alreadyShutdown:
                true
            default: false
            }
        case let error as ChannelError:
            if case .connectTimeout = error { true } else { false }
        default: false
        }
    }
}
