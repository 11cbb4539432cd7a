import MariaDBWire
import NIOCore

/// The answer to a statement of the proxy itself.
enum InternalAnswer: Equatable {
    /// OK, or a result set of which the first value matters; nil for NULL, no row and no result set.
    case value(String?)
    /// - Parameter definitions: of its columns, as packets; empty without columns.
    case prepared(statementID: UInt32, definitions: ByteBuffer)
    case error(ServerError)

    /// - Parameter bytes: the whole answer, whose end a ``ResponseReader`` has found.
    init(_ bytes: ByteBuffer, shape: ResponseShape, capabilities: Capabilities) {
        var bytes = bytes
        var decoder = PacketDecoder(payloadBytesMax: BackendConnection.internalBytesMax)
        var payloads: [ByteBuffer] = []
        do throws(WireError) {
            while let packet = try decoder.next(from: &bytes) { payloads.append(packet.payload) }
            for payload in payloads where payload.getInteger(at: payload.readerIndex, as: UInt8.self) == 0xFF {
                self = .error(try ServerError(payload))
                return
            }
        } catch {
            self = .error(ServerError(code: 2027, sqlState: "HY000", message: "\(error)"))
            return
        }
        guard var head = payloads.first else {
            self = .value(nil)
            return
        }
        if shape == .prepared, let id = head.getInteger(at: head.readerIndex + 1, endianness: .little, as: UInt32.self)
        {
            self = .prepared(statementID: id, definitions: Self.definitions(payloads, capabilities))
            return
        }
        guard let columns = head.readLengthEncodedInteger(), columns > 0, head.readableBytes <= 1 else {
            self = .value(nil)
            return
        }
        let row = 1 + Int(columns) + (capabilities.contains(.deprecateEOF) ? 0 : 1)
        guard row < payloads.count - 1 else {
            self = .value(nil)
            return
        }
        self = .value(payloads[row].readLengthEncodedString())
    }

    /// Those of the columns come after those of the parameters, each kind with an EOF packet behind it where that is not deprecated.
    private static func definitions(_ payloads: [ByteBuffer], _ capabilities: Capabilities) -> ByteBuffer {
        var packets = ByteBuffer()
        let head = payloads[0]
        guard
            let columns = head.getInteger(at: head.readerIndex + 5, endianness: .little, as: UInt16.self),
            let parameters = head.getInteger(at: head.readerIndex + 7, endianness: .little, as: UInt16.self)
        else { return packets }
        let hasEOF = parameters > 0 && !capabilities.contains(.deprecateEOF)
        let rest = payloads.dropFirst(1 + Int(parameters) + (hasEOF ? 1 : 0))
        for payload in rest.prefix(Int(columns)) { packets.writePacket(payload, sequence: 0) }
        return packets
    }
}
