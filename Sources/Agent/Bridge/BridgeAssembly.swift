import ClusterCore
import Logging
import MariaDBClient
import MariaDBWire
import NIOPosix
import Probes
import WANLink
import WriteAheadLog

/// Puts the bridge's part of a node together.
struct BridgeAssembly {
    let configuration: Configuration
    let threads: NIOThreadPool
    let logger: Logger

    static func login(_ configuration: Configuration) throws -> SQLLogin {
        SQLLogin(user: configuration.database.user, password: try configuration.databasePassword())
    }

    func makeDriver(_ node: Node, relay: BinlogServer) async throws -> BridgeDriver {
        let login = try Self.login(configuration)
        let address = try relayAddress(port: relay.localPort)
        let settings = BridgeDriver.Settings(
            number: node.identity.number, relayAddress: (address.host, address.port), login: login,
            fragmentBytesMax: configuration.wal.maxFragmentKB << 10,
            orphanDirectory: configuration.node.dataDirectory + "/orphans",
            findings: { [configuration] in
                GaleraChecks(configuration, namesUnreachable: false).run().filter { $0.result != .ok }
            })
        return await NodeLoop.run { [configuration, threads, logger] in
            let hooks = BridgeHooks()
            let capture = BridgeCapture(
                consensus: node.consensus, configuration: configuration, logger: logger
            ) { hooks.driver?.handle(.captureLost(reason: $0)) }
            let driver = BridgeDriver(
                site: GaleraSite(configuration, login: login, logger: logger), capture: capture,
                consensus: node.consensus, relay: node.relay, grant: RelayGrant(server: relay), threads: threads,
                settings: settings, logger: logger)
            hooks.driver = driver
            return driver
        }
    }

    /// What the Galera nodes are told to connect to.
    private func relayAddress(port: Int) throws -> PeerAddress {
        if let advertised = configuration.relay.advertiseAddress {
            guard let address = PeerAddress(advertised) else {
                throw AgentError("relay.advertise_address = \(advertised) is not host:port")
            }
            return address
        }
        guard let bind = PeerAddress(configuration.relay.bindAddress), !bind.isWildcard else {
            throw AgentError(
                "relay.advertise_address is missing: say by which address the Galera nodes reach this agent's relay")
        }
        return PeerAddress(host: bind.host, port: port)
    }

    /// Which Galera cluster this is, for the membership. Nil when the node has none beside it.
    static func identify(_ configuration: Configuration) async throws -> GaleraIdentity? {
        guard configuration.replication.mode == .async, configuration.node.role.hasDatabase else { return nil }
        let login = try login(configuration)
        var reasons: [String] = []
        for endpoint in configuration.galera.endpoints.sorted(by: { $0.weight > $1.weight }) {
            let name = "\(endpoint.host):\(endpoint.port)"
            let runner = SQLRunner(
                login.configuration(
                    host: endpoint.host, port: endpoint.port, initStatements: GaleraProbe.initStatements),
                name: "identify")
            defer { runner.close() }
            do {
                let seen = try await runner.run { session throws(SQLError) in
                    try GaleraProbe.observeInSync(session, channel: GaleraSite.channelName)
                }
                let assessment = EndpointAssessment(seen, expected: nil)
                guard assessment.verdict == .healthy || assessment.verdict == .degraded else {
                    reasons.append("\(name) is \(assessment.verdict.rawValue): \(assessment.reason)")
                    continue
                }
                // Of its own writes only: other domains are single nodes' own, or come from elsewhere.
                let own = GTIDState(seen.binlogState.gtids.filter { $0.domain == seen.domain })
                return GaleraIdentity(stateID: seen.stateID, domain: seen.domain, baseline: own.description)
            } catch { reasons.append("\(name): \(error)") }
        }
        throw AgentError(
            "no healthy Galera node to begin with: \(reasons.joined(separator: "; ")). A bridge must see its cluster once to know "
                + "it again")
    }
}

/// Lets the capture call back a driver that is still being made.
@NodeLoop
private final class BridgeHooks {
    weak var driver: BridgeDriver?
}

extension Membership {
    /// Why a bridge's new member can't be let in, as far as its Galera cluster goes.
    func galeraObstacle(to applicant: PeerRequest.Applicant) -> String? {
        guard let galera = applicant.galera else { return nil }
        for member in members {
            guard let other = member.galera else { continue }
            if other.stateID == galera.stateID {
                return
                    "\(member.id) stands beside the same Galera cluster (\(galera.stateID)); correct [[galera.endpoint]]"
            }
            if other.domain == galera.domain {
                return
                    "the Galera cluster of \(member.id) has wsrep_gtid_domain_id \(galera.domain) too; each cluster needs one of "
                    + "its own: SET GLOBAL wsrep_gtid_domain_id=\(galera.domain + 1) on every node, and in its configuration"
            }
        }
        return nil
    }
}
