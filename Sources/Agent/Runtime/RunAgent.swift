import ClusterCore
import Foundation
import Logging
import MariaDBClient
import MariaDBWire
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals
import WANLink
import WriteAheadLog

/// How a node that has no identity yet gets one. One that has simply goes on.
enum StartMode: Sendable, Equatable {
    /// Makes a new cluster with this node as its first member.
    case bootstrap
    /// Asks the member at `host:port` to be let in; with a token, first for a certificate.
    case join(String, JoinToken? = nil)
    /// As what it was; a new one asks `cluster.peers`.
    case resume
}

/// Runs the agent until it is told to stop, or can't go on.
func runAgent(configuration: Configuration, mode: StartMode) async throws {
    AllocatorTuning.apply()
    ProcessMetrics.begin()
    let logger = Logger(label: "wolfscale")
    let agent = try await AgentAssembly(configuration: configuration, logger: logger).assemble(mode)
    // The last one is asked to stop first: the API refuses new requests before the node hands over.
    var services: [ServiceGroupConfiguration.ServiceConfiguration] = [.init(service: agent.service)]
    if let api = agent.api {
        services.append(.init(service: api, failureTerminationBehavior: .gracefullyShutdownGroup))
    }
    if let proxy = agent.proxy {
        services.append(.init(service: proxy, failureTerminationBehavior: .gracefullyShutdownGroup))
    }
    let group = ServiceGroup(
        configuration: .init(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
}

/// The node as a service: it runs until the shutdown, or until its log fails.
final class NodeService: Service {
    let node: Node
    /// Held for as long as the node runs: no second agent may open it.
    private let directory: DataDirectory
    private let failures: AsyncStream<String>
    private let readiness: Readiness

    init(node: Node, directory: DataDirectory, failures: AsyncStream<String>, readiness: Readiness) {
        self.node = node
        self.directory = directory
        self.failures = failures
        self.readiness = readiness
    }

    func run() async throws {
        readiness.reached(.node)
        let failures = failures
        let failed = await withGracefulShutdownHandler {
            await withTaskGroup(of: String?.self) { group in
                group.addTask {
                    for await error in failures { return error }
                    return nil
                }
                group.addTask {
                    try? await gracefulShutdown()
                    return nil
                }
                defer { group.cancelAll() }
                return await group.next() ?? nil
            }
        } onGracefulShutdown: {
            SystemdNotifier.send("STOPPING=1\nSTATUS=handing over")
        }
        if let failed {
            await node.fail(failed)
            throw AgentError(failed)
        }
        await node.stop()
    }
}

/// Why the agent can't start or go on. The text says what to do.
struct AgentError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
