import ArgumentParser
import Foundation
import Gateway

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Make, list and revoke the HTTP API's bearer tokens.",
        discussion: """
            A token made or revoked on one member counts on all of them within seconds. Run it as root or as the agent's user. \
            (`wolfscale cert token` makes the other kind, with which a new node joins.)
            """,
        subcommands: [Create.self, List.self, Revoke.self], defaultSubcommand: List.self)

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Make a token and print it, this once.")

        @OptionGroup var options: ConfigurationOptions
        @Option(help: "read: status and queries; write: changes of rows and schemas too; admin: of the cluster too.")
        var role: String
        @Option(help: "What it is called in logs and by `revoke`; if not given, made from the role.") var name: String?
        @Option(help: "How long it is good: 12h, 90d; ten years at most. For ever if not given.") var expires: String?
        @Flag(help: "Print it as JSON.") var json = false

        private static let secondsMax = 3_660 * 86_400

        func validate() throws {
            guard APIRole(rawValue: role) != nil else {
                throw ValidationError(
                    "--role \(role): wanted: \(APIRole.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            if let expires, DurationArgument.seconds(expires, atMost: Self.secondsMax) == nil {
                throw ValidationError("--expires \(expires): a number and s, m, h or d, up to 3660d")
            }
        }

        func run() throws {
            let file = TokenFile(dataDirectory: try options.load().node.dataDirectory)
            let now = Date()
            let end = expires.flatMap { DurationArgument.seconds($0, atMost: Self.secondsMax) }
                .map { now.addingTimeInterval(Double($0)) }
            guard let role = APIRole(rawValue: role) else { return }
            let name = name ?? "\(role.rawValue)-\(String(UInt32.random(in: 0 ... .max), radix: 16))"
            let made = try TokenCommand.change(file) { book throws(TokenBook.Refusal) in
                try book.create(name: name, role: role, expires: end, now: now)
            }
            if json {
                var shown = ShownToken(made.record, now: now)
                shown.token = made.token.text
                return try ShownToken.printJSON(shown)
            }
            let until = made.record.expires.map { "until \($0.formatted(.iso8601))" } ?? "until it is revoked"
            FileHandle.standardError.write(
                Data("\(name), role \(role.rawValue), good \(until); it is shown this once:\n".utf8))
            print(made.token.text)
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the tokens.")

        @OptionGroup var options: ConfigurationOptions
        @Flag(help: "Print them as JSON.") var json = false

        func run() throws {
            let file = TokenFile(dataDirectory: try options.load().node.dataDirectory)
            let now = Date()
            let tokens: [ShownToken]
            do { tokens = try file.read(now: now).records.map { ShownToken($0, now: now) } } catch {
                throw CommandFailure(error.description)
            }
            if json { return try ShownToken.printJSON(tokens) }
            if tokens.isEmpty { return print("no tokens; `wolfscale token create --role write` makes one") }
            var table = TextTable(["NAME", "ROLE", "STATE", "CREATED", "EXPIRES", "ID"])
            for token in tokens {
                table.add([token.name, token.role, token.state, token.created, token.expires ?? "never", token.id])
            }
            print(table.render())
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke", abstract: "Revoke a token, for ever and on all members.")

        @OptionGroup var options: ConfigurationOptions
        @Argument(help: "Its name, or its id.") var name: String
        @Flag(help: "Print what was revoked as JSON.") var json = false

        func run() throws {
            let file = TokenFile(dataDirectory: try options.load().node.dataDirectory)
            let now = Date()
            let revoked = try TokenCommand.change(file) { book throws(TokenBook.Refusal) in
                try book.revoke(name, now: now)
            }
            if json { return try ShownToken.printJSON(revoked.map { ShownToken($0, now: now) }) }
            for record in revoked { print("revoked \(record.name) (\(record.id))") }
        }
    }

    /// Changes the file; what goes wrong becomes a sentence.
    private static func change<Value>(
        _ file: TokenFile, _ body: (inout TokenBook) throws(TokenBook.Refusal) -> Value
    ) throws(CommandFailure) -> Value {
        do { return try file.update(body).value } catch let failure as CommandFailure {
            throw failure
        } catch { throw CommandFailure("\(error)") }
    }
}

/// A token as `--json` prints it: never its digest.
private struct ShownToken: Encodable {
    var name: String
    var id: String
    var role: String
    var state: String
    var created: String
    var expires: String?
    var revoked: String?
    /// Only of one just made.
    var token: String?

    init(_ record: TokenRecord, now: Date) {
        name = record.name
        id = record.id
        role = record.role.rawValue
        state = record.state(at: now).rawValue
        created = record.created.formatted(.iso8601)
        expires = record.expires?.formatted(.iso8601)
        revoked = record.revoked?.formatted(.iso8601)
    }

    static func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
