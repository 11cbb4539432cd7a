import CChecksum
import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

/// Segment files with changed headers and trailers under right checksums: an error or a cut, never a trap.
@Suite struct SegmentFileFuzzTests {
    private func sealedLog() throws -> SimulatedDisk {
        let log = try SimulatedLog()
        for number in UInt64(1)...12 {
            try log.append(Sample.transactions(number...number, term: number / 4 + 1, size: 700, codec: .none))
        }
        log.log.close()
        return log.disk
    }

    private func openAndRead(_ disk: SimulatedDisk) {
        do {
            let log = try SimulatedLog(disk)
            defer { log.log.close() }
            _ = try log.log.start(for: GTIDPosition())
            _ = try log.log.locate(Sample.gtid(5))
            _ = try log.log.state(through: LSN(3))
            _ = try log.log.read(from: log.log.first, bytesMax: 10_000)
            _ = try log.log.verify()
            if log.log.last > LSN(2) { try log.log.truncate(after: LSN(2)) }
            for _ in 0..<3 {
                let next = log.log.last.rawValue + 1
                try log.append(Sample.batch(next, [Sample.transaction(next)], term: log.log.lastTerm.rawValue))
            }
        } catch {
            #expect(!"\(error)".isEmpty)
        }
    }

    @Test func trailers() throws {
        let whole = try #require(sealedLog().contents(SimulatedLog.path(1)))
        let other = try sealedLog()
        let length = Int(
            try #require(ByteBuffer(bytes: whole.suffix(12)).getInteger(at: 0, endianness: .little, as: UInt32.self)))
        var random = SplitMix64(seed: 0x7A11)
        for _ in 0..<500 {
            var trailer = ByteBuffer(bytes: whole.suffix(length))
            for _ in 0..<random.int(1...3) {
                trailer.setInteger(UInt8(random.int(0...255)), at: random.int(8...length - 17))
            }
            trailer.setInteger(trailer.checksum(from: 0, length: length - 16), at: length - 16, endianness: .little)
            let disk = other.restarted()
            disk.put(SimulatedLog.path(1), whole.dropLast(length) + Array(trailer.readableBytesView))
            openAndRead(disk)
        }
    }

    @Test func headers() throws {
        let other = try sealedLog()
        let second = try #require(other.paths.dropFirst().first)
        let whole = try #require(other.contents(second))
        let covered = 80 + 16
        var random = SplitMix64(seed: 0x4EAD)
        for _ in 0..<500 {
            var header = ByteBuffer(bytes: whole.prefix(4096))
            for _ in 0..<random.int(1...3) {
                header.setInteger(UInt8(random.int(0...255)), at: random.int(8...covered - 1))
            }
            header.setInteger(header.checksum(from: 0, length: covered), at: covered, endianness: .little)
            let disk = other.restarted()
            disk.put(second, Array(header.readableBytesView) + whole[4096...])
            openAndRead(disk)
        }
    }
}
