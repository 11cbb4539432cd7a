import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

/// What the log relies on, asked of the real file system and of the simulated one.
@Suite struct DiskConformanceTests {
    enum Kind: CaseIterable { case posix, simulated }

    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func disk(_ kind: Kind) -> any Disk {
        switch kind {
        case .posix: PosixDisk()
        case .simulated: SimulatedDisk()
        }
    }

    private func contents(_ file: any DiskFile) throws -> [UInt8] {
        let space = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(try file.size()) + 10, alignment: 1)
        defer { space.deallocate() }
        return Array(space.prefix(try file.read(into: space, at: 0)))
    }

    @Test(arguments: Kind.allCases) func writesManyBuffersAtAnOffset(kind: Kind) throws {
        let file = try disk(kind).open(directory.path + "/f", creating: true)
        try file.write([ByteBuffer(string: "ab"), ByteBuffer(), ByteBuffer(string: "cde")], at: 2)
        #expect(try contents(file) == [0, 0] + Array("abcde".utf8))
        let many = (0..<2500).map { ByteBuffer(integer: UInt8(truncatingIfNeeded: $0)) }
        try file.write(many, at: 0)
        #expect(try contents(file) == (0..<2500).map { UInt8(truncatingIfNeeded: $0) })
        try file.write([], at: 0)
        try file.syncData()
        try file.syncAll()
    }

    @Test(arguments: Kind.allCases) func whatIsCutReadsAsZerosAfterwards(kind: Kind) throws {
        let file = try disk(kind).open(directory.path + "/f", creating: true)
        try file.write([ByteBuffer(string: "abcdef")], at: 0)
        try file.truncate(to: 3)
        #expect(try file.size() == 3)
        try file.reserve(8)
        #expect(try contents(file) == Array("abc".utf8) + [0, 0, 0, 0, 0])
        try file.reserve(5)
        #expect(try file.size() == 8)
    }

    @Test(arguments: Kind.allCases) func readsEndAtTheEnd(kind: Kind) throws {
        let file = try disk(kind).open(directory.path + "/f", creating: true)
        try file.write([ByteBuffer(string: "abc")], at: 0)
        let space = UnsafeMutableRawBufferPointer.allocate(byteCount: 10, alignment: 1)
        defer { space.deallocate() }
        #expect(try file.read(into: space, at: 1) == 2)
        #expect(try file.read(into: space, at: 3) == 0)
        #expect(try file.read(into: space, at: 100) == 0)
    }

    @Test(arguments: Kind.allCases) func namesAreMadeAndChangedAndRemoved(kind: Kind) throws {
        let disk = disk(kind)
        let path = directory.path + "/"
        try disk.open(path + "a", creating: true).write([ByteBuffer(string: "one")], at: 0)
        try disk.rename(path + "a", to: path + "b")
        #expect(try disk.list(directory.path) == ["b"])
        let open = try disk.open(path + "b", creating: false)
        try disk.remove(path + "b")
        try disk.remove(path + "b")
        try disk.syncDirectory(directory.path)
        #expect(try disk.list(directory.path) == [])
        // Who has it open still reads it.
        #expect(try contents(open) == Array("one".utf8))
        let error = #expect(throws: DiskError.self) { _ = try disk.open(path + "b", creating: false) }
        #expect(error?.errno == 2)
        #expect(try disk.open(path + "b", creating: true).size() == 0)
        #expect(try disk.open(path + "b", creating: true).size() == 0)
    }

    @Test func theRealDiskSaysWhatFailedAndWhere() throws {
        let missing = directory.path + "/none/f"
        #expect(throws: DiskError(operation: "open", path: missing, errno: 2)) {
            _ = try PosixDisk().open(missing, creating: true)
        }
        #expect(throws: DiskError(operation: "opendir", path: missing, errno: 2)) { try PosixDisk().list(missing) }
        let error = #expect(throws: WALError.self) {
            try Log.open(directory: missing, options: .small, committed: .zero, logger: quiet, onDurable: { _ in })
        }
        #expect("\(error as Any)".contains("No such file or directory"))
    }
}
