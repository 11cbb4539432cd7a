import Foundation
import Hummingbird
import NIOCore
import Synchronization

/// `POST /query`: reads, here or at the leader.
struct QueryRoutes {
    let service: QueryService
    let intake: ChangeIntake
    let timeout: Duration

    func add(to router: RouterGroup<APIContext>) {
        router.post("/query") { request, context in
            try await intake.receive(request, needsBody: true) { body in
                try await answer(request, context, body)
            }
        }
    }

    private func answer(_ request: Request, _ context: APIContext, _ body: ByteBuffer) async throws -> Response {
        let query = try QueryRequest(try JSONValue(body: Array(buffer: body)))
        let format = QueryFormat(accept: request.headers[.accept])
        let stopper = Stopper()
        let channel = context.channel
        let watch = ClientPresence.watch(channel) { stopper.stop() }
        do {
            switch try await service.answer(
                query, format, integers: try BigIntegers(request) ?? .number,
                wasForwarded: request.headers[.forwardedBy] != nil, onRunning: { stopper.running = $0 })
            {
            case .here(let running):
                return try await response(running) { watch.end(channel) }
            case .forward(let leader):
                let answer = try await intake.forwarder.forwardQuery(request, body: body, to: leader, timeout: timeout)
                watch.end(channel)
                return answer
            }
        } catch {
            watch.end(channel)
            throw error
        }
    }

    /// A short answer in one piece, with its length; a long one as it comes.
    private func response(_ query: RunningQuery, end: @escaping @Sendable () -> Void) async throws -> Response {
        let headers: HTTPFields = [.contentType: query.format.contentType, .cacheControl: "no-store"]
        let first = await query.next()
        if let ending = first.end {
            end()
            if case .failed(let problem) = ending, first.bytes.readableBytes == 0 { throw problem }
            if case .complete = ending {
                return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: first.bytes))
            }
        }
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                do {
                    try await QueryRoutes.send(first, of: query, to: &writer)
                    end()
                    try await writer.finish(nil)
                } catch {
                    end()
                    query.stop()
                    throw error
                }
            })
    }

    private static func send(
        _ first: RowPipe.Piece, of query: RunningQuery, to writer: inout any ResponseBodyWriter
    ) async throws {
        var piece = first
        while true {
            if piece.bytes.readableBytes > 0 { try await writer.write(piece.bytes) }
            switch piece.end {
            case nil: piece = await query.next()
            case .complete?: return
            case .behind?: return
            case .failed(let problem)?:
                // A JSON answer must not look complete: its transfer breaks off.
                guard query.format == .lines else { throw problem }
                try await writer.write(ByteBuffer(bytes: try QueryRoutes.line(problem)))
                return
            }
        }
    }

    private static func line(_ problem: Problem) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(["error": problem])) + [UInt8(ascii: "\n")]
    }
}

/// Stops a query whose client has gone, whichever comes first.
private final class Stopper: Sendable {
    private let state = Mutex<(query: RunningQuery?, hasStopped: Bool)>((nil, false))

    var running: RunningQuery? {
        get { state.withLock { $0.query } }
        set {
            let hasStopped = state.withLock { state in
                state.query = newValue
                return state.hasStopped
            }
            if hasStopped { newValue?.stop() }
        }
    }

    func stop() {
        let query = state.withLock { state in
            state.hasStopped = true
            return state.query
        }
        query?.stop()
    }
}
