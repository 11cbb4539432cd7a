import ClusterCore
import NIOCore
import Testing

@testable import Gateway

@Suite("The header of the PROXY protocol") struct ProxyHeaderTests {
    private func read(_ bytes: [UInt8]) throws(ProxyHeaderError) -> (ProxyHeader.Reading, rest: [UInt8]) {
        var buffer = ByteBuffer(bytes: bytes)
        let reading = try ProxyHeader.read(from: &buffer, isWelcome: true)
        return (reading, Array(buffer: buffer))
    }

    private func ends(_ source: String, _ sourcePort: UInt16, _ destination: String, _ port: UInt16) -> ConnectionEnds?
    {
        guard let source = IPAddress(source), let destination = IPAddress(destination) else { return nil }
        return ConnectionEnds(
            source: source, sourcePort: sourcePort, destination: destination, destinationPort: port)
    }

    @Test(arguments: [
        ("PROXY TCP4 192.168.0.1 10.0.0.9 56324 8007\r\n", "192.168.0.1", "10.0.0.9"),
        ("PROXY TCP6 2001:db8::1 2001:db8::2 56324 8007\r\n", "2001:db8::1", "2001:db8::2"),
        ("PROXY TCP6 ::ffff:192.168.0.1 ::ffff:10.0.0.9 56324 8007\r\n", "192.168.0.1", "10.0.0.9"),
    ])
    func aLineOfText(line: String, source: String, destination: String) throws {
        let (reading, rest) = try read(Array(line.utf8) + [1, 2, 3])
        #expect(reading == .header(ProxyHeader(ends: ends(source, 56_324, destination, 8_007))))
        #expect(rest == [1, 2, 3])
    }

