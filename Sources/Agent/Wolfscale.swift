import ArgumentParser

@main
struct Wolfscale: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wolfscale", abstract: "Replication agent for MariaDB and Galera.", version: AgentVersion.text,
        subcommands: [
            InitCommand.self, StartCommand.self, JoinCommand.self, StatusCommand.self, InfoCommand.self,
            ValidateCommand.self, MembersCommand.self, SwitchoverCommand.self, BridgeCommand.self, WALCommand.self,
            CertCommand.self, TokenCommand.self, ProxyCommand.self,
        ])
}
