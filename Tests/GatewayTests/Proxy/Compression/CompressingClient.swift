import LabSupport
import MariaDBWire
import NIOCore

@testable import Gateway

/// A client that can put anything into frames of the compressed protocol, and anything instead of them.
final class CompressingClient {
    let raw: RawClient
    private(set) var wireBytes = 0
    private let tools = CompressionTools()
    private var decoder: CompressedFrameDecoder
    private var numbers = FrameNumbers()
    private var received = ByteBuffer()
    private var plain = ByteBuffer()

    init(port: Int) throws {
        raw = try RawClient(port: port)
        decoder = CompressedFrameDecoder(tools: tools)
    }

    func login(as user: String = "bare") async throws {
        try await raw.login(as: user, with: .compress)
    }

    static func packet(_ payload: [UInt8]) -> [UInt8] {
        [UInt8(payload.count & 0xFF), UInt8(payload.count >> 8 & 0xFF), UInt8(payload.count >> 16), 0] + payload
    }

    /// One compressed frame, as a command begins.
    func frame(_ plain: [UInt8]) {
        raw.send(Self.compressed(plain, number: 0))
    }

    func send(_ payload: [UInt8]) { frame(Self.packet(payload)) }
    func query(_ text: String) { send([3] + Array(text.utf8)) }

    /// The payload of the next packet; empty when the other side has closed.
    func packet() async throws -> [UInt8] {
        var packets = PacketDecoder(payloadBytesMax: 0xFF_FFFE)
        while true {
            if let packet = try packets.next(from: &plain) { return Array(buffer: packet.payload) }
            guard try await more() else { return [] }
        }
    }

    /// Whether a result set comes with that text in its rows; reads all of it.
    func answer(has text: String) async throws -> Bool {
        var (isThere, ends) = (false, 0)
        while ends < 2 {
            let payload = try await packet()
            guard let first = payload.first, first != 0xFF else { return false }
            if first == 0xFE, payload.count < 9 { ends += 1 }
            if String(decoding: payload.suffix(100), as: UTF8.self).contains(text) { isThere = true }
        }
        return isThere
    }

    private func more() async throws -> Bool {
        while true {
            if var part = try decode() {
                plain.writeBuffer(&part)
                return true
            }
            let bytes = try await raw.receive(1 << 16)
            if bytes.isEmpty { return false }
            wireBytes += bytes.count
            received.writeBytes(bytes)
        }
    }

    /// The answer to each command begins with frame 1.
    private func decode() throws -> ByteBuffer? {
        let before = (decoder, received)
        do {
            return try decoder.next(from: &received, numbers: &numbers, plainBytesMax: 1 << 16)
        } catch  where error == .outOfOrder(1) {
            (decoder, received) = before
            numbers = FrameNumbers()
            return try decoder.next(from: &received, numbers: &numbers, plainBytesMax: 1 << 16)
        }
    }

    /// A frame that holds nothing but one statement of blanks and `DO 1`.
    static func bomb(statementBytes: Int) -> [UInt8] {
        let statement = [3] + [UInt8](repeating: 0x20, count: statementBytes) + Array("DO 1".utf8)
        return compressed(packet(statement), number: 0)
    }

    /// One frame, whatever is in it.
    static func compressed(_ plain: [UInt8], number: UInt8) -> [UInt8] {
        var output = ByteBuffer()
        plain.withUnsafeBytes { Deflater().append($0, isLast: true, to: &output) }
        var frame = ByteBuffer()
        frame.writeCompressedHeader(length: output.readableBytes, number: number, plainBytes: plain.count)
        frame.writeBuffer(&output)
        return Array(buffer: frame)
    }
}
