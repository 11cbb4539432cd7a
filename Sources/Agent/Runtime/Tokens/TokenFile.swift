import Foundation
import Gateway

#if canImport(Glibc)
    import CoreFoundation
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The HTTP API's tokens as one member keeps them: `<data_dir>/api/tokens.json`. `wolfscale token` and the agent both change it, one at
/// a time. Everything here blocks.
struct TokenFile: Sendable {
    private static let bytesMax: UInt64 = 4 << 20

    let folder: String
    var path: String { folder + "/tokens.json" }

    init(dataDirectory: String) { folder = dataDirectory + "/api" }

    /// Empty when there is none.
    func read(now: Date = Date()) throws(AgentError) -> TokenBook {
        guard let stamp = FileStamp(path) else { return TokenBook() }
        guard stamp.bytes ?? 0 <= Self.bytesMax else { throw AgentError("\(path) is larger than any list of tokens") }
        do {
            return try TokenBook(try Data(contentsOf: URL(fileURLWithPath: path)), now: now)
        } catch let error as DecodingError {
            throw AgentError(
                "\(path) is no list of tokens (\(error)); bring back a copy of another member's, or remove it")
        } catch {
            throw AgentError(
                "\(path) cannot be read: \(error.localizedDescription); it must belong to the user that runs the agent")
        }
    }

    /// Reads it, lets `body` change it, and writes it if that changed anything; nobody else does meanwhile.
    func update<Value>(
        now: Date = Date(), _ body: (inout TokenBook) throws -> Value
    ) throws -> (value: Value, book: TokenBook, stamp: FileStamp?) {
        _ = try CertificateFolder(folder)
        let lock = try takeLock()
        defer { close(lock) }
        let before = try read(now: now)
        var book = before
        let value = try body(&book)
        if book != before {
            let text = String(decoding: try book.encoded(), as: UTF8.self) + "\n"
            try PrivateFile.write(text, to: path, mode: 0o600, replacing: true)
            PrivateFile.giveToOwnerOfFolder(path)
        }
        return (value, book, stamp)
    }

    /// It is let go by closing the descriptor, or with the process.
    private func takeLock() throws(AgentError) -> CInt {
        let path = folder + "/lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw AgentError("\(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        PrivateFile.giveToOwnerOfFolder(path)
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                let reason = String(cString: strerror(errno))
                close(descriptor)
                throw AgentError("\(path) cannot be locked: \(reason)")
            }
        }
        return descriptor
    }

    var stamp: FileStamp? { FileStamp(path) }
}
