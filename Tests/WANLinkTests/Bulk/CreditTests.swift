import ClusterCore
import NIOCore
import Testing

@testable import WANLink

@Suite struct CreditTests {
    private static func told(_ message: CreditMessage?) throws -> CreditMessage { try #require(message) }

    @Test func creditReturnsAsBulkIsTaken() throws {
        var grant = CreditGrant(windowBytes: 1_000)
        var account = CreditAccount()
        #expect(!account.hasRoom)
        account.receive(try Self.told(grant.next(heldBytes: 0, obstacle: nil, isFirst: true)))
        #expect(account.bytesLeft == 1_000)
        account.spend(1_000)
        try grant.receive(cost: 1_000)
        #expect(!account.hasRoom && grant.waitingBytes == 1_000)
        #expect(grant.next(heldBytes: 0, obstacle: nil) == nil)
        grant.take(cost: 1_000)
        #expect(grant.next(heldBytes: 1_000, obstacle: nil) == nil)
        account.receive(try Self.told(grant.next(heldBytes: 400, obstacle: nil)))
        #expect(account.bytesLeft == 600)
        account.receive(try Self.told(grant.next(heldBytes: 0, obstacle: nil)))
        #expect(account.bytesLeft == 1_000)
    }

    @Test func oneFrameMayOverdrawAndTheNextMayNot() throws {
        var grant = CreditGrant(windowBytes: 1_000)
        _ = grant.next(heldBytes: 0, obstacle: nil, isFirst: true)
        try grant.receive(cost: 5_000)
        #expect(throws: BulkError.overdrawn(cost: 5_001, limit: 1_000)) { try grant.receive(cost: 1) }
    }

    @Test func smallStepsAreNotTold() {
        var grant = CreditGrant(windowBytes: 800)
        _ = grant.next(heldBytes: 0, obstacle: nil, isFirst: true)
        grant.take(cost: 99)
        #expect(grant.next(heldBytes: 0, obstacle: nil) == nil)
        grant.take(cost: 1)
        #expect(grant.next(heldBytes: 0, obstacle: nil) == CreditMessage(limit: 900))
    }

    @Test func anObstacleIsToldAndItsEndToo() {
        var grant = CreditGrant(windowBytes: 800)
        let first = grant.next(heldBytes: 0, obstacle: "disk full", isFirst: true)
        #expect(first == CreditMessage(limit: 0, obstacle: "disk full"))
        #expect(grant.next(heldBytes: 0, obstacle: "disk full") == nil)
        #expect(grant.next(heldBytes: 0, obstacle: nil) == CreditMessage(limit: 800))
        #expect(grant.next(heldBytes: 0, obstacle: "disk full")?.obstacle == "disk full")
        #expect(grant.limit == 800, "what was given is not taken back")
    }

    @Test(arguments: 0..<100) func neitherSideEverHoldsMoreThanTheWindowAndOneFrame(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let window = Int.random(in: 1...10_000, using: &random)
        var grant = CreditGrant(windowBytes: window)
        var account = CreditAccount()
        account.receive(try Self.told(grant.next(heldBytes: 0, obstacle: nil, isFirst: true)))
        var (onLine, waiting, held, largest): ([Int], [Int], Int, Int) = ([], [], 0, 0)
        var sent = 0
        for _ in 0..<2_000 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where account.hasRoom:
                let cost = Int.random(in: 1...(window * 2), using: &random)
                largest = max(largest, cost)
                account.spend(cost)
                onLine.append(cost)
                sent += 1
            case 1 where !onLine.isEmpty:
                let cost = onLine.removeFirst()
                try grant.receive(cost: cost)
                waiting.append(cost)
            case 2 where !waiting.isEmpty:
                let cost = waiting.removeFirst()
                grant.take(cost: cost)
                held += cost
            default: held = Int.random(in: 0...held, using: &random)
            }
            if let message = grant.next(heldBytes: held, obstacle: nil) { account.receive(message) }
            let underWay = onLine.reduce(0, +) + waiting.reduce(0, +)
            #expect(underWay <= window + largest, "seed \(seed)")
            if onLine.isEmpty, waiting.isEmpty, held == 0 { #expect(account.hasRoom, "stuck with seed \(seed)") }
        }
        #expect(sent > 10, "seed \(seed)")
    }

    @Test func messagesSurviveTheWire() throws {
        for message in [CreditMessage(limit: 77), CreditMessage(limit: .max, obstacle: "the disk is full")] {
            var bytes = ByteBuffer()
            message.write(to: &bytes)
            #expect(try CreditMessage(from: &bytes) == message)
        }
        var cut = ByteBuffer(bytes: [1, 2, 3])
        #expect(throws: BulkError.self) { try CreditMessage(from: &cut) }
    }
}
