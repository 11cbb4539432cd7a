/// Hosts of a cluster, counted from 1, of which each can be cut off from the others; clients outside still reach it.
public protocol HostNetwork: Sendable {
    func address(_ host: Int) -> String
    /// In front of a command line, to run it on that host.
    func prefix(_ host: Int) -> [String]
    func isolate(_ host: Int, _ direction: IsolationDirection) throws
    func heal(_ host: Int) throws
    func remove()
}

/// What a host is cut off from.
public enum IsolationDirection: String, CaseIterable, Sendable { case both, inward, outward }
