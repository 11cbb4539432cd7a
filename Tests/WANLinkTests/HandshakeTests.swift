import ClusterCore
import NIOCore
import Testing

@testable import WANLink

@Suite struct HandshakeTests {
    private static let me = PeerIdentity(clusterID: "c1", number: NodeNumber(1), id: "a")

    private static func hello(
        _ purpose: ConnectionPurpose = .control, cluster: String = "c1", from: UInt16? = 2, to: UInt16? = 1
    ) -> PeerHello {
        PeerHello(
            purpose: purpose, clusterID: cluster, number: from.map { NodeNumber($0) }, id: "b",
            to: to.map { NodeNumber($0) })
    }

    @Test func helloAndWelcomeSurviveTheWire() throws {
        for purpose in ConnectionPurpose.allCases {
            var hello = HandshakeTests.hello(purpose)
            if purpose == .bulk { hello.stream = BulkStream(session: 9, index: 1, count: 4) }
            var bytes = ByteBuffer()
            hello.write(to: &bytes)
            bytes.writeString("from a later release")
            #expect(try PeerHello(from: &bytes) == hello)
        }
        let welcome = Welcome(protocolVersion: 1, features: [], number: NodeNumber(3), id: "c")
        var bytes = ByteBuffer()
        welcome.write(to: &bytes)
        #expect(try Welcome(from: &bytes) == welcome)
    }

    @Test func everyCutHelloIsMalformed() {
        var whole = ByteBuffer()
        HandshakeTests.hello().write(to: &whole)
        for count in 0..<whole.readableBytes {
            var cut = whole.getSlice(at: 0, length: count) ?? ByteBuffer()
            #expect(throws: HandshakeError.self) { try PeerHello(from: &cut) }
        }
    }

    @Test(arguments: 0..<200) func randomHellosAndWelcomesNeverTrap(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        var hello = ByteBuffer(bytes: bytes)
        var welcome = hello
        do { _ = try PeerHello(from: &hello) } catch { #expect(!error.description.isEmpty) }
        do { _ = try Welcome(from: &welcome) } catch { #expect(!error.description.isEmpty) }
    }

    @Test func aStrangerIsToldWhy() {
        func reason(_ hello: PeerHello, me: PeerIdentity? = HandshakeTests.me) -> String? {
            switch Introduction.judge(hello, me: me) {
            case .welcome: nil
            case .refusal(let reason): reason
            }
        }
        #expect(reason(HandshakeTests.hello()) == nil)
        #expect(reason(HandshakeTests.hello(to: nil)) == nil)
        #expect(reason(HandshakeTests.hello(cluster: "c2"))?.contains("wrong cluster") == true)
        #expect(reason(HandshakeTests.hello(to: 3))?.contains("wrong node") == true)
        #expect(reason(HandshakeTests.hello(from: 1))?.contains("is this node") == true)
        #expect(reason(HandshakeTests.hello(from: nil))?.contains("no member number") == true)
        #expect(reason(HandshakeTests.hello(), me: nil)?.contains("does not belong to a cluster yet") == true)
        #expect(reason(HandshakeTests.hello(.request, cluster: "", from: nil, to: nil), me: nil) == nil)
        var future = HandshakeTests.hello(.request)
        future.protocols = 7...9
        #expect(reason(future)?.contains("speaks link protocol 1 to 1, the caller 7 to 9") == true)
    }

    @Test func theHighestCommonVersionAndTheCommonFeaturesAreChosen() {
        var hello = HandshakeTests.hello()
        hello.protocols = 1...5
        hello.features = LinkFeatures(rawValue: .max)
        #expect(
            Introduction.judge(hello, me: HandshakeTests.me)
                == .welcome(Welcome(protocolVersion: 1, features: .supported, number: NodeNumber(1), id: "a")))
    }
}
