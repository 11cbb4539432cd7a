import NIOCore

extension Channel {
    /// Bytes written to the channel that the socket has not taken yet; 0 for a channel that cannot say.
    var unsentBytes: Int {
        do { return try syncOptions?.getOption(.bufferedWritableBytes) ?? 0 } catch { return 0 }
    }

    /// Stops and starts reading.
    func setReading(_ reads: Bool) {
        do { try syncOptions?.setOption(.autoRead, value: reads) } catch {
            // Only a closed channel refuses; its end is reported by channelInactive.
        }
    }

    /// Bounds what one turn of the loop reads for a tunnel.
    func readTunnelPieces() {
        do {
            try syncOptions?.setOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 2_048, initial: 4_096, maximum: TunnelLimits.readBytesMax))
            try syncOptions?.setOption(.maxMessagesPerRead, value: 1)
        } catch {
            // As above.
        }
    }

    /// Lets writability change when the unsent bytes pass `mark`, in either direction.
    func setMark(at mark: Int) {
        do { try syncOptions?.setOption(.writeBufferWaterMark, value: .init(low: mark, high: mark)) } catch {
            // Only a closed channel refuses; its end is reported by channelInactive.
        }
    }
}

extension SocketAddress {
    /// `1.2.3.4:5678`, `[::1]:5678`, or the path of a Unix socket.
    var hostAndPort: String {
        guard let host = ipAddress, let port else { return pathname ?? description }
        return PeerAddress(host: host, port: port).description
    }
}

extension String {
    /// Without control characters, so that a peer's text cannot forge log lines; at most 1,024 characters.
    var printable: String {
        String(
            String.UnicodeScalarView(unicodeScalars.prefix(1_024).filter { $0.properties.generalCategory != .control }))
    }
}
