/// Which of the configured Galera endpoints, counted from 0.
public struct EndpointID: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var index: Int
    public init(_ index: Int) { self.index = index }
    public var description: String { "#\(index)" }
    public static func < (a: EndpointID, b: EndpointID) -> Bool { a.index < b.index }
}

/// Something to be done at the local Galera cluster. One is under way at a time; its outcome comes back as
/// ``BridgeEvent/finished(_:_:)`` with the same ``BridgeOrder/id``.
public struct BridgeOrder: Sendable, Hashable {
    /// Rises with every order, so that the outcome of a superseded one is told from the present one's.
    public var id: UInt64
    public var action: BridgeAction
}

public enum BridgeAction: Sendable, Hashable {
    /// End the capture, and set `read_only` on every node. Fails when a node of the primary component could not be reached. → `.done`
    case close
    /// Switch `read_only` off on every node that can be reached. → `.done`
    case open
    /// Compare the cluster's history, as this endpoint shows it, with the committed log. `through` an LSN, for a site that is to be the
    /// source: whether it holds all of the log until there; what it wrote as the last source may still be captured. → `.compared`
    case compare(EndpointID, through: LSN)
    /// Write the transactions that the log has not into `<data_dir>/orphans/`. → `.done`
    case exportOrphans(EndpointID)
    /// Make sure that no replica channel of ours can apply anything any more, on whatever node. Succeeds only when that is proved. →
    /// `.done`
    case clearChannels
    /// Start the one replica channel on this endpoint, after checking its position. → `.done`
    case startChannel(EndpointID)
    /// Wait until the cluster, seen at this endpoint, holds everything of the log through this LSN. → `.done`
    case awaitApplied(EndpointID, through: LSN)
    /// Read this endpoint's binlog from where the log ends, after checking that it has got there. → `.done`, or `.compared` when the
    /// whole cluster was set back: `.needsCopy` behind what was captured from it, `.contained(complete: false)` behind what others wrote.
    case startCapture(EndpointID, term: Term)
    /// Wait until everything that any node of the cluster has in its binlog is captured and committed. → `.done`
    case settle
    /// Wait before the next attempt. → `.done`
    case pause
}

/// What came of an order.
public enum BridgeOutcome: Sendable, Hashable {
    case done
    case compared(SiteComparison)
    case failed(reason: String)
}

/// How a site's history relates to the committed log.
public enum SiteComparison: Sendable, Hashable {
    /// All of it is in the log, or may still be captured from it. `complete`: it holds all that was asked about.
    case contained(complete: Bool)
    /// It holds transactions that the committed log has not, and that may not be captured any more.
    case orphans([GTID])
    /// It lacks what the log no longer holds, or never held.
    case needsCopy(reason: String)
}
