import ClusterCore
import Foundation
import MariaDBClient
import Probes
import WANLink

/// Whether this machine has what the configuration asks for. Changes nothing.
struct MachineChecks {
    let configuration: Configuration

    init(_ configuration: Configuration) { self.configuration = configuration }

    func run() -> [Check] {
        let holder = AgentLock.holder(dataDirectory: configuration.node.dataDirectory)
        return configuration.warnings.map { Check("configuration", .warning, $0) } + [dataDirectory(holder)] + secrets()
            + TLSChecks(configuration).run() + APIChecks(configuration).run() + ports(holder) + database()
    }

    private func dataDirectory(_ holder: AgentLock.State) -> Check {
        let path = configuration.node.dataDirectory
        switch holder {
        case .held: return Check("data_dir", .ok, "\(path) is in use by an agent that runs")
        case .unreadable:
            return Check(
                "data_dir", .warning,
                "\(path) cannot be looked into as this user; run this as the agent's user to check it")
        case .free: break
        }
        var existing = URL(fileURLWithPath: path)
        while !FileManager.default.fileExists(atPath: existing.path), existing.path != "/" {
            existing.deleteLastPathComponent()
        }
        guard FileManager.default.isWritableFile(atPath: existing.path) else {
            let what = existing.path == path ? path : "\(path) does not exist, and \(existing.path)"
            return Check("data_dir", .failed, "\(what) is not writable for this user; set node.data_dir, or its owner")
        }
        return Check("data_dir", .ok, existing.path == path ? "\(path) is writable" : "\(path) will be created")
    }

    private func secrets() -> [Check] {
        var checks: [Check] = []
        do { _ = try configuration.databasePassword() } catch {
            checks.append(Check("database.password_file", .failed, error.description))
        }
        do { _ = try configuration.apiToken() } catch {
            checks.append(Check("api.token_file", .failed, error.description))
        }
        for path in [configuration.database.passwordFile, configuration.api.tokenFile].compactMap({ $0 }) {
            guard let mode = AgentLock.mode(of: path), mode & 0o077 != 0 else { continue }
            checks.append(Check("permissions", .warning, "\(path) can be read by others; chmod 600 \(path)"))
        }
        return checks
    }

    private func ports(_ holder: AgentLock.State) -> [Check] {
        var wanted: [(key: String, address: PeerAddress)] = [("node.bind_address", configuration.peerBinding)]
        if configuration.api.enabled, let address = PeerAddress(configuration.api.bindAddress) {
            wanted.append(("api.bind_address", address))
        }
        if configuration.proxy.enabled, let address = PeerAddress(configuration.proxy.bindAddress) {
            wanted.append(("proxy.bind_address", address))
        }
        if configuration.database.managed, configuration.node.role.hasDatabase {
            wanted.append(
                ("database.port", PeerAddress(host: configuration.database.host, port: configuration.database.port)))
        }
        var checks: [Check] = []
        for (index, one) in wanted.enumerated() where one.address.port != 0 {
            if let other = wanted[..<index].first(where: {
                $0.address.port == one.address.port && overlap($0.address, one.address)
            }) {
                checks.append(Check("ports", .failed, "\(one.key) and \(other.key) both take port \(one.address.port)"))
                continue
            }
            if holder == .held { continue }
            switch PortProbe.tryBinding(one.address) {
            case .free: checks.append(Check("ports", .ok, "\(one.key): \(one.address) is free"))
            case .taken(let reason):
                checks.append(Check("ports", .failed, "\(one.key): cannot listen on \(one.address): \(reason)"))
            }
        }
        return checks
    }

    private func overlap(_ a: PeerAddress, _ b: PeerAddress) -> Bool {
        a.host == b.host || a.isWildcard || b.isWildcard || (a.isLoopback && b.isLoopback)
    }

    private func attachedDatabase() -> [Check] {
        guard configuration.replication.mode == .quorum else { return [] }
        let administration: SQLConfiguration
        do { administration = try configuration.attachedAdministration() } catch {
            // `secrets` has said it.
            return []
        }
        var checks: [Check] = []
        for (key, command) in [
            ("database.start_command", configuration.database.startCommand),
            ("database.fence_command", configuration.database.fenceCommand),
        ] where command == nil {
            checks.append(Check(key, .failed, "\(key) is missing; an attached server in quorum mode needs it"))
        }
        switch AttachedServerCheck(administration: administration).run() {
        case .notRunning(let reason):
            checks.append(
                Check("database", .warning, "the server is not running, so its settings were not looked at: \(reason)"))
        case .refused(let reason): checks.append(Check("database", .failed, reason))
        case .answered(let found):
            checks += found.map { requirement in
                if requirement.isMet { return Check(requirement.variable, .ok, "\(requirement.variable) is right") }
                return Check(
                    requirement.variable, requirement.weight == .required ? .failed : .warning, requirement.sentence)
            }
            checks.append(
                Check(
                    "init_rpl_role", .warning,
                    "can't be seen from outside: the option file must also say init_rpl_role = SLAVE, read_only = ON, "
                        + "skip_slave_start = ON and event_scheduler = OFF (docs/OPERATIONS.md)"))
        }
        return checks
    }

    private func database() -> [Check] {
        guard configuration.node.role.hasDatabase else { return [] }
        guard configuration.database.managed else { return attachedDatabase() }
        var checks: [Check] = []
        if let server = ServerProgram.find("mariadbd") {
            checks.append(ServerProgram.check(server))
        } else {
            checks.append(Check("mariadbd", .failed, "mariadbd is not installed (Debian: apt install mariadb-server)"))
        }
        if ServerProgram.find("mariadb-install-db") == nil {
            checks.append(
                Check("mariadb-install-db", .failed, "mariadb-install-db is not installed (Debian: mariadb-server)"))
        }
        return checks
    }
}
