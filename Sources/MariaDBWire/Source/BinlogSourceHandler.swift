import NIOCore

/// Hands the channel's events to the source.
final class BinlogSourceHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    let source: BinlogSource

    init(_ source: BinlogSource) { self.source = source }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { source.received(unwrapInboundIn(data)) }
    func channelReadComplete(context: ChannelHandlerContext) { source.deliver() }
    func channelInactive(context: ChannelHandlerContext) {
        source.deliver()
        source.end(BinlogSourceError(.disconnected, "the server closed the connection"))
    }
    /// Also when the connection never came about.
    func handlerRemoved(context: ChannelHandlerContext) {
        source.end(BinlogSourceError(.disconnected, "the connection is gone"))
    }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        source.deliver()
        source.end(BinlogSourceError(.disconnected, "the connection failed: \(error)"))
    }
}

extension BinlogSource {
    func received(_ bytes: ByteBuffer) {
        guard !isClosed else { return }
        lastRead = eventLoop.now
        do throws(BinlogSourceError) {
            if handshake == nil { try stream.receive(bytes) } else { try receiveHandshake(bytes) }
        } catch {
            deliver()
            end(error)
        }
    }

    /// What the burst completed goes to the delegate.
    func deliver() {
        guard !isClosed, handshake == nil, stream.isEstablished else { return }
        if !isEstablished {
            isEstablished = true
            startWatchdog()
            established.succeed(self)
        }
        delegate?.binlogSourceAlive(self)
        let captured = stream.take(now: lastRead)
        if !captured.isEmpty, !isClosed { delegate?.binlogSource(self, captured: captured) }
    }

    private func receiveHandshake(_ bytes: ByteBuffer) throws(BinlogSourceError) {
        if inbound.readableBytes == 0 { inbound = bytes } else { inbound.writeImmutableBuffer(bytes) }
        while handshake != nil {
            let packet: Packet?
            do throws(WireError) { packet = try packets.next(from: &inbound) } catch { throw BinlogSourceError(error) }
            guard let packet else { return }
            try advanceHandshake(packet)
        }
        let rest = inbound
        inbound = ByteBuffer()
        if rest.readableBytes > 0 { try stream.receive(rest) }
    }

    private func advanceHandshake(_ packet: Packet) throws(BinlogSourceError) {
        switch handshake {
        case .login(var login):
            switch try login.receive(packet) {
            case .send(let payload, let sequence):
                handshake = .login(login)
                send(payload, sequence: sequence)
            case .loggedIn(let id):
                connectionID = id
                let replication = DumpHandshake(
                    .init(
                        serverID: configuration.serverID, start: configuration.start,
                        semiSync: configuration.semiSync, gtidStrictMode: configuration.gtidStrictMode,
                        heartbeat: configuration.heartbeat))
                handshake = .replication(replication)
                send(replication.begin(), sequence: 0)
            }
        case .replication(var replication):
            let step = try replication.receive(packet.payload)
            handshake = .replication(replication)
            switch step {
            case .wait: break
            case .send(let payload): send(payload, sequence: 0)
            case .sendAndStream(let payload):
                handshake = nil
                send(payload, sequence: 0)
            }
        case nil: break
        }
    }

    private func send(_ payload: ByteBuffer, sequence: UInt8) {
        var packet = channel.allocator.buffer(capacity: payload.readableBytes + PacketFraming.headerBytes)
        packet.writePacket(payload, sequence: sequence)
        channel.writeAndFlush(packet, promise: nil)
    }

    /// Ends the source, once.
    func end(_ error: BinlogSourceError?) {
        guard !isClosed else { return }
        isClosed = true
        watchdog?.cancel()
        stream.abandon()
        channel.close(promise: nil)
        if isEstablished {
            delegate?.binlogSourceClosed(self, error: error)
        } else {
            established.fail(error ?? BinlogSourceError(.disconnected, "closed before the stream began"))
        }
    }

    private func startWatchdog() {
        guard let silenceMax = configuration.silenceMax.map(TimeAmount.init) else { return }
        let delay = max(.milliseconds(1), lastRead + silenceMax - eventLoop.now)
        watchdog = eventLoop.assumeIsolated().scheduleTask(in: delay) { [self] in
            if isReading, eventLoop.now - lastRead >= silenceMax {
                end(BinlogSourceError(.timedOut, "nothing from \(configuration.address) for \(silenceMax)"))
            } else {
                if !isReading { lastRead = eventLoop.now }
                if !isClosed { startWatchdog() }
            }
        }
    }
}
