import NIOCore

/// From where to where a client's connection goes, as the client sees it.
struct ConnectionEnds: Hashable, Sendable {
    var source: IPAddress
    var sourcePort: UInt16
    var destination: IPAddress
    var destinationPort: UInt16

    init(source: IPAddress, sourcePort: UInt16, destination: IPAddress, destinationPort: UInt16) {
        self.source = source
        self.sourcePort = sourcePort
        self.destination = destination
        self.destinationPort = destinationPort
    }

    /// Of an accepted connection; nil when it is not one of TCP.
    init?(accepted channel: any Channel) {
        guard let remote = channel.remoteAddress, let local = channel.localAddress,
            let source = IPAddress(remote), let destination = IPAddress(local)
        else { return nil }
        self.init(
            source: source, sourcePort: UInt16(truncatingIfNeeded: remote.port ?? 0), destination: destination,
            destinationPort: UInt16(truncatingIfNeeded: local.port ?? 0))
    }
}
