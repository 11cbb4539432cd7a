/// A transaction as the model knows it: who wrote it, and the GTID's sequence number. All are in one domain.
struct ModelTransaction {
    let server: Int
    let sequence: Int
}

/// A MariaDB server as far as the guarantee depends on it (FACTS, sections 1 to 3): a binlog, of which the engine has committed
/// a prefix, of which a crash keeps at least a prefix.
struct ModelDatabase {
    private(set) var isRunning = false
    /// Transactions in the order of their sequence numbers, from 1.
    private(set) var binlog: [Int] = []
    /// How many of them are committed in the engine; the others wait for their ACK.
    private(set) var committed = 0
    /// How many the engine keeps in any crash. An ACKed commit may be lost, FACTS 2.2.
    private(set) var durable = 0
    private(set) var isReadOnly = true
    /// Semi-sync with AFTER_SYNC, without timeout, waiting also when nobody is attached.
    private(set) var holdsCommits = false
    /// The replica channel to the relay runs.
    var isFollowing = false
    /// Counts the processes, so that a late statement never reaches the next one.
    private(set) var process = 0

    var waiters: Int { binlog.count - committed }
    /// Clients may write, or commits may be waiting: somebody's primary.
    var isPrimary: Bool { !isReadOnly || holdsCommits }
    var isWritable: Bool { isRunning && !isReadOnly }

    mutating func write(_ transaction: Int) {
        binlog.append(transaction)
        if !holdsCommits { committed = binlog.count }
    }

    /// The replica threads apply what the relay served.
    mutating func apply(_ transaction: Int, flushed: Bool) {
        binlog.append(transaction)
        committed = binlog.count
        if flushed { durable = committed }
    }

    /// One ACK releases everything up to it.
    mutating func acknowledge(through sequence: Int, flushed: Bool) {
        committed = max(committed, min(sequence, binlog.count))
        if flushed { durable = committed }
    }

    /// Switching semi-sync off lets every waiter commit (FACTS 1.6), as does killing it.
    mutating func setHoldsCommits(_ on: Bool) {
        holdsCommits = on
        if !on { releaseWaiters() }
    }
    mutating func releaseWaiters() { committed = binlog.count }
    mutating func setReadOnly(_ on: Bool) { isReadOnly = on }

    /// SIGKILL, or the machine's end. - Parameter survivors: chosen from 0 to the number of commits that may be lost.
    mutating func crash(survivors choose: (Int) -> Int) {
        guard isRunning else { return }
        isRunning = false
        isFollowing = false
        committed = durable + choose(committed - durable)
        durable = committed
    }

    /// Starts as SLAVE: what the engine had not committed is cut from the binlog (MDEV-33465).
    mutating func start(cutsTail: Bool = true) {
        guard !isRunning else { return }
        isRunning = true
        process += 1
        if cutsTail { binlog.removeLast(binlog.count - committed) }
        committed = binlog.count
        durable = committed
        isReadOnly = true
        holdsCommits = false
    }

    /// A fresh copy of another's data.
    mutating func provision(_ transactions: [Int]) {
        isRunning = false
        isFollowing = false
        binlog = transactions
        committed = transactions.count
        durable = committed
    }
}
