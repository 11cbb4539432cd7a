import ArgumentParser

@main
struct LabCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "wolfscale-lab", abstract: "Clusters on this machine: faults and benchmarks.")
}
