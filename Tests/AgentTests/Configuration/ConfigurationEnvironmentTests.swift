import Testing

@testable import Agent

@Suite struct ConfigurationEnvironmentTests {
    @Test func everyKeyCanBeOverridden() throws {
        for setting in Setting.all where setting.key != "node.id" {
            let (text, expected) = try sample(setting)
            var configuration = Configuration()
            let value = try #require(setting.parse(text), "\(setting.variable)=\(text)")
            #expect(value == expected)
            setting.write(&configuration, value)
            #expect(setting.read(configuration) == expected, "\(setting.key)")
        }
    }

    private func sample(_ setting: Setting) throws -> (String, SettingValue) {
        switch setting.kind {
        case .text, .secret: ("x y", .text("x y"))
        case .path: ("/a/b", .text("/a/b"))
        case .address: ("db9:99", .text("db9:99"))
        case .integer(let range): ("\(range.lowerBound)", .integer(range.lowerBound))
        case .boolean: setting.fallback == .boolean(true) ? ("off", .boolean(false)) : ("1", .boolean(true))
        case .choice(let choices): (try #require(choices.last), .text(try #require(choices.last)))
        case .texts: ("a=1, b=2", .list(["a=1", "b=2"]))
        case .addresses: ("a:1,b:2", .list(["a:1", "b:2"]))
        }
    }

    @Test func theEnvironmentWinsOverTheFile() throws {
        let configuration = try ConfigurationReader.read(
            text: "[node]\nid = \"a\"\n[database]\nport = 3306\n",
            environment: [
                "WOLFSCALE_DATABASE_PORT": "3400", "WOLFSCALE_CLUSTER_PEERS": "db1:7654,db2:7654", "PATH": "/bin",
            ])
        #expect(configuration.database.port == 3_400)
        #expect(configuration.cluster.peers == ["db1:7654", "db2:7654"])
        #expect(configuration.given.contains("database.port"))
    }

    @Test func mistakesInTheEnvironmentAreNamed() {
        let found = ConfigurationReaderTests.problems(
            ConfigurationReaderTests.minimal,
            environment: [
                "WOLFSCALE_DATABASE_PORT": "many", "WOLFSCALE_NODE_IDD": "b", "WOLFSCALE_BUILD": "ignored",
                "WOLFSCALE_WAL_FSYNC": "perhaps",
            ])
        #expect(
            Set(found) == [
                "WOLFSCALE_DATABASE_PORT: the value \"many\" does not fit; wanted: an integer from 1 to 65535",
                "WOLFSCALE_NODE_IDD: there is no such key; did you mean WOLFSCALE_NODE_ID?",
                "WOLFSCALE_WAL_FSYNC: the value \"perhaps\" does not fit; wanted: true or false",
            ])
    }
}
