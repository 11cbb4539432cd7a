import Hummingbird
import Logging
import NIOCore

/// What belongs to one request. The peer's address comes from its socket, never from a header.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let peer: PeerAddress
    /// The peer's, without its port.
    let address: String?
    /// Set once it is known whose request it is.
    var principal: Principal?
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        peer = PeerAddress(source.channel.remoteAddress)
        address = source.channel.remoteAddress?.ipAddress
    }
}
