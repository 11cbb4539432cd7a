import ClusterCore
import LabSupport
import NIOCore
import Testing

@testable import WANLink

/// A member's clients at this node's database, through this node.
@Suite(.timeLimit(.minutes(1))) struct TunnelTests {
    /// Node 1 has the database, node 2 the clients.
    private func with(
        _ manner: FakeDatabase.Manner = .echoes, tls: Bool = false, timeout: Duration = .seconds(5),
        adjust: (inout PeerNetwork.Configuration) -> Void = { _ in },
        _ body: (_ database: FakeDatabase, _ host: TestNode, _ caller: TestNode) async throws -> Void
    ) async throws {
        let database = try await FakeDatabase.start(manner)
        let delegate = RecordingDelegate(database: .database(database.address))
        let host: TestNode
        let caller: TestNode
        if tls {
            let authority = try TestAuthority()
            host = try await TestNode.start(1, of: authority, delegate: delegate, timeout: timeout, adjust: adjust)
            caller = try await TestNode.start(2, of: authority, timeout: timeout)
        } else {
            host = try await TestNode.start(1, delegate: delegate, timeout: timeout, adjust: adjust)
            caller = try await TestNode.start(2, timeout: timeout)
        }
        try await caller.setPeers([1: host.address])
        try await body(database, host, caller)
        try await caller.close()
        try await host.close()
        // One that does not read does not hear of the end either.
        if manner != .neverReads { try await database.counts.wait { $0.open == 0 } }
        try await database.close()
    }

    @Test(arguments: [false, true]) func bytesGoThroughAndComeBack(tls: Bool) async throws {
        try await with(tls: tls) { database, _, caller in
            let client = try await TunnelClient(from: caller, to: 1)
            try await client.notes.wait { $0.text == FakeDatabase.greeting }
            #expect(client.notes.value.seen == "127.0.0.1")
            let greeting = FakeDatabase.greeting.utf8.count
            // Small ones, and more than all buffers on the way hold.
            for count in [1, 100, 70_000, 20 << 20] {
                let before = client.notes.value.bytesIn
                client.send(ByteBuffer(repeating: 3, count: count))
                try await client.notes.wait { $0.bytesIn == before + count }
            }
            #expect(database.counts.value.bytesIn == client.notes.value.bytesIn - greeting)
            try await client.close()
            try await database.counts.wait { $0.open == 0 }
        }
    }

    @Test(arguments: [false, true]) func aDatabaseThatReadsNothingStopsTheClient(tls: Bool) async throws {
        try await with(.neverReads, tls: tls, timeout: .seconds(2)) { database, _, caller in
            let client = try await TunnelClient(from: caller, to: 1)
            let piece = ByteBuffer(repeating: 1, count: 64 << 10)
            // A client that minds writability, as the proxy does, gets stuck: what is on its way is bounded.
            let sent = try await fill(client, with: piece)
            #expect(sent < 64 << 20, "\(sent) bytes went out")
            // Neither side takes the other for dead meanwhile, although more than a timeout passes.
            if !tls { try await Task.sleep(for: .seconds(5)) }
            #expect(!client.notes.value.isClosed && database.counts.value.open == 1)
        }
    }

    /// Writes while the channel takes it; returns when it has taken nothing for a while.
    private func fill(_ client: TunnelClient, with piece: ByteBuffer) async throws -> Int {
        var sent = 0
        var idleRounds = 0
        while idleRounds < 20 {
            let now = try await client.channel.eventLoop.submit { [channel = client.channel] in
                var now = 0
                while channel.isWritable, now < 1 << 20 {
                    channel.writeAndFlush(piece, promise: nil)
                    now += piece.readableBytes
                }
                return now
            }.get()
            sent += now
            guard now == 0 else { continue }
            idleRounds += 1
            try await Task.sleep(for: .milliseconds(10))
        }
        return sent
    }

    @Test(arguments: [false, true]) func aClientThatReadsNothingStopsTheDatabase(tls: Bool) async throws {
        try await with(.talksWithoutEnd, tls: tls) { database, _, caller in
            let client = try await TunnelClient(from: caller, to: 1)
            try await client.notes.wait { $0.bytesIn > 4 << 20 }
            try await client.setReading(false)
            var last = -1
            while database.counts.value.bytesOut != last {
                last = database.counts.value.bytesOut
                try await Task.sleep(for: .milliseconds(300))
            }
            let held = last - client.notes.value.bytesIn
            #expect(held < 64 << 20, "\(held) bytes are under way")
            try await client.setReading(true)
            let before = client.notes.value.bytesIn
            try await client.notes.wait { $0.bytesIn > before + (1 << 20) }
            try await client.close()
        }
    }

    @Test func theEndOfEitherSideIsTheOthers() async throws {
        let gone = PeerAddress(host: "127.0.0.1", port: try FreePort.take())
        let host = try await TestNode.start(1, delegate: RecordingDelegate(database: .database(gone)))
        let caller = try await TestNode.start(2)
        try await caller.setPeers([1: host.address])
        await expectRefusal("its database can't be reached", caller)
        try await host.close()
        try await caller.close()

        try await with { database, host, caller in
            let client = try await TunnelClient(from: caller, to: 1)
            try await client.notes.wait { !$0.text.isEmpty }
            // A member that is removed loses its tunnels.
            try await host.setPeers([2: caller.address])
            try await host.setPeers([:])
            try await client.notes.wait { $0.isClosed }
            try await database.counts.wait { $0.open == 0 }
            #expect(client.notes.value.error != nil)
        }
    }

    private func expectRefusal(_ reason: String, _ caller: TestNode) async {
        do {
            _ = try await TunnelClient(from: caller, to: 1)
            Issue.record("a tunnel was opened: \(reason)")
        } catch { #expect("\(error)".contains(reason), "\(error)") }
    }

    @Test func onlyWhoMayGetsOne() async throws {
        let database = try await FakeDatabase.start()
        let target = TunnelTarget.database(database.address)
        for (delegate, cluster, reason) in [
            (RecordingDelegate(objection: { _ in "you were removed" }, database: target), "c1", "you were removed"),
            (RecordingDelegate(database: target), "c2", "wrong cluster"),
            (RecordingDelegate(database: .refused("proxy.tunnel is off")), "c1", "proxy.tunnel is off"),
        ] {
            let host = try await TestNode.start(1, cluster: cluster, delegate: delegate)
            let caller = try await TestNode.start(2)
            try await caller.setPeers([1: host.address])
            await expectRefusal(reason, caller)
            try await host.log.wait(for: reason)
            try await host.close()
            try await caller.close()
        }
        #expect(database.counts.value.accepted == 0)
        try await database.close()
    }

    @Test func theirNumberIsBoundedAndMembersLinesHaveRoomBesides() async throws {
        try await with(adjust: {
            $0.tunnelsMax = 3
            $0.acceptedConnectionsMax = 4
        }) { database, host, caller in
            try await host.delegate.wait { $0.hellos.filter { $0.purpose != .tunnel }.count >= 2 }
            var clients: [TunnelClient] = []
            for _ in 0..<3 { clients.append(try await TunnelClient(from: caller, to: 1)) }
            await expectRefusal("3 tunnels to this node's database are open", caller)
            try await clients[0].channel.close()
            try await database.counts.wait { $0.open == 2 }
            while true {
                do {
                    clients.append(try await TunnelClient(from: caller, to: 1))
                    break
                } catch { try await Task.sleep(for: .milliseconds(20)) }
            }
            try await caller.delegate.wait { $0.connected == [NodeNumber(1)] }
        }
    }

    @Test func aSilentPeerIsNoticedOnBothSides() async throws {
        // Longer than a busy machine takes for the handshake, which it bounds, too.
        try await with(timeout: .seconds(3)) { database, host, caller in
            let relay = try await Relay.start(to: host.network.localPort)
            try await caller.setPeers([1: try await relay.address])
            let client = try await TunnelClient(from: caller, to: 1)
            try await client.notes.wait { !$0.text.isEmpty }
            try await relay.setFrozen(true)
            try await client.notes.wait { $0.isClosed && $0.error?.contains("silent for") == true }
            try await database.counts.wait { $0.open == 0 }
            try await relay.close()
        }
    }

    /// A release before tunnels answers so to the purpose that it does not know.
    @Test func anOlderReleaseRefusesAndIsRefused() async throws {
        #expect(throws: HandshakeError.unknownPurpose(5)) {
            var bytes = ByteBuffer()
            PeerHello(purpose: .tunnel, clusterID: "c1", number: NodeNumber(2), id: "node-2", to: nil).write(to: &bytes)
            bytes.setInteger(UInt8(5), at: 12)
            _ = try PeerHello(from: &bytes)
        }
        var hello = PeerHello(purpose: .tunnel, clusterID: "c1", number: NodeNumber(2), id: "node-2", to: nil)
        hello.features = [.bulkSessions, .zstd]
        let me = PeerIdentity(clusterID: "c1", number: NodeNumber(1), id: "node-1")
        guard case .refusal = Introduction.judge(hello, me: me) else {
            Issue.record("a caller without the feature was welcomed")
            return
        }
    }

    @Test func dataBeforeTheDatabaseIsThereEndsIt() async throws {
        try await with { _, host, _ in
            let raw = try await RawPeer.connect(to: host)
            var hello = ByteBuffer()
            PeerHello(purpose: .tunnel, clusterID: "c1", number: NodeNumber(2), id: "node-2", to: nil).write(to: &hello)
            var both = FrameDecoderTests.bytes(.hello, [hello])
            both.writeImmutableBuffer(FrameDecoderTests.bytes(.data, [ByteBuffer(string: "x")]))
            try await raw.send(both)
            try await raw.waitUntilClosed()
        }
    }
}
