/// Bytes of a peer that are not what the protocol says. Internal: the public errors of the two halves carry its text.
package struct WireError: Error, Equatable, CustomStringConvertible {
    package enum Kind: Equatable {
        /// A packet announces more bytes than this phase allows.
        case packetTooLarge(bytes: Int, max: Int)
        /// A packet ends before the field, or the field has no valid value.
        case malformed(String)
        /// A packet that has no place in this phase.
        case unexpected(String)
    }
    package let kind: Kind

    package init(_ kind: Kind) { self.kind = kind }

    package var description: String {
        switch kind {
        case .packetTooLarge(let bytes, let max): "a packet announces \(bytes) bytes, \(max) are allowed here"
        case .malformed(let what): "malformed \(what)"
        case .unexpected(let what): "unexpected \(what)"
        }
    }
}
