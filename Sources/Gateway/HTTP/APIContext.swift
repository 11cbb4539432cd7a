import Hummingbird
import Logging
import NIOCore

/// What belongs to one request. The peer's address comes from its socket, never from a header.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let peer: PeerAddress
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        peer = PeerAddress(source.channel.remoteAddress)
    }
}
