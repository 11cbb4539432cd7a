import ClusterCore

/// What happens at a node beside its Raft.
enum DatabaseEvent {
    /// The order's statement reaches the server.
    case act(TenureOrder, life: Int, process: Int)
    /// Its outcome reaches the tenure.
    case finish(TenureOrder, life: Int, TenureOutcome)
    /// Clients write.
    case clients
    /// The capture reads the binlog.
    case capture(life: Int, connection: Int)
    /// An ACK arrives.
    case acknowledge(process: Int, connection: Int, through: Int)
    /// The replica applies.
    case apply(process: Int)
    /// The agent hears that the process ended.
    case serverLost(life: Int, process: Int)
}
