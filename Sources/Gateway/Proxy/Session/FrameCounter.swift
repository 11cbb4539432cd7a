import MariaDBWire
import NIOCore

/// Follows a stream of packets that is passed on in pieces to its end, and gives the packets other numbers where they need them.
struct FrameCounter {
    enum End {
        /// A command ends with its first packet below the maximum.
        case shortPacket
        /// A file of LOAD DATA LOCAL ends with an empty packet.
        case emptyPacket
        /// Somebody else knows.
        case none
    }

    private let end: End
    /// The number that the next packet gets; nil: each keeps its own. A client that compresses need not number its packets (libmariadb gives
    /// all of a command 0), a database that is spoken to without compression looks at every number.
    private var number: UInt8?
    private var left = 0
    private var isLast = false
    private(set) var isEnded = false

    init(until end: End, numbersFrom number: UInt8? = nil) {
        self.end = end
        self.number = number
    }

    /// Takes what belongs to it off the front of `input`; the rest (a part of a header perhaps) stays.
    mutating func take(from input: inout ByteBuffer) -> ByteBuffer? {
        let numbered = number
        var headers: [Int] = []
        let taken = input.withUnsafeReadableBytes { bytes in
            take(bytes) { if numbered != nil { headers.append($0) } }
        }
        guard var part = input.readSlice(length: taken) else { return nil }
        guard var next = numbered else { return part }
        for header in headers {
            part.setInteger(next, at: part.readerIndex + header + 3)
            next &+= 1
        }
        number = next
        return part
    }

    /// - Parameter onHeader: told where each packet's header begins.
    /// - Returns: how many of the bytes belong to it; the rest (a part of a header perhaps) must be given again.
    mutating func take(_ bytes: UnsafeRawBufferPointer, onHeader: (Int) -> Void = { _ in }) -> Int {
        var position = 0
        while !isEnded {
            if left > 0 {
                let step = min(left, bytes.count - position)
                left -= step
                position += step
                if left > 0 { break }
                isEnded = isLast
                continue
            }
            guard bytes.count - position >= PacketFraming.headerBytes else { break }
            left = Int(bytes[position]) | Int(bytes[position + 1]) << 8 | Int(bytes[position + 2]) << 16
            onHeader(position)
            position += PacketFraming.headerBytes
            isLast =
                switch end {
                case .shortPacket: left < PacketFraming.payloadBytesMax
                case .emptyPacket: left == 0
                case .none: false
                }
            if left == 0 { isEnded = isLast }
        }
        return position
    }
}
