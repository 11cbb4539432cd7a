import ClusterCore
import NIOCore
import NIOPosix
import Testing

@testable import WANLink

@Suite(.timeLimit(.minutes(1))) struct RequestTests {
    private func ask(
        _ text: String, from node: TestNode, address: String, timeout: Duration = .seconds(5)
    ) async throws -> Result<String, PeerNetworkError> {
        do {
            let answer = try await node.loop.flatSubmit { [network = node.network] in
                network.request(ByteBuffer(string: text), address: address, timeout: timeout)
            }.get()
            return .success(String(buffer: answer))
        } catch let error as PeerNetworkError {
            return .failure(error)
        }
    }

    @Test func aRefusalCarriesTheReason() async throws {
        let host = try await TestNode.start(
            1, delegate: RecordingDelegate(answer: { _ in .failure(PeerNetworkError(.refused, "not the leader")) }))
        let caller = try await TestNode.start(nil)
        let answer = try await ask("join", from: caller, address: host.address)
        #expect(answer == .failure(PeerNetworkError(.refused, "not the leader")))
        try await host.close()
        try await caller.close()
    }

    @Test func everyFailureHasItsCode() async throws {
        let caller = try await TestNode.start(nil)
        func code(_ address: String, _ payload: String = "join", timeout: Duration = .seconds(5)) async throws
            -> PeerNetworkError.Code?
        {
            switch try await ask(payload, from: caller, address: address, timeout: timeout) {
            case .success: nil
            case .failure(let error): error.code
            }
        }
        #expect(try await code("nowhere") == .badAddress)
        #expect(try await code("127.0.0.1:1") == .cannotConnect)
        #expect(try await code("127.0.0.1:1", String(repeating: "x", count: 2 << 20)) == .tooLarge)
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(silent.localAddress?.port)
        #expect(try await code("127.0.0.1:\(port)", timeout: .milliseconds(100)) == .timeout)
        try await silent.close()
        try await caller.close()
        #expect(try await code("127.0.0.1:\(port)") == .closed)
    }

    @Test func manyRequestsAtOnceAreAnswered() async throws {
        let host = try await TestNode.start(1)
        let caller = try await TestNode.start(2)
        let address = host.address
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<100 {
                group.addTask {
                    let answer = try await ask("\(index)", from: caller, address: address)
                    #expect(answer == .success("\(index)"))
                }
            }
            try await group.waitForAll()
        }
        try await host.close()
        try await caller.close()
    }

    @Test func aTakenPortIsExplained() async throws {
        let first = try await TestNode.start(1)
        let port = first.network.localPort
        let error = await #expect(throws: PeerNetworkError.self) { try await TestNode.start(2, port: port) }
        #expect(error?.code == .cannotBind)
        #expect(error?.message == "cannot listen for peers on 127.0.0.1:\(port): the address is in use")
        #expect(error?.remedy.contains("node.bind_address") == true)
        try await first.close()
    }
}
