import ArgumentParser

@main
struct Wolfscale: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "wolfscale", abstract: "Replication agent for MariaDB and Galera.")
}
