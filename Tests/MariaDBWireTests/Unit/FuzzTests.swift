import ClusterCore
import NIOCore
import Testing

@testable import MariaDBWire

/// Random bytes and mutated streams: whatever comes, nothing traps, and what is held stays small. A failure names its
/// seed.
@Suite struct FuzzTests {
    private static let seeds = Array(UInt64(1)...60)

    private func randomBytes(_ count: Int, _ random: inout SplitMix64) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// Flips, cuts, repeats and inserts; small numbers and 0xFF more often than chance would have it.
    private func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let index = Int.random(in: bytes.indices, using: &random)
            switch Int.random(in: 0...5, using: &random) {
            case 0: bytes[index] ^= 1 << UInt8.random(in: 0...7, using: &random)
            case 1: bytes[index] = [0, 1, 0x7F, 0x80, 0xFB, 0xFC, 0xFE, 0xFF].randomElement(using: &random) ?? 0
            case 2: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 1...9, using: &random)))
            case 3: bytes.insert(contentsOf: randomBytes(Int.random(in: 1...9, using: &random), &random), at: index)
            case 4: bytes.insert(contentsOf: bytes[index...].prefix(40), at: index)
            default: bytes.removeSubrange(index...)
            }
        }
    }

    private func feed(_ bytes: [UInt8], _ random: inout SplitMix64) {
        var stream = DumpStream.make(semiSync: Bool.random(using: &random), fragmentBytesMax: 2048)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...700, using: &random)
            do throws(BinlogSourceError) { try stream.receive(ByteBuffer(bytes: rest.prefix(count))) } catch { return }
            #expect(stream.heldBytes <= DumpStream.controlBytesMax + 2048 + 700)
            for captured in stream.take(now: .uptimeNanoseconds(0)) { #expect(captured.events.readableBytes <= 2048) }
            rest = rest.dropFirst(count)
        }
    }

    @Test(arguments: seeds) func dumpStreamsNeverTrap(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let made = [
            EventFactory.transaction("0-1-7", rowBytes: 3000), EventFactory.gtid("0-1-8", flags: .standalone),
            EventFactory.query("CREATE DATABASE x"), EventFactory.gtid("0-1-9"), EventFactory.query("COMMIT"),
        ]
        // Every event stands in a packet of its own.
        let events = (made + [RealEvents.bytes]).flatMap { Self.split($0) }
        let original = Array(buffer: EventFactory.stream(events.map { ($0, true) }))
        for _ in 0..<60 {
            var bytes = original
            mutate(&bytes, &random)
            feed(bytes, &random)
        }
        for _ in 0..<20 { feed(randomBytes(Int.random(in: 0...2000, using: &random), &random), &random) }
    }

    static func split(_ events: ByteBuffer) -> [ByteBuffer] {
        var rest = events
        var all: [ByteBuffer] = []
        while let header = BinlogEventHeader(rest, at: rest.readerIndex),
            let event = rest.readSlice(length: Int(header.length))
        { all.append(event) }
        return all
    }

    @Test(arguments: seeds) func handshakesNeverTrap(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var greeting = ByteBuffer()
        ServerLogin(Credentials(user: "u"), serverVersion: "10.11.19", connectionID: 1).greeting.write(to: &greeting)
        var response = ByteBuffer()
        HandshakeResponse(
            capabilities: [.protocol41, .secureConnection, .pluginAuthentication, .connectWithDatabase], user: "user",
            authentication: Array(1...20), plugin: NativePassword.plugin
        ).write(to: &response)
        var packets: [ByteBuffer] = [greeting, response]
        TextResultSet(columns: ["a", "b"], rows: [["1", nil]]).write(allocator: ByteBufferAllocator()) {
            packets.append($0)
        }
        for _ in 0..<200 {
            var bytes = Array(buffer: packets.randomElement(using: &random) ?? greeting)
            mutate(&bytes, &random)
            let payload = ByteBuffer(bytes: bytes)
            var client = ClientLogin(Credentials(user: "u", password: "p"))
            var server = ServerLogin(Credentials(user: "u"), serverVersion: "10.11.19", connectionID: 1)
            var reader = QueryAnswerReader()
            var handshake = DumpHandshake(
                .init(serverID: 1, start: GTIDPosition(), semiSync: true, gtidStrictMode: true, heartbeat: .seconds(1)))
            var commands = ReplicaCommands(serverID: 3)
            for _ in 0..<3 {
                tolerate { try client.receive(Packet(sequence: 0, payload: payload)) }
                tolerate { try server.receive(payload) }
                tolerate { try reader.receive(payload) }
                tolerate { try handshake.receive(payload) }
                _ = commands.receive(payload, unixTime: 0)
            }
            var decoder = PacketDecoder(payloadBytesMax: 1000)
            var inbound = payload
            tolerate { try decoder.next(from: &inbound) }
        }
    }

    @Test(arguments: seeds) func relayedBytesNeverTrap(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let original = Array(buffer: RealEvents.bytes)
        for _ in 0..<100 {
            var bytes = original
            mutate(&bytes, &random)
            var packetizer = EventPacketizer(semiSync: true, sequence: 0)
            var rest = ByteBuffer(bytes: bytes)
            var out = ByteBuffer()
            while let piece = rest.readSlice(length: min(rest.readableBytes, Int.random(in: 1...99, using: &random))),
                piece.readableBytes > 0
            {
                do throws(WireError) { try packetizer.write(piece, to: &out) } catch { break }
            }
            #expect(out.readableBytes <= bytes.count * 2 + 64)
            _ = EventFactory.artificial.formatDescription(like: ByteBuffer(bytes: bytes))
        }
    }

    private func tolerate(_ body: () throws -> Any?) { do { _ = try body() } catch {} }
}
