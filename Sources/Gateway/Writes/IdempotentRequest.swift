import Crypto
import HTTPTypes

/// A request with an `Idempotency-Key`: the key, and what tells the same request from another.
struct IdempotentRequest: Sendable, Hashable {
    static let keyBytesMax = 255

    let key: String
    /// SHA-256 of the path and the body, whatever the order and spacing of its JSON.
    let fingerprint: [UInt8]

    /// Nil without the header.
    /// - Parameter path: without the query.
    init?(_ headers: HTTPFields, path: String, body: JSONValue) throws(Problem) {
        guard let text = headers[.idempotencyKey] else { return nil }
        key = try IdempotentRequest.key(text)
        fingerprint = Array(SHA256.hash(data: Array("POST \(path)\n\(body.canonical.text)".utf8)))
    }

    /// Takes the key as it is, or in the quotes of a structured field.
    static func key(_ text: String) throws(Problem) -> String {
        var key = text[...]
        if key.count >= 2, key.first == "\"", key.last == "\"" { key = key.dropFirst().dropLast() }
        guard (1...keyBytesMax).contains(key.utf8.count), key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .badRequest(
                "The header Idempotency-Key must have 1 to \(keyBytesMax) printable ASCII characters without spaces, as a UUID "
                    + "has, and be there once.")
        }
        return String(key)
    }
}

extension HTTPField.Name {
    static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
    /// In an answer that was first given to an earlier request.
    static let idempotentReplayed = HTTPField.Name("Idempotent-Replayed")!
}
