import NIOCore

/// One request to one address on a connection of its own: hello, request, response, closed.
///
/// All state is confined to the loop.
final class OutgoingRequest: PeerConnectionOwner {
    private let payload: ByteBuffer
    private let address: PeerAddress
    private let promise: EventLoopPromise<ByteBuffer>
    private var connection: PeerConnection?
    private var timer: Scheduled<Void>?
    private var isDone = false

    init(_ payload: ByteBuffer, to address: PeerAddress, promise: EventLoopPromise<ByteBuffer>) {
        self.payload = payload
        self.address = address
        self.promise = promise
    }

    func start(
        _ hello: PeerHello, limits: PeerConnection.Limits, timeout: TimeAmount, on eventLoop: any EventLoop,
        protect: Outbound.Protection?
    ) {
        let connection = PeerConnection(dialling: hello, limits: limits, owner: self)
        self.connection = connection
        timer = eventLoop.assumeIsolated().scheduleTask(in: timeout) { [weak self] in
            guard let self else { return }
            let text = "no answer from \(self.address) within \(timeout.nanoseconds / 1_000_000) ms"
            self.finish(.failure(PeerNetworkError(.timeout, text)))
        }
        Outbound.connect(connection, to: address, on: eventLoop, timeout: timeout, protect: protect) {
            [weak self] reason in
            let remedy = "check that a node is running there and that its peer port is reachable"
            self?.finish(.failure(PeerNetworkError(.cannotConnect, reason, remedy: remedy)))
        }
    }

    func cancel() { finish(.failure(PeerNetworkError(.closed, "this node is shutting down"))) }

    private func finish(_ result: Result<ByteBuffer, PeerNetworkError>) {
        guard !isDone else { return }
        isDone = true
        timer?.cancel()
        connection?.abandon()
        switch result {
        case .success(let response): promise.succeed(response)
        case .failure(let error): promise.fail(error)
        }
    }

    // MARK: PeerConnectionOwner

    func connection(_ connection: PeerConnection, judge hello: PeerHello) -> Introduction.Verdict {
        .refusal("this side dialled")
    }

    func connection(_ connection: PeerConnection, judge welcome: Welcome) -> String? {
        guard let secured = connection.secured else { return nil }
        return CertificateCheck.objection(to: welcome, certificate: secured.peer, wanted: nil)
    }

    func connectionEstablished(_ connection: PeerConnection) { connection.send(.request, [payload]) }

    func connection(_ connection: PeerConnection, received frame: Frame) { finish(.success(frame.payload)) }

    func connectionWritable(_ connection: PeerConnection) {}

    func connectionClosed(_ connection: PeerConnection, reason: String) {
        if let refusal = connection.refusal { return finish(.failure(PeerNetworkError(.refused, refusal))) }
        finish(.failure(PeerNetworkError(.connectionLost, "the connection to \(address) was lost: \(reason)")))
    }
}
