import NIOCore

/// How the content of a bulk frame is written. The numbers are on the wire.
enum BulkForm: UInt8, Sendable, CaseIterable {
    /// One payload, as it was handed over.
    case stored = 0
    /// A piece of the session's zstd stream; decompressed, it holds payloads, each behind its length as u32.
    case zstd = 1
}

/// What a ``FrameType/bulk`` frame begins with. Integers in network order:
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | number of the frame in its session, from 0, over all streams |
/// | 8 | 1 | form |
/// | 9 | 4 | cost: what the frame takes off the receiver's credit, not below the length of its content |
/// | 13 | 4 | length of the content when it is decompressed |
struct BulkFrame: Equatable, Sendable {
    static let headerByteCount = 17

    var sequence: UInt64
    var form: BulkForm
    var cost: Int
    var rawBytes: Int
    var content: ByteBuffer

    /// The header alone; the content follows it uncopied.
    static func header(sequence: UInt64, form: BulkForm, cost: Int, rawBytes: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(headerByteCount)
        buffer.writeMultipleIntegers(sequence, form.rawValue, UInt32(cost), UInt32(rawBytes))
        return buffer
    }

    init(sequence: UInt64, form: BulkForm, cost: Int, rawBytes: Int, content: ByteBuffer) {
        self.sequence = sequence
        self.form = form
        self.cost = cost
        self.rawBytes = rawBytes
        self.content = content
    }

    /// - Parameter rawBytesMax: how much the content may be when it is decompressed.
    init(_ payload: ByteBuffer, rawBytesMax: Int) throws(BulkError) {
        var payload = payload
        guard
            let (sequence, form, cost, rawBytes) = payload.readMultipleIntegers(
                as: (UInt64, UInt8, UInt32, UInt32).self)
        else { throw .malformed("a bulk frame without its header") }
        guard let form = BulkForm(rawValue: form) else { throw .malformed("bulk form \(form)") }
        guard rawBytes <= rawBytesMax else { throw .malformed("\(rawBytes) bytes where \(rawBytesMax) are allowed") }
        guard Int(cost) >= payload.readableBytes else {
            throw .malformed("a bulk frame that costs less than its length")
        }
        if form == .stored, Int(rawBytes) != payload.readableBytes { throw .malformed("a stored frame of two lengths") }
        self.init(sequence: sequence, form: form, cost: Int(cost), rawBytes: Int(rawBytes), content: payload)
    }
}

/// Why a bulk session can't go on. Its connections are closed; what was under way is sent again in the next.
enum BulkError: Error, Equatable, CustomStringConvertible {
    case malformed(String)
    /// A frame that came before, or that no honest sender can have sent yet.
    case outOfOrder(sequence: UInt64, expected: UInt64)
    /// More than the credit allows.
    case overdrawn(cost: UInt64, limit: UInt64)
    case decompression(String)
    case compression(String)
    /// What the payloads' owner said about them.
    case content(String)

    var description: String {
        switch self {
        case .malformed(let what): "malformed: \(what)"
        case .outOfOrder(let sequence, let expected): "bulk frame \(sequence) where \(expected) is the next"
        case .overdrawn(let cost, let limit): "\(cost) bytes were sent on a credit of \(limit)"
        case .decompression(let what): "bulk can't be decompressed: \(what)"
        case .compression(let what): "bulk can't be compressed: \(what)"
        case .content(let what): "bulk can't be unpacked: \(what)"
        }
    }
}
