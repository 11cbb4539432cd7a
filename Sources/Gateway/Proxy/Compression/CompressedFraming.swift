/// The compressed protocol, which carries the packets of the ordinary one in frames: the frame's length (3 bytes, without this header), a
/// number (1 byte), the length before compression (3 bytes; 0: the bytes are as they are), then a zlib stream of its own. Packets and frames
/// begin and end independently of each other. (MariaDB knowledge base, "0 - Packet", compressed packets.)
enum CompressedFraming {
    static let headerBytes = 7
    /// What the lengths of 3 bytes can say.
    static let payloadBytesMax = 0xFF_FFFF
    /// Shorter ones grow by compression (MIN_COMPRESS_LENGTH of the servers).
    static let compressedBytesMin = 50
    /// Of several packets to a client; larger ones have frames of their own.
    static let plainBytesPerFrame = 64 << 10
}

/// Why a client's frames can't be taken; the server's own words.
struct CompressionError: Error, Equatable {
    var code: UInt16
    var message: String
    /// What was wrong, for tests and the log.
    var reason: String

    static func damaged(_ reason: String) -> CompressionError {
        CompressionError(code: 1157, message: "Couldn't uncompress communication packet", reason: reason)
    }

    static func outOfOrder(_ number: UInt8) -> CompressionError {
        CompressionError(code: 1156, message: "Got packets out of order", reason: "frame \(number)")
    }
}

/// The numbers of frames, which both directions share: a command begins at 0, whoever answers goes on after the other's last.
///
/// A client may send its next command before the answer to the last one has come: then frames of both are under way, and an answer begins
/// where ``commandBegins()`` is called.
struct FrameNumbers: Equatable {
    private var next: UInt8 = 0
    private var lastReceived: UInt8 = 0

    mutating func received(_ number: UInt8) throws(CompressionError) {
        guard number == next || number == 0 || number == lastReceived &+ 1 else { throw .outOfOrder(number) }
        if number == next { next &+= 1 }
        lastReceived = number
    }

    /// The command that came last is the one that is answered from now on.
    mutating func commandBegins() { next = lastReceived &+ 1 }

    /// For a frame to the client.
    mutating func takeNext() -> UInt8 {
        defer { next &+= 1 }
        return next
    }
}
