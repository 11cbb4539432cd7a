import MariaDBClient
import NIOCore

/// The frame around the rows.
enum QueryFormat: Sendable {
    /// `{"columns":[…],"gtid":"…","rows":[[…],…],"truncated":false}`
    case json
    /// A line with the columns, a line for each row, and a last line `{"rows":2,"truncated":false}` or `{"error":{…}}`.
    case lines

    var contentType: String {
        switch self {
        case .json: "application/json"
        case .lines: "application/x-ndjson"
        }
    }

    /// - Parameter accept: the header; NDJSON only for who asks for it.
    init(accept: String?) {
        let types = (accept ?? "").split(separator: ",").map { part in
            part.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
        }
        self = types.contains("application/x-ndjson") ? .lines : .json
    }

    func begin(_ columns: [SQLColumn], gtid: String, _ bytes: inout ByteBuffer) {
        bytes.writeString("{\"columns\":")
        RowEncoder.encode(columns, to: &bytes)
        bytes.writeString(",\"gtid\":")
        bytes.writeString(gtid.isEmpty ? "null" : JSONValue.string(gtid).text)
        bytes.writeString(self == .json ? ",\"rows\":[" : "}\n")
    }

    func separate(isFirst: Bool, _ bytes: inout ByteBuffer) {
        if self == .json, !isFirst { bytes.writeString(",") }
    }

    func endRow(_ bytes: inout ByteBuffer) {
        if self == .lines { bytes.writeString("\n") }
    }

    func end(rows: UInt64, isTruncated: Bool, _ bytes: inout ByteBuffer) {
        switch self {
        case .json: bytes.writeString("],\"truncated\":\(isTruncated)}")
        case .lines: bytes.writeString("{\"rows\":\(rows),\"truncated\":\(isTruncated)}\n")
        }
    }
}
