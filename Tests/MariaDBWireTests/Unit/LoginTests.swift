import NIOCore
import Testing

@testable import MariaDBWire

@Suite struct LoginTests {
    private let salt = Array(UInt8(1)...UInt8(20))

    /// Computed with Python's hashlib from the definition.
    @Test func nativePasswordReply() {
        let reply = NativePassword.reply(password: "secret", salt: salt)
        let hex = reply.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(hex == "b32bb3a583e1340c0a1108d58b1be49781ad8c2f")
        #expect(NativePassword.reply(password: "", salt: salt).isEmpty)
        #expect(NativePassword.verify(reply: reply, password: "secret", salt: salt))
        #expect(!NativePassword.verify(reply: reply, password: "Secret", salt: salt))
        #expect(!NativePassword.verify(reply: [], password: "secret", salt: salt))
    }

    @Test func greetingAndResponseComeBack() throws {
        let greeting = HandshakeV10(
            serverVersion: "5.5.5-10.11.19-MariaDB", connectionID: 77, salt: salt,
            capabilities: [.protocol41, .pluginAuthentication, .secureConnection], plugin: NativePassword.plugin)
        var bytes = ByteBuffer()
        greeting.write(to: &bytes)
        #expect(try HandshakeV10(bytes) == greeting)
        let response = HandshakeResponse(
            capabilities: [.protocol41, .secureConnection, .lengthEncodedAuthentication, .pluginAuthentication],
            user: "root", authentication: [1, 2, 3], plugin: "x")
        var reply = ByteBuffer()
        response.write(to: &reply)
        #expect(try HandshakeResponse(reply) == response)
        for whole in [bytes, reply] {
            for count in 0..<whole.readableBytes {
                let short = whole.getSlice(at: 0, length: count)!
                do throws(WireError) { _ = try HandshakeV10(short) } catch {}
                do throws(WireError) { _ = try HandshakeResponse(short) } catch {}
            }
        }
    }

    /// Our client against our server: directly, and after the server asked for another method.
    @Test(arguments: [("pw", true), ("", true), ("wrong", false)])
    func clientAndServerAgree(_ password: String, _ accepted: Bool) throws {
        let real = password == "wrong" ? "pw" : password
        var server = ServerLogin(
            Credentials(user: "relay", password: real), serverVersion: "10.11.19-MariaDB", connectionID: 3)
        var client = ClientLogin(Credentials(user: "relay", password: password))
        var greeting = ByteBuffer()
        server.greeting.write(to: &greeting)
        guard case .send(let response, let sequence) = try client.receive(Packet(sequence: 0, payload: greeting))
        else { return #expect(Bool(false)) }
        #expect(sequence == 1)
        let step = try server.receive(response)
        if accepted { #expect(step == .accepted) } else { #expect(step != .accepted) }

        // The same by a switch.
        var late = ServerLogin(
            Credentials(user: "relay", password: real), serverVersion: "10.11.19-MariaDB", connectionID: 3)
        var other = ByteBuffer()
        HandshakeResponse(
            capabilities: [.protocol41, .secureConnection, .lengthEncodedAuthentication, .pluginAuthentication],
            user: "relay", authentication: [], plugin: "client_ed25519"
        ).write(to: &other)
        guard case .send(let request) = try late.receive(other),
            case .send(let reply, let next) = try client.receive(Packet(sequence: 2, payload: request))
        else { return #expect(Bool(false)) }
        #expect(next == 3)
        #expect((try late.receive(reply) == .accepted) == accepted)
        var ok = ByteBuffer()
        ServerReply.writeOK(to: &ok)
        #expect(try client.receive(Packet(sequence: 4, payload: ok)) == .loggedIn(connectionID: 3))
    }

    @Test func refusesMethodsItDoesNotSpeak() throws {
        var client = ClientLogin(Credentials(user: "u", password: "p"))
        var greeting = ByteBuffer()
        ServerLogin(Credentials(user: "u"), serverVersion: "10.11.19", connectionID: 1).greeting.write(to: &greeting)
        _ = try client.receive(Packet(sequence: 0, payload: greeting))
        for (plugin, code) in [("client_ed25519", BinlogSourceError.Code.authenticationUnsupported)] {
            var request = ByteBuffer()
            AuthenticationSwitch(plugin: plugin, data: salt).write(to: &request)
            let error = #expect(throws: BinlogSourceError.self) {
                try client.receive(Packet(sequence: 2, payload: request))
            }
            #expect(error?.code == code)
        }
        // The one byte that asks for the password format of MySQL 3.23.
        let old = #expect(throws: BinlogSourceError.self) {
            try client.receive(Packet(sequence: 2, payload: ByteBuffer(bytes: [0xFE])))
        }
        #expect(old?.code == .protocolViolation)
    }

    @Test func serverErrorsComeBackAndAreNamed() throws {
        let texts: [(UInt16, String, BinlogSourceError.Code)] = [
            (1236, "Could not find GTID state requested by slave in any binlog files. Probably …", .positionPurged),
            (
                1236, "Error: connecting slave requested to start from GTID 0-1-9, which is not in the master's binlog",
                .positionUnknown
            ),
            (
                1236, "… which is not in the master's binlog. … probably means that the slave has diverged …",
                .positionDiverged
            ),
            (1236, "Binary log is not open", .binlogOff), (1595, "A slave with the same server_uuid", .replaced),
            (1227, "Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s)", .privilegeMissing),
            (1317, "Query execution was interrupted", .serverError),
        ]
        for (number, text, code) in texts {
            var bytes = ByteBuffer()
            ServerError(code: number, sqlState: "HY000", message: text).write(to: &bytes)
            let error = try ServerError(bytes)
            #expect(error.message == text)
            #expect(BinlogSourceError.replication(error).code == code)
            #expect(!BinlogSourceError.replication(error).remedy.isEmpty)
        }
        #expect(try ServerError(ByteBuffer(bytes: [0xFF, 0x15, 0x04])).sqlState == "HY000")
        #expect(throws: WireError.self) { try ServerError(ByteBuffer(bytes: [0xFF, 0x15])) }
    }
}
