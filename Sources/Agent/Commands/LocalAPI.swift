import AsyncHTTPClient
import Foundation
import Gateway
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// The HTTP API of the agent on this machine, as the commands use it.
struct LocalAPI: Sendable {
    enum Method: String { case get = "GET", post = "POST", delete = "DELETE" }

    let base: String
    private let token: String?
    private let file: String
    private let trust: APITrust?
    private static let answerBytesMax = 16 << 20

    init(_ configuration: Configuration) throws(CommandFailure) {
        file = configuration.file ?? "the configuration"
        guard let address = configuration.localAPI else {
            throw CommandFailure(
                "this command asks the agent by HTTP, which api.enabled = false in \(file) switches off")
        }
        base = (configuration.apiCertificate == nil ? "http://" : "https://") + "\(address)"
        do throws(APISecurity.Failure) {
            trust = configuration.apiCertificate == nil ? nil : try APITrust(configuration.localAPITrust)
        } catch { throw CommandFailure("the agent's HTTPS can't be checked: \(error.description)") }
        // A token that this user may not read is not an error: loopback may need none.
        do { token = try configuration.apiToken() } catch { token = nil }
    }

    /// The answer's body as it is; a refusal becomes a failure with the reason that the agent gave.
    func send(
        _ method: Method, _ path: String, body: (any Encodable & Sendable)? = nil, timeout: Duration = .seconds(10)
    ) async throws(CommandFailure) -> Data {
        let answer: (status: HTTPResponseStatus, body: Data)
        do {
            var request = HTTPClientRequest(url: base + path)
            request.method = HTTPMethod(rawValue: method.rawValue)
            request.tlsConfiguration = trust?.current
            request.headers.add(name: "accept", value: "application/json")
            if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
            if let body {
                request.headers.add(name: "content-type", value: "application/json")
                request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
            }
            answer = try await LocalAPI.execute(request, timeout: TimeAmount(timeout))
        } catch {
            throw explain(error)
        }
        guard (200..<300).contains(answer.status.code) else { throw refusal(answer.status, answer.body) }
        return answer.body
    }

    private static func execute(
        _ request: HTTPClientRequest, timeout: TimeAmount
    ) async throws -> (HTTPResponseStatus, Data) {
        var configuration = HTTPClient.Configuration()
        // An agent that does not run is said at once.
        configuration.connectionPool.retryConnectionEstablishment = false
        return try await HTTPClient.withHTTPClient(configuration: configuration) { client in
            let response = try await client.execute(request, timeout: timeout)
            let buffer = try await response.body.collect(upTo: LocalAPI.answerBytesMax)
            return (response.status, Data(buffer.readableBytesView))
        }
    }

    func decode<Answer: Decodable>(_ type: Answer.Type, from body: Data) throws(CommandFailure) -> Answer {
        do { return try JSONDecoder().decode(type, from: body) } catch {
            throw CommandFailure("\(base) answered in a way that this version does not understand: \(error)")
        }
    }

    private func explain(_ error: any Error) -> CommandFailure {
        switch error {
        case is NIOSSLError, is NIOSSLExtraError:
            CommandFailure(
                "the agent at \(base) shows a certificate that this command does not believe (\(error)); api.tls_ca names the "
                    + "authority that signed it")
        case is NIOConnectionError, is IOError:
            CommandFailure(
                "no agent answers at \(base): is it running? `wolfscale start --config \(file)` starts it; "
                    + "api.bind_address says where it listens")
        case let error as HTTPClientError where error == .connectTimeout:
            CommandFailure("no agent answers at \(base) (connecting took too long)")
        case let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout:
            CommandFailure("the agent at \(base) did not answer in time; what was asked may still happen")
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            CommandFailure(
                "the agent at \(base) closed the connection without an answer; is that really its HTTP port?")
        default: CommandFailure("the agent at \(base) cannot be asked: \(error)")
        }
    }

    /// The parts of RFC 9457's problem details that people read.
    private struct Problem: Decodable {
        var title: String?
        var detail: String?
    }

    private func refusal(_ status: HTTPResponseStatus, _ body: Data) -> CommandFailure {
        var reason = "\(status.code) \(status.reasonPhrase)"
        do {
            let problem = try JSONDecoder().decode(Problem.self, from: body)
            reason = problem.detail ?? problem.title ?? reason
        } catch {
            if body.count < 500, let text = String(data: body, encoding: .utf8), !text.isEmpty { reason += ": \(text)" }
        }
        if status == .unauthorized || status == .forbidden {
            reason += "; the token is read from api.token_file, which this user must be able to read"
        }
        return CommandFailure(reason)
    }
}

extension Data {
    /// For `--json`: as the API sent it.
    func printAsIs() { print(String(decoding: self, as: UTF8.self)) }
}