    @Test(arguments: ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:f 1 2 whatever 65536\r\n"])
    func aLineThatTellsNoAddress(line: String) throws {
        #expect(try read(Array(line.utf8)).0 == .header(ProxyHeader(ends: nil)))
    }

    @Test(arguments: [
        "PROXY \r\n", "PROXY TCP4\r\n", "PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n", "PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n", "PROXY TCP4 db1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", "PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n", "PROXY tcp4 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "PROXY TCP4 1.1.1.1\u{0} 2.2.2.2 1 2\r\n",
        "PROXY TCP4 " + String(repeating: "1", count: 200),
    ])
    func aBrokenLine(line: String) {
        #expect(throws: ProxyHeaderError.self) { try read(Array(line.utf8)) }
    }

    private func binary(_ command: UInt8, _ family: UInt8, _ body: [UInt8], length: Int? = nil) -> [UInt8] {
        let length = length ?? body.count
        return ProxyHeader.signature + [command, family, UInt8(length >> 8), UInt8(length & 0xFF)] + body
    }

    private let fourEnds: [UInt8] = [192, 168, 0, 1, 10, 0, 0, 9, 0xDC, 0x04, 0x1F, 0x47]

    @Test func binaryWithWhatFollowsTheAddresses() throws {
        let extra: [UInt8] = [0x04, 0, 3, 1, 2, 3]
        let (reading, rest) = try read(binary(0x21, 0x11, fourEnds + extra) + [9])
        #expect(reading == .header(ProxyHeader(ends: ends("192.168.0.1", 56_324, "10.0.0.9", 8_007))))
        #expect(rest == [9])
        #expect(try read(binary(0x20, 0x00, [])).0 == .header(ProxyHeader(ends: nil)))
        // The balancer's own health check, whatever it says besides.
        #expect(try read(binary(0x20, 0x11, fourEnds)).0 == .header(ProxyHeader(ends: nil)))
        #expect(try read(binary(0x21, 0x31, [UInt8](repeating: 0, count: 216))).0 == .header(ProxyHeader(ends: nil)))
    }

    @Test func brokenBinary() {
        for bytes in [
            binary(0x11, 0x11, fourEnds), binary(0x22, 0x11, fourEnds), binary(0x21, 0x12, fourEnds),
            binary(0x21, 0x41, fourEnds), binary(0x21, 0x11, Array(fourEnds.dropLast())), binary(0x21, 0x21, fourEnds),
            binary(0x21, 0x11, fourEnds, length: 65_535), binary(0x20, 0x00, [], length: 4_081),
        ] { #expect(throws: ProxyHeaderError.self, "\(bytes)") { try read(bytes) } }
    }

    @Test func whatIsWrittenIsRead() throws {
        for one in [
            ends("1.2.3.4", 1, "5.6.7.8", 65_535), ends("2001:db8::1", 2, "::1", 3), ends("1.2.3.4", 1, "fd00::1", 2),
            nil,
        ] {
            var buffer = ByteBuffer()
            ProxyHeader(ends: one).write(to: &buffer)
            #expect(try read(Array(buffer: buffer)) == (.header(ProxyHeader(ends: one)), []))
        }
    }

    /// Cut anywhere, a header is awaited and nothing of it is taken.
    @Test func piecewise() throws {
        for whole in [Array("PROXY TCP4 192.168.0.1 10.0.0.9 56324 8007\r\n".utf8), binary(0x21, 0x11, fourEnds)] {
            for count in 1..<whole.count {
                let piece = Array(whole.prefix(count))
                #expect(try read(piece) == (.incomplete, piece), "\(count)")
            }
        }
    }

    /// Logins begin with their length and the number 1, or 2 inside TLS.
    @Test func aLoginIsNoHeader() throws {
        for length in 32..<2_000 {
            let login = [UInt8(length & 0xFF), UInt8(length >> 8), 0, 1] + [UInt8](repeating: 0, count: length)
            #expect(try read(login) == (.absent, login))
        }
    }

    @Test func whereNoneMayComeOneIsAnError() throws {
        var line = ByteBuffer(string: "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n")
        #expect(throws: ProxyHeaderError.self) { try ProxyHeader.read(from: &line, isWelcome: false) }
        var start = ByteBuffer(string: "PROX")
        #expect(try ProxyHeader.read(from: &start, isWelcome: false) == .incomplete)
        var login = ByteBuffer(bytes: [32, 0, 0, 1])
        #expect(try ProxyHeader.read(from: &login, isWelcome: false) == .absent)
    }

    /// Whatever comes: no trap, nothing taken unless there is a header, and an end to the waiting.
    @Test func hostileBytes() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("PROXY headers: seed \(seed)")
        var generator = SplitMix64(seed: seed)
        let valid = [
            Array("PROXY TCP4 192.168.0.1 10.0.0.9 56324 8007\r\n".utf8),
            Array("PROXY TCP6 2001:db8::1 ::ffff:1.2.3.4 56324 8007\r\n".utf8), binary(0x21, 0x11, fourEnds),
            binary(0x21, 0x21, [UInt8](repeating: 7, count: 36)),
        ]
        for _ in 0..<50_000 {
            var bytes = valid.randomElement(using: &generator) ?? []
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                switch Int.random(in: 0..<3, using: &generator) {
                case 0:
                    bytes[Int.random(in: bytes.indices, using: &generator)] = .random(in: 0...255, using: &generator)
                case 1:
                    bytes.insert(
                        .random(in: 0...255, using: &generator), at: Int.random(in: bytes.indices, using: &generator))
                default: if bytes.count > 1 { bytes.remove(at: Int.random(in: bytes.indices, using: &generator)) }
                }
            }
            do throws(ProxyHeaderError) {
                let (reading, rest) = try read(bytes)
                if case .header = reading {
                    #expect(bytes.suffix(rest.count) == rest[...])
                } else {
                    #expect(rest == bytes)
                }
                guard reading == .incomplete else { continue }
                // However long it goes on, it is decided within the bound.
                let more = [UInt8](repeating: UInt8(ascii: "1"), count: ProxyHeader.binaryBytesMax)
                if try read(bytes + more).0 == .incomplete { Issue.record("undecided: \(bytes)") }
            } catch {}
        }
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3", "10.1.2.4", false), ("10.0.0.0/8", "::ffff:10.0.0.1", true), ("fd00::/7", "fc12::1", true),
        ("fd00::/8", "fc12::1", false), ("0.0.0.0/0", "9.9.9.9", true), ("0.0.0.0/0", "::1", false), ("*", "::1", true),
        ("192.168.4.0/22", "192.168.7.255", true), ("192.168.4.0/22", "192.168.8.0", false),
    ])
    func networks(network: String, address: String, isInside: Bool) throws {
        #expect(try #require(IPNetwork(network)).contains(try #require(IPAddress(address))) == isInside)
    }

    @Test(arguments: [
        "", "10.0.0.0/33", "10.0.0/8", "db1", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "::/129", "localhost",
    ])
    func noNetworks(text: String) { #expect(IPNetwork(text) == nil) }
}
