import ClusterCore
import Testing

/// The order of what is done to a database, step by step.
@Suite struct TenureTests {
    /// A tenure with the orders that it has given, so that outcomes can be reported by action.
    struct Script {
        var tenure = Tenure()
        private(set) var last = TenureEffects()
        private(set) var orders: [TenureAction] = []
        private(set) var current: TenureOrder?
        private(set) var mayLead = false

        init() { take(tenure.begin()) }

        mutating func on(_ event: TenureEvent) { take(tenure.handle(event)) }
        mutating func finish(_ outcome: TenureOutcome = .done) {
            guard let current else { return }
            self.current = nil
            on(.finished(current.id, outcome))
        }

        private mutating func take(_ effects: TenureEffects) {
            last = effects
            if let able = effects.mayLead { mayLead = able }
            if let order = effects.order {
                orders.append(order.action)
                current = order
            }
        }

        static func leader(_ term: UInt64, noOp: UInt64, settled: Bool = true) -> TenureEvent {
            .leadership(.leader(term: Term(term), noOp: LSN(noOp), settled: settled))
        }
        static func follower(_ term: UInt64, settled: Bool = true) -> TenureEvent {
            .leadership(.follower(term: Term(term), settled: settled))
        }

        /// A replica of term 1.
        static func replica() -> Script {
            var script = Script()
            script.on(follower(1))
            script.finish(.started(.fresh))
            script.finish(.inspected(.contained))
            script.finish()
            return script
        }

        /// The primary of term 2.
        static func primary() -> Script {
            var script = replica()
            script.on(leader(2, noOp: 10))
            for _ in 0..<5 { script.finish() }
            return script
        }
    }

    @Test func aFreshServerIsComparedBeforeItFollows() {
        var script = Script()
        #expect(script.orders == [.start])
        script.finish(.started(.fresh))
        #expect(script.tenure.state == .recovering)
        #expect(script.orders == [.start], "nothing is known of the log yet")
        script.on(Script.follower(1, settled: false))
        #expect(script.orders == [.start], "what the log has committed is not known yet")
        script.on(Script.follower(1))
        #expect(script.orders == [.start, .inspect])
        script.finish(.inspected(.contained))
        #expect(script.orders == [.start, .inspect, .follow])
        script.finish()
        #expect(script.tenure.state == .replica)
    }

    @Test func orphansAreExportedAndTheNodeNeverLeads() {
        var script = Script()
        script.on(Script.follower(1))
        script.finish(.started(.fresh))
        script.finish(.inspected(.orphans([GTID(domain: 0, server: 1, sequence: 7)])))
        #expect(script.orders.last == .exportOrphans)
        #expect(!script.mayLead)
        script.finish()
        script.on(Script.leader(2, noOp: 5))
        #expect(script.orders.last == .exportOrphans, "a diverged database gets no further order")
    }

    /// I3
    @Test func promotionGoesThroughItsStepsInOrder() {
        var script = Script.replica()
        script.on(Script.leader(2, noOp: 10, settled: false))
        #expect(script.orders.last == .follow, "the no-op is not committed yet")
        script.on(Script.leader(2, noOp: 10))
        let before = script.orders.count - 1
        for _ in 0..<5 {
            if case .primary = script.tenure.state { Issue.record("writable too early") }
            script.finish()
        }
        #expect(
            Array(script.orders[before...]) == [
                .awaitApplied(through: LSN(10)), .unfollow(through: LSN(10)), .holdCommits,
                .attachCapture(term: Term(2)),
                .openWrites,
            ])
        #expect(script.tenure.state == .primary(term: Term(2)))
    }

    /// I4, I5: at each step of the promotion.
    @Test(arguments: 0..<5)
    func leadershipLostDuringPromotion(afterSteps steps: Int) {
        var script = Script.replica()
        script.on(Script.leader(2, noOp: 10))
        for _ in 0..<steps { script.finish() }
        script.on(Script.follower(3))
        #expect(script.orders.last == (steps < 2 ? .follow : .kill), "after \(steps) steps")
    }

    /// I4, I5
    @Test func aPrimaryWithoutLeadershipIsKilled() {
        var script = Script.primary()
        script.on(.leadership(.unknown(term: Term(2))))
        #expect(script.orders.last == .kill)
        #expect(!script.mayLead)
        script.finish(.killed)
        #expect(script.orders.last == .start)
    }

    @Test func anotherTermOfItsOwnIsNoReasonToStayWritable() {
        var script = Script.primary()
        script.on(Script.leader(4, noOp: 30))
        #expect(script.orders.last == .kill)
    }

    @Test func aLostServerGivesLeadershipUp() {
        var script = Script.primary()
        script.on(.serverLost(reason: "killed"))
        #expect(script.last.resign != nil)
        #expect(script.orders.last == .kill)
    }

    /// I8: whoever still leads when its server is back applies the log first.
    @Test func aRestartedPrimaryIsRefilledBeforeItServes() {
        var script = Script.primary()
        script.on(.serverLost(reason: "killed"))
        script.finish(.killed)
        script.finish(.started(.fresh))
        script.finish(.inspected(.contained))
        script.finish()
        #expect(script.orders.suffix(2) == [.follow, .awaitApplied(through: LSN(10))])
    }

    /// I9
    @Test func aPlannedStepDownDrainsFirst() {
        var script = Script.primary()
        script.on(.stepDown(target: NodeNumber(3)))
        let before = script.orders.count - 1
        for _ in 0..<3 {
            #expect(script.last.handOver == nil)
            script.finish()
        }
        #expect(Array(script.orders[before...]) == [.closeWrites, .settle, .releaseCommits, .follow])
        #expect(script.last.handOver?.target == NodeNumber(3))
    }

    @Test func aDrainThatCannotFinishIsUndone() {
        var script = Script.primary()
        script.on(.stepDown(target: nil))
        script.finish()
        script.finish(.failed(reason: "no quorum"))
        #expect(script.orders.last == .openWrites)
        script.finish()
        #expect(script.tenure.state == .primary(term: Term(2)))
        #expect(script.last.handOver == nil)
    }

    /// I7
    @Test func aLostDumpConnectionIsMadeAgain() {
        var script = Script.primary()
        script.on(.captureLost(reason: "reset"))
        #expect(script.orders.last == .attachCapture(term: Term(2)))
    }

    @Test func anAdoptedPrimaryWaitsForLeadership() {
        var script = Script()
        script.finish(.started(.adoptedPrimary))
        #expect(script.tenure.state == .adopted)
        #expect(script.orders == [.start, .pause])
        var won = script
        won.on(Script.leader(5, noOp: 20))
        #expect(won.orders == [.start, .pause, .holdCommits], "its commits wait, so nothing of it is taken away")
        var lost = script
        lost.on(Script.follower(5))
        #expect(lost.orders == [.start, .pause, .kill])
        for _ in 0..<10 { script.finish() }
        #expect(script.orders.last == .kill, "its reads must not grow old without end")
    }

    @Test func aLateOutcomeOfASupersededOrderIsIgnored() {
        var script = Script.replica()
        script.on(Script.leader(2, noOp: 10))
        let old = script.current
        script.on(Script.follower(3))
        let orders = script.orders
        if let old { script.on(.finished(old.id, .done)) }
        #expect(script.orders == orders)
    }

    @Test func afterTheEndNothingIsOrdered() {
        var script = Script.primary()
        script.on(.stop)
        let count = script.orders.count
        script.on(.leadership(.unknown(term: Term(3))))
        script.on(.serverLost(reason: "x"))
        #expect(script.orders.count == count)
    }
}
