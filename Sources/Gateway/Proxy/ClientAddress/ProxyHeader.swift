import NIOCore

/// The header of the PROXY protocol, version 1 (text) or 2 (binary): what stands before a server says by it whose connection it
/// passes on (haproxy.org/download/3.0/doc/proxy-protocol.txt).
struct ProxyHeader: Equatable {
    /// nil: the other side's own connection, or one whose ends it does not tell; the real ones count.
    var ends: ConnectionEnds?

    enum Reading: Equatable {
        /// These bytes begin something else. Nothing was taken.
        case absent
        /// So far they could be one; more is needed. Nothing was taken.
        case incomplete
        /// Taken.
        case header(ProxyHeader)
    }

    /// A version 1 header with its line's end, by the protocol.
    static let textBytesMax = 107
    /// A version 2 header with whatever it carries besides addresses.
    static let binaryBytesMax = 4_096

    static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    private static let word = Array("PROXY ".utf8)
    private static let fixedBytes = 16

    /// Takes a header from the front of `bytes` when there is one. No command or login of MySQL's protocol begins like one.
    ///
    /// - Parameter isWelcome: whether there may be one; where not, one that begins is an error.
    static func read(from bytes: inout ByteBuffer, isWelcome: Bool) throws(ProxyHeaderError) -> Reading {
        for mark in [word, signature] where mark.starts(with: bytes.readableBytesView.prefix(mark.count)) {
            guard bytes.readableBytes >= mark.count else { return .incomplete }
            guard isWelcome else { throw ProxyHeaderError("it may not come from there") }
            return mark == word ? try readText(&bytes) : try readBinary(&bytes)
        }
        return .absent
    }

    // MARK: Version 1

    private static func readText(_ bytes: inout ByteBuffer) throws(ProxyHeaderError) -> Reading {
        let window = bytes.readableBytesView.prefix(textBytesMax)
        guard let end = window.firstIndex(of: UInt8(ascii: "\n")) else {
            if window.count == textBytesMax { throw ProxyHeaderError("no end of the line in \(textBytesMax) bytes") }
            return .incomplete
        }
        guard window.prefix(upTo: end).last == UInt8(ascii: "\r") else { throw ProxyHeaderError("a bare line feed") }
        let line = String(decoding: window.prefix(upTo: end).dropLast(), as: UTF8.self)
        let header = try ProxyHeader(line: line)
        bytes.moveReaderIndex(forwardBy: end - window.startIndex + 1)
        return .header(header)
    }

    private init(line: String) throws(ProxyHeaderError) {
        let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        if words.count >= 2, words[1] == "UNKNOWN" {
            ends = nil
            return
        }
        guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6" else {
            throw ProxyHeaderError("a line that is not TCP4, TCP6 or UNKNOWN with two addresses and two ports")
        }
        let isWide = words[1] == "TCP6"
        guard words[2].contains(":") == isWide, words[3].contains(":") == isWide,
            let source = IPAddress(words[2]), let destination = IPAddress(words[3])
        else { throw ProxyHeaderError("addresses that are not \(words[1])'s") }
        guard let sourcePort = Self.port(words[4]), let destinationPort = Self.port(words[5]) else {
            throw ProxyHeaderError("a port that is no number from 0 to 65535")
        }
        ends = ConnectionEnds(
            source: source, sourcePort: sourcePort, destination: destination, destinationPort: destinationPort)
    }

    private static func port(_ text: String) -> UInt16? {
        guard let port = UInt16(text), String(port) == text else { return nil }
        return port
    }

    // MARK: Version 2

    private static func readBinary(_ bytes: inout ByteBuffer) throws(ProxyHeaderError) -> Reading {
        let start = bytes.readerIndex + signature.count
        guard let (command, family, length) = bytes.getMultipleIntegers(at: start, as: (UInt8, UInt8, UInt16).self)
        else { return .incomplete }
        guard command >> 4 == 2 else { throw ProxyHeaderError("version \(command >> 4)") }
        guard fixedBytes + Int(length) <= binaryBytesMax else {
            throw ProxyHeaderError("\(fixedBytes + Int(length)) bytes, more than \(binaryBytesMax)")
        }
        guard var body = bytes.getSlice(at: bytes.readerIndex + fixedBytes, length: Int(length)) else {
            return .incomplete
        }
        let header: ProxyHeader
        switch command & 0x0F {
        case 0: header = ProxyHeader(ends: nil)
        case 1: header = ProxyHeader(ends: try readEnds(&body, family: family))
        default: throw ProxyHeaderError("command \(command & 0x0F)")
        }
        bytes.moveReaderIndex(forwardBy: fixedBytes + Int(length))
        return .header(header)
    }

    /// What follows the addresses is not looked at.
    private static func readEnds(_ body: inout ByteBuffer, family: UInt8) throws(ProxyHeaderError) -> ConnectionEnds? {
        let addressBytes: Int
        switch family {
        case 0x11: addressBytes = 4
        case 0x21: addressBytes = 16
        case 0x00, 0x31: return nil
        default: throw ProxyHeaderError("address family and protocol \(family), which is no stream's")
        }
        guard let source = body.readBytes(length: addressBytes), let destination = body.readBytes(length: addressBytes),
            let (sourcePort, destinationPort) = body.readMultipleIntegers(as: (UInt16, UInt16).self)
        else { throw ProxyHeaderError("less than its two addresses") }
        return ConnectionEnds(
            source: IPAddress(bytes: source), sourcePort: sourcePort, destination: IPAddress(bytes: destination),
            destinationPort: destinationPort)
    }

    /// Writes version 2 with nothing but the ends.
    func write(to buffer: inout ByteBuffer) {
        buffer.writeBytes(Self.signature)
        guard let ends else { return _ = buffer.writeMultipleIntegers(UInt8(0x20), UInt8(0), UInt16(0)) }
        let isNarrow = ends.source.isIPv4 && ends.destination.isIPv4
        let source = isNarrow ? ends.source.bytes : ends.source.wide
        let destination = isNarrow ? ends.destination.bytes : ends.destination.wide
        buffer.writeMultipleIntegers(UInt8(0x21), UInt8(isNarrow ? 0x11 : 0x21), UInt16(source.count * 2 + 4))
        buffer.writeBytes(source)
        buffer.writeBytes(destination)
        buffer.writeMultipleIntegers(ends.sourcePort, ends.destinationPort)
    }

    init(ends: ConnectionEnds?) { self.ends = ends }
}

/// Why bytes that begin as a PROXY header are none.
struct ProxyHeaderError: Error, Equatable, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
