import ArgumentParser
import Foundation
import Testing
import WANLink

@testable import Agent

/// The commands, the checks and the loader, on files.
@Suite struct CertificateFilesTests {
    private func withNode(_ more: String = "", _ body: (Configuration, String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("wolfscale-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(atPath: folder) } catch { Issue.record(error) } }
        let file = folder + "/w.toml"
        let text =
            "[node]\nid = \"a\"\nbind_address = \"127.0.0.1:0\"\ndata_dir = \"\(folder)/data\"\n" + more
            + "[api]\nenabled = false\n[proxy]\nenabled = false\n"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        try body(try ConfigurationReader.read(path: file), file)
    }

    private func run<Command: ParsableCommand>(_ command: Command.Type, _ arguments: [String]) throws {
        var command = try command.parse(arguments)
        try command.run()
    }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test func initMakesWhatTheAgentTakes() throws {
        try withNode { configuration, file in
            #expect(!configuration.usesTLS)
            #expect(CertificateReport(configuration).problem?.contains("wolfscale cert init") == true)
            try run(CertInitCommand.self, ["--config", file])
            #expect(configuration.usesTLS)
            let files = configuration.tlsFiles
            for path in [files.caKey, files.privateKey] { #expect(try mode(path) == 0o600) }
            #expect(try TLSLoader.load(files, node: "a").certificate.name == "a")
            #expect(TLSChecks(configuration).run().allSatisfy { $0.result == .ok })
            let report = CertificateReport(configuration)
            #expect(report.problem == nil && report.hasAuthorityKey && report.certificates.count == 2)
            // Nothing is replaced unless that is said.
            let before = try Data(contentsOf: URL(fileURLWithPath: files.ca))
            #expect(throws: CommandFailure.self) { try run(CertInitCommand.self, ["--config", file]) }
            #expect(throws: CommandFailure.self) { try run(CertIssueCommand.self, ["a", "--config", file]) }
            #expect(try Data(contentsOf: URL(fileURLWithPath: files.ca)) == before)
            try run(CertIssueCommand.self, ["a", "--days", "3", "--force", "--config", file])
            let soon = Date(timeIntervalSinceNow: 60)
            #expect(try TLSLoader.load(files, node: "a").certificate.daysLeft(at: soon) == 2)
            #expect(
                TLSChecks(configuration, now: soon).run().contains {
                    $0.result == .warning && $0.message.contains("2 days")
                })
        }
    }

    @Test func anotherNodesFilesFitThere() throws {
        try withNode { configuration, file in
            try run(CertInitCommand.self, ["--config", file])
            let out = configuration.tlsFiles.folder + "/b"
            try run(CertIssueCommand.self, ["b", "--address", "db2", "--out", out, "--config", file])
            let material = try TLSLoader.load(TLSFiles(folder: out), node: "b")
            #expect(material.certificate.alternativeNames.contains("db2"))
            #expect(!FileManager.default.fileExists(atPath: out + "/ca.key"))
        }
    }

    @Test func rotationKeepsTheOldAuthorityTrusted() throws {
        try withNode { configuration, file in
            try run(CertInitCommand.self, ["--config", file])
            try run(CertInitCommand.self, ["--rotate", "--config", file])
            let files = configuration.tlsFiles
            let between = try TLSLoader.load(files, node: "a")
            #expect(between.authorities.count == 2)
            try run(CertIssueCommand.self, ["a", "--force", "--config", file])
            let after = try TLSLoader.load(files, node: "a")
            #expect(after.certificate.issuer == after.authorities[0].subject)
            #expect(between.certificate.issuer == after.authorities[1].subject)
        }
    }

    @Test func eachMistakeIsNamedWithItsKeyAndRemedy() throws {
        try withNode { configuration, file in
            try run(CertInitCommand.self, ["--config", file])
            let files = configuration.tlsFiles
            func failure(_ now: Date = Date()) -> String {
                TLSChecks(configuration, now: now).run().first { $0.result == .failed }?.message ?? "none"
            }
            #expect(failure(Date(timeIntervalSinceNow: 366 * 86_400)).contains("expired on"))
            #expect(failure(Date(timeIntervalSinceNow: -86_400)).contains("clock"))
            #expect(throws: AgentError.self) { try TLSLoader.load(files, node: "b") }
            let other = try CertificateAuthority.make(cluster: "other")
            try other.certificatePEM.write(toFile: files.ca, atomically: true, encoding: .utf8)
            #expect(failure().hasPrefix("tls.certificate (\(files.certificate)): "))
            #expect(failure().contains("not among the trusted authorities"))
            try FileManager.default.removeItem(atPath: files.ca)
            #expect(failure().hasPrefix("tls.ca: \(files.ca) cannot be read"))
        }
    }

    @Test func theEndIsAnnounced() throws {
        let authority = try CertificateAuthority.make(cluster: "")
        func material(_ days: Int) throws -> TLSMaterial {
            let issued = try authority.issue(node: "a", hosts: [], days: days)
            return try TLSMaterial(
                .init(ca: authority.certificatePEM, certificate: issued.certificatePEM, privateKey: issued.keyPEM))
        }
        let short = try material(100)
        let long = try material(3_650)
        func warning(_ days: Double, of material: TLSMaterial? = nil) -> String? {
            CertificateExpiry.warning(material ?? short, now: Date(timeIntervalSinceNow: days * 86_400))
        }
        #expect(warning(0) == nil && warning(69) == nil)
        #expect(warning(70.5)?.contains("ends in 29 days") == true)
        #expect(warning(99.5)?.contains("ends within a day") == true)
        #expect(warning(101)?.contains("has expired") == true)
        #expect(warning(101)?.contains("wolfscale cert issue a") == true)
        #expect(warning(3_640, of: long)?.contains("--rotate") == true)
    }
}
