import Foundation
import NIOCore

/// Why the API cannot run.
public struct HTTPAPIError: Error, Sendable, CustomStringConvertible {
    public let description: String

    static func bind(_ configuration: HTTPAPIConfiguration, _ error: IOError) -> HTTPAPIError {
        let address = "\(configuration.host):\(configuration.port)"
        let reason =
            switch error.errnoCode {
            case EADDRINUSE: "another program listens there already"
            case EADDRNOTAVAIL: "this machine does not have the address"
            case EACCES: "the port needs more rights than the agent has"
            default: error.description
            }
        return HTTPAPIError(description: "cannot listen on \(address): \(reason); change api.bind_address")
    }
}
