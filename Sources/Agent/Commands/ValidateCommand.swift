import ArgumentParser
import Foundation

struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check the configuration and what it needs on this machine.",
        discussion: "Exits with 0 when the agent can start, with 1 when it cannot.")

    @OptionGroup var options: ConfigurationOptions
    @Flag(help: "Print the checks as JSON.") var json = false

    func run() throws {
        let path = try options.path()
        let checks: [Check]
        do {
            let configuration = try ConfigurationReader.read(path: path)
            checks =
                [Check("configuration", .ok, "\(path) is correct")] + MachineChecks(configuration).run()
                + GaleraChecks(configuration).run()
        } catch {
            checks = error.problems.map { Check("configuration", .failed, $0.description) }
        }
        let isValid = !checks.contains { $0.result == .failed }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(Report(valid: isValid, checks: checks)), as: UTF8.self))
        } else {
            for check in checks {
                print("\(check.result.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0))\(check.message)")
            }
        }
        if !isValid { throw ExitCode.failure }
    }

    private struct Report: Encodable {
        var valid: Bool
        var checks: [Check]
    }
}

/// One thing that was looked at.
struct Check: Encodable, Equatable {
    enum Result: String, Encodable {
        case ok
        case warning
        case failed
    }

    /// A word for programs.
    var name: String
    var result: Result
    /// A sentence with the remedy when there is something to mend.
    var message: String

    init(_ name: String, _ result: Result, _ message: String) {
        self.name = name
        self.result = result
        self.message = message
    }
}
