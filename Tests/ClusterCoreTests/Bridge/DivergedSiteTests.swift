import ClusterCore
import Testing

/// A site that another was put in the place of: closed, then written down, in this order.
@Suite struct DivergedSiteTests {
    /// What a node that could not be closed takes meanwhile would be missing in the export.
    @Test func orphansAreExportedWhenNothingIsAddedToThemAnyMore() throws {
        var bridge = Bridge()
        _ = bridge.begin()
        _ = bridge.handle(.endpoint(EndpointID(0), reason: ""))
        var order = try #require(bridge.handle(.logDiverged(at: LSN(7))).order)
        var actions = [order.action]
        for outcome in [
            BridgeOutcome.failed(reason: "a node hangs"), .done, .failed(reason: "it still hangs"), .done, .done,
        ] {
            order = try #require(bridge.handle(.finished(order.id, outcome)).order)
            actions.append(order.action)
        }
        #expect(actions == [.close, .pause, .close, .pause, .close, .exportOrphans(EndpointID(0))])
        // Only the export is tried again from here.
        order = try #require(bridge.handle(.finished(order.id, .failed(reason: "no room"))).order)
        order = try #require(bridge.handle(.finished(order.id, .done)).order)
        #expect(order.action == .exportOrphans(EndpointID(0)))
        #expect(bridge.handle(.finished(order.id, .done)).order == nil)
    }
}
