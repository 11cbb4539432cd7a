import Foundation
import Testing
import WriteAheadLog

@Suite struct DataDirectoryTests {
    @Test func makesItsRoomsForTheOwnerOnly() throws {
        let parent = try TemporaryDirectory()
        let directory = try DataDirectory.open(parent.path + "/cluster/node")
        for room in [directory.wal, directory.state, directory.data, directory.run, directory.orphans] {
            let attributes = try FileManager.default.attributesOfItem(atPath: room)
            #expect(attributes[.posixPermissions] as? Int == 0o700)
        }
        let store = try StateStore.open(in: directory)
        try store.save(HardState())
    }

    @Test func aSecondAgentIsToldWhoHoldsTheLock() throws {
        let parent = try TemporaryDirectory()
        let path = parent.path + "/node"
        try {
            let first = try DataDirectory.open(path)
            #expect(
                throws: DataDirectoryError.locked(
                    path: path + "/lock", holder: ProcessInfo.processInfo.processIdentifier)
            ) {
                try DataDirectory.open(path)
            }
            withExtendedLifetime(first) {}
        }()
        // Given back with the value.
        withExtendedLifetime(try DataDirectory.open(path)) {}
    }

    @Test func refusesADirectoryOfSomethingElse() throws {
        let parent = try TemporaryDirectory()
        try Data().write(to: URL(fileURLWithPath: parent.path + "/ibdata1"))
        #expect(throws: DataDirectoryError.notOurs(path: parent.path, found: ["ibdata1"])) {
            try DataDirectory.open(parent.path)
        }
    }

    @Test func aDamagedLogIsSetAside() throws {
        let parent = try TemporaryDirectory()
        let directory = try DataDirectory.open(parent.path + "/node")
        try Data("old".utf8).write(to: URL(fileURLWithPath: directory.wal + "/segment"))
        #expect(try directory.setLogAside() == directory.path + "/wal.aside-1")
        #expect(FileManager.default.fileExists(atPath: directory.path + "/wal.aside-1/segment"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.wal) == [])
        #expect(try directory.setLogAside() == directory.path + "/wal.aside-2")
    }

    @Test func refusesAFile() throws {
        let parent = try TemporaryDirectory()
        let path = parent.path + "/file"
        try Data().write(to: URL(fileURLWithPath: path))
        #expect(throws: DataDirectoryError.notADirectory(path: path)) { try DataDirectory.open(path) }
    }
}
