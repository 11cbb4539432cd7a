import HummingbirdTesting
import LabSupport
import MariaDBClient
import Synchronization

@testable import Gateway

/// An API that leads, its fake agent, and a session to look behind it.
func withLeader(
    _ schema: String, tracking: Bool = true, configuration: HTTPAPIConfiguration = HTTPAPIConfiguration(),
    tables: [String],
    _ test: @escaping @Sendable (any TestClientProtocol, FakeCluster, SQLRunner) async throws -> Void
) async throws {
    let login = try await SharedServer.schema(schema)
    let pool = SQLPool(tracking ? login.trackingLastGTID() : login, size: 4)
    let queries = SQLPool(login, size: 4)
    let runner = SQLRunner(login, deadline: .seconds(20))
    defer {
        pool.close()
        queries.close(interrupting: true)
        runner.close()
    }
    for table in tables { try await runner.query(table) }
    let cluster = FakeCluster(route: .local(pool))
    cluster.state.withLock { state in
        state.administration = runner
        state.places = ReadPlaces(here: queries, leads: true)
    }
    try await withAPI(configuration, cluster: cluster) { client in try await test(client, cluster, runner) }
}
