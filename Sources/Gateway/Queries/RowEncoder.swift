import Foundation
import MariaDBClient
import NIOCore

/// Writes rows as JSON arrays, each value exactly.
struct RowEncoder {
    var bigIntegers: BigIntegers
    var jsonColumns: QueryRequest.JSONColumns

    /// `[{"name":"id","type":"BIGINT"},…]`
    static func encode(_ columns: [SQLColumn], to bytes: inout ByteBuffer) {
        let described = JSONValue.array(
            columns.map { column in
                .object(
                    [
                        JSONMember(name: "name", value: .string(column.name)),
                        JSONMember(name: "type", value: .string(column.type)),
                    ] + (column.isBase64 ? [JSONMember(name: "encoding", value: .string("base64"))] : []))
            })
        bytes.writeString(described.text)
    }

    func encode(_ row: borrowing SQLBoundRow, to bytes: inout ByteBuffer) {
        bytes.writeString("[")
        for index in row.columns.indices {
            if index > 0 { bytes.writeString(",") }
            encode(row, index, to: &bytes)
        }
        bytes.writeString("]")
    }

    private func encode(_ row: borrowing SQLBoundRow, _ index: Int, to bytes: inout ByteBuffer) {
        if row.isNull(index) {
            bytes.writeString("null")
            return
        }
        switch row.columns[index].kind {
        case .integer(let isUnsigned, let isLong):
            let bits = row.integer(index)
            integer(isUnsigned ? String(bits) : String(Int64(bitPattern: bits)), isLong: isLong, to: &bytes)
        case .bits:
            let number = row.withBytes(index) { $0.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
            integer(String(number), isLong: true, to: &bytes)
        // Swift prints the shortest digits that give the same number again.
        case .float: bytes.writeString("\(row.float(index))")
        case .double: bytes.writeString("\(row.double(index))")
        case .decimal, .time, .text: row.withBytes(index) { RowEncoder.string($0, to: &bytes) }
        case .json: row.withBytes(index) { json($0, to: &bytes) }
        case .binary, .geometry:
            let text = row.withBytes(index) { Data($0).base64EncodedString() }
            bytes.writeString("\"")
            bytes.writeString(text)
            bytes.writeString("\"")
        }
    }

    /// Of a column of 64 bits every value is a string if any shall be, so that a column has one type.
    private func integer(_ digits: String, isLong: Bool, to bytes: inout ByteBuffer) {
        bytes.writeString(isLong && bigIntegers == .string ? "\"\(digits)\"" : digits)
    }

    private func json(_ text: UnsafeRawBufferPointer, to bytes: inout ByteBuffer) {
        guard jsonColumns == .nested else { return RowEncoder.string(text, to: &bytes) }
        do throws(JSONError) {
            bytes.writeString(try JSONParser.parse(Array(text)).text)
        } catch {
            RowEncoder.string(text, to: &bytes)
        }
    }

    /// Bytes that are not UTF-8 are replaced; the server sends none in utf8mb4.
    private static func string(_ source: UnsafeRawBufferPointer, to bytes: inout ByteBuffer) {
        bytes.writeInteger(UInt8(ascii: "\""))
        let needsCare = source.contains {
            $0 < 0x20 || $0 >= 0x80 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\")
        }
        if needsCare {
            var text = ""
            JSONValue.write(String(decoding: source, as: UTF8.self), to: &text)
            bytes.writeString(String(text.dropFirst().dropLast()))
        } else {
            bytes.writeBytes(source)
        }
        bytes.writeInteger(UInt8(ascii: "\""))
    }
}

extension SQLColumn {
    /// Whether its values are bytes, which JSON can't hold otherwise.
    var isBase64: Bool { kind == .binary || kind == .geometry }
}
