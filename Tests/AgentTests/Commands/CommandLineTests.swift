import ArgumentParser
import Testing

@testable import Agent

@Suite struct CommandLineTests {
    private func refusal(_ arguments: [String]) -> String? {
        do {
            _ = try Wolfscale.parseAsRoot(arguments)
            return nil
        } catch {
            return Wolfscale.message(for: error)
        }
    }

    @Test func theDocumentedCommandsParse() {
        let lines = [
            "init --node-id a", "start", "start --bootstrap", "start --log-level debug", "join db1:7654", "status",
            "status --json", "info", "validate --json", "members", "members remove db3", "switchover --to db2",
            "switchover --force", "start --config /etc/w.toml",
        ]
        for line in lines { #expect(refusal(line.split(separator: " ").map(String.init)) == nil, "\(line)") }
    }

    @Test func mistakesAreExplained() {
        #expect(refusal(["join", "db1"]) == "db1 is not HOST:PORT, as db1:7654")
        #expect(refusal(["start", "--log-level", "degub"])?.contains("did you mean debug?") == true)
        #expect(refusal(["init"])?.contains("--node-id") == true)
    }

    @Test func aMissingConfigurationSaysHowToMakeOne() throws {
        let options = try ConfigurationOptions.parse(["--config", "/nonexistent/w.toml"])
        #expect(
            throws: CommandFailure(
                "/nonexistent/w.toml does not exist; "
                    + "`wolfscale init --node-id ID --output /nonexistent/w.toml` makes one"
            )
        ) { try options.load() }
    }

    @Test func anAgentThatDoesNotRunIsNamed() async throws {
        let configuration = try ConfigurationReader.read(
            text: ConfigurationReaderTests.minimal + "[api]\nbind_address = \"127.0.0.1:1\"\n")
        let api = try LocalAPI(configuration)
        let failure = await #expect(throws: CommandFailure.self) { try await api.send(.get, "/status") }
        #expect(failure?.description.hasPrefix("no agent answers at http://127.0.0.1:1: is it running?") == true)
    }

    @Test func aSwitchedOffAPIIsNamed() throws {
        let configuration = try ConfigurationReader.read(
            text: ConfigurationReaderTests.minimal + "[api]\nenabled = false\n")
        #expect(throws: CommandFailure.self) { try LocalAPI(configuration) }
    }
}
