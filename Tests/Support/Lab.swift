import Foundation
import Glibc

/// Something the lab expected did not come true.
public struct LabError: Error, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}

/// Where things are on this machine.
public enum Lab {
    /// The agent's executable: `WOLFSCALE_BINARY`, or beside the program that runs now.
    public static var agent: String {
        if let path = ProcessInfo.processInfo.environment["WOLFSCALE_BINARY"] { return path }
        let here = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
        for path in [here + "/wolfscale", here + "/../wolfscale"]
        where FileManager.default.isExecutableFile(atPath: path) {
            return path
        }
        return FileManager.default.currentDirectoryPath + "/.build/debug/wolfscale"
    }

    /// A new folder of our own, which `WOLFSCALE_LAB_DIR` can put elsewhere than `/tmp`.
    public static func makeFolder(_ name: String) throws -> String {
        let parent = ProcessInfo.processInfo.environment["WOLFSCALE_LAB_DIR"] ?? "/tmp"
        let path = "\(parent)/wolfscale-\(name)-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        return path
    }

    /// For whoever watches the run.
    static func tell(_ text: String) { FileHandle.standardError.write(Data("lab: \(text)\n".utf8)) }

    /// Returns what `condition` gives as soon as it gives something; it may throw meanwhile.
    public static func eventually<T>(
        _ what: String, within limit: Duration = .seconds(60), every interval: Duration = .milliseconds(20),
        _ condition: () throws -> T?
    ) throws -> T {
        let deadline = ContinuousClock.now + limit
        var last = "not yet"
        while true {
            do {
                if let value = try condition() { return value }
                last = "not yet"
            } catch { last = "\(error)" }
            guard ContinuousClock.now < deadline else { throw LabError("\(what): not within \(limit) (\(last))") }
            usleep(useconds_t(interval / .microseconds(1)))
        }
    }

    public static func eventually(
        _ what: String, within limit: Duration = .seconds(60), every interval: Duration = .milliseconds(20),
        _ condition: () throws -> Bool
    ) throws {
        _ = try eventually(what, within: limit, every: interval) { try condition() ? true : nil } as Bool
    }

    /// Runs a program to its end.
    ///
    /// - Returns: what it printed on both outputs.
    @discardableResult
    public static func run(
        _ program: String, _ arguments: [String] = [], input: String? = nil, environment: [String: String] = [:],
        expecting status: Int32? = 0
    ) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program.hasPrefix("/") ? program : "/usr/bin/env")
        process.arguments = program.hasPrefix("/") ? arguments : [program] + arguments
        if !environment.isEmpty {
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        let stdin = Pipe()
        process.standardInput = input == nil ? FileHandle.nullDevice : stdin
        try process.run()
        if let input {
            stdin.fileHandleForWriting.write(Data(input.utf8))
            stdin.fileHandleForWriting.closeFile()
        }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        if let status, process.terminationStatus != status {
            throw LabError("\(program) \(arguments.joined(separator: " ")): exit \(process.terminationStatus): \(text)")
        }
        return (process.terminationStatus, text)
    }
}
