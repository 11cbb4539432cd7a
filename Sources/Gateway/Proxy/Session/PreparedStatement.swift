import NIOCore

/// A statement that the client has prepared. Confined to its session's event loop.
///
/// With cached metadata a server leaves the definitions of columns out of the answer to an execute when they are those that it told
/// last. What the leader told, the replica has not: so each has on record what it counts on the client to have, beside what the client
/// does have.
final class PreparedStatement: @unchecked Sendable {  // all state is confined to the loop
    /// What a database knows of it.
    struct Copy {
        /// The database's number.
        var id: UInt32
        /// Whether it has had the parameters' types, which a client sends only once.
        var knowsTypes = false
        /// The definitions that it counts on the client to have; nil: none, it sends them.
        var columns: ColumnsDigest?
        /// Those definitions, as packets, while the client has others.
        var definitions: ByteBuffer?
    }

    /// Nil when it was too long to be kept: then it lives on one connection only.
    var text: ByteBuffer?
    var summary: StatementSummary
    let parameterCount: Int
    /// nil where it is not prepared.
    private(set) var atLeader: Copy?
    private(set) var atReplica: Copy?
    /// The definitions of columns that the client was told last.
    var columns: ColumnsDigest?
    /// The types of the parameters as the client last gave them.
    private(set) var types: ByteBuffer?
    /// Pieces of long parameters, or an open cursor, wait at the leader.
    var isBoundToLeader = false

    init(summary: StatementSummary, parameterCount: Int) {
        self.summary = summary
        self.parameterCount = parameterCount
    }

    subscript(backend: BackendConnection) -> Copy? {
        get { backend.isReplica ? atReplica : atLeader }
        set { if backend.isReplica { atReplica = newValue } else { atLeader = newValue } }
    }

    /// Whether it can be executed there, and its answer be understood.
    func isReady(at backend: BackendConnection) -> Bool {
        guard let copy = self[backend] else { return false }
        return copy.columns == nil || copy.columns == columns || copy.definitions != nil
    }

    /// What that database will leave out of its answer although the client does not have it.
    func missingDefinitions(at backend: BackendConnection) -> ByteBuffer? {
        guard let copy = self[backend], copy.columns != columns else { return nil }
        return copy.definitions
    }

    func note(types: ByteBuffer) {
        if self.types?.readableBytesView.elementsEqual(types.readableBytesView) == true { return }
        // A copy: the slice would hold on to the command that it came in.
        self.types = ByteBuffer(bytes: types.readableBytesView)
        atLeader?.knowsTypes = false
        atReplica?.knowsTypes = false
    }

    func forgetLeader() {
        atLeader = nil
        isBoundToLeader = false
    }

    func forgetReplica() { atReplica = nil }

    var definitionBytes: Int {
        (atLeader?.definitions?.readableBytes ?? 0) + (atReplica?.definitions?.readableBytes ?? 0)
    }
}
