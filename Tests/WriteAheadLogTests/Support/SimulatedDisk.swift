import ClusterCore
import NIOCore
import Synchronization
import WriteAheadLog

/// A disk in memory that fails on demand and loses power.
///
/// After ``powerLost(seed:)`` a file holds what was synced, and of the rest each 512-byte sector or not, as the
/// seed has it; names are those of the last directory sync, with any of the later creations, renames and removals.
final class SimulatedDisk: Disk {
    /// What happens to the operation with a given number; only those that change something are counted.
    enum Fault: Sendable {
        /// It fails with this errno; a write leaves a part.
        case error(Int32)
        /// It may or may not take effect, and nothing works any more.
        case powerLoss
    }

    fileprivate struct State: Sendable {
        var names: [String: SimulatedFile] = [:]
        var durableNames: [String: SimulatedFile] = [:]
        /// Names touched since the last sync of their directory.
        var changed: Set<String> = []
        var operations = 0
        var faults: [Int: Fault] = [:]
        var isDead = false
    }

    fileprivate let state = Mutex(State())

    init(faults: [Int: Fault] = [:]) { state.withLock { $0.faults = faults } }

    var operations: Int { state.withLock { $0.operations } }

    func inject(_ fault: Fault, at operation: Int) { state.withLock { $0.faults[operation] = fault } }

    /// The disk as it is when the power comes back.
    func powerLost(seed: UInt64) -> SimulatedDisk {
        var random = SplitMix64(seed: seed)
        let disk = SimulatedDisk()
        state.withLock { state in
            var names = state.durableNames
            for name in state.changed.sorted() where Bool.random(using: &random) { names[name] = state.names[name] }
            disk.state.withLock { fresh in
                for (name, file) in names.sorted(by: { $0.key < $1.key }) {
                    fresh.names[name] = file.afterPowerLoss(disk: disk, random: &random)
                }
                fresh.durableNames = fresh.names
            }
        }
        return disk
    }

    /// The disk as a new process finds it, with all that was written.
    func restarted() -> SimulatedDisk {
        let disk = SimulatedDisk()
        let names = state.withLock { $0.names }
        disk.state.withLock { fresh in
            fresh.names = names.mapValues { $0.copy(disk: disk) }
            fresh.durableNames = fresh.names
        }
        return disk
    }

    func contents(_ path: String) -> [UInt8]? { state.withLock { $0.names[path] }?.contents }

    func put(_ path: String, _ contents: [UInt8]) {
        let file = SimulatedFile(path: path, disk: self, contents: contents)
        state.withLock { state in
            state.names[path] = file
            state.durableNames[path] = file
        }
    }

    var paths: [String] { state.withLock { $0.names.keys.sorted() } }

    // MARK: Disk

    func list(_ directory: String) throws(DiskError) -> [String] {
        try checkAlive("list", directory)
        return paths.filter { $0.hasPrefix(directory + "/") }.map { String($0.dropFirst(directory.count + 1)) }
    }

    func open(_ path: String, creating: Bool) throws(DiskError) -> any DiskFile {
        if creating {
            try perform("open", path) { _ in
                let file = SimulatedFile(path: path, disk: self, contents: [])
                self.state.withLock { state in
                    state.names[path] = file
                    state.changed.insert(path)
                }
            }
        } else {
            try checkAlive("open", path)
        }
        guard let file = state.withLock({ $0.names[path] }) else {
            throw DiskError(operation: "open", path: path, errno: 2)
        }
        return file
    }

    func rename(_ from: String, to: String) throws(DiskError) {
        try perform("rename", from) { _ in
            self.state.withLock { state in
                let file = state.names.removeValue(forKey: from)
                file?.renamed(to: to)
                state.names[to] = file
                state.changed.formUnion([from, to])
            }
        }
    }

    func remove(_ path: String) throws(DiskError) {
        try perform("unlink", path) { _ in
            self.state.withLock { state in
                state.names[path] = nil
                state.changed.insert(path)
            }
        }
    }

    func syncDirectory(_ path: String) throws(DiskError) {
        try perform("fsync", path) { isWhole in
            guard isWhole else { return }
            self.state.withLock { state in
                state.durableNames = state.names
                state.changed = []
            }
        }
    }

    // MARK: Faults

    func checkAlive(_ operation: String, _ path: String) throws(DiskError) {
        if state.withLock({ $0.isDead }) { throw DiskError(operation: operation, path: path, errno: 5) }
    }

    /// Counts the operation and does it: wholly, in part, or not, as the faults want it.
    func perform(_ operation: String, _ path: String, _ body: (_ isWhole: Bool) -> Void) throws(DiskError) {
        try checkAlive(operation, path)
        let fault = state.withLock { state in
            defer { state.operations += 1 }
            return state.faults[state.operations]
        }
        switch fault {
        case nil: body(true)
        case .error(let errno):
            if operation == "write" { body(false) }
            throw DiskError(operation: operation, path: path, errno: errno)
        case .powerLoss:
            body(false)
            state.withLock { $0.isDead = true }
            throw DiskError(operation: operation, path: path, errno: 5)
        }
    }
}

/// A file of a ``SimulatedDisk``.
final class SimulatedFile: DiskFile {
    private enum Change: Sendable {
        case write(at: Int, [UInt8])
        case resize(Int)
    }

    private struct State: Sendable {
        var path: String
        var contents: [UInt8]
        var durable: [UInt8]
        var pending: [Change] = []
    }

    private let disk: SimulatedDisk
    private let state: Mutex<State>

    init(path: String, disk: SimulatedDisk, contents: [UInt8]) {
        self.disk = disk
        state = Mutex(State(path: path, contents: contents, durable: contents))
    }

    private var path: String { state.withLock { $0.path } }

    func renamed(to path: String) { state.withLock { $0.path = path } }

    var contents: [UInt8] { state.withLock { $0.contents } }

    func copy(disk: SimulatedDisk) -> SimulatedFile { SimulatedFile(path: path, disk: disk, contents: contents) }

    func afterPowerLoss(disk: SimulatedDisk, random: inout SplitMix64) -> SimulatedFile {
        let state = self.state.withLock { $0 }
        var contents = state.durable
        // All, none, or some of what was not synced: one in four each, and one in four that order is kept.
        let mood = Int.random(in: 0..<4, using: &random)
        var resizesLost = false
        for change in state.pending {
            switch change {
            case .resize(let size):
                resizesLost = resizesLost || mood == 0 || (mood > 1 && Bool.random(using: &random))
                if !resizesLost { contents.resize(size) }
            case .write(let offset, let bytes):
                for start in stride(from: 0, to: bytes.count, by: 512) {
                    guard mood == 1 || (mood > 1 && Bool.random(using: &random)) else { continue }
                    contents.write(bytes[start..<min(start + 512, bytes.count)], at: offset + start)
                }
            }
        }
        return SimulatedFile(path: path, disk: disk, contents: contents)
    }

    func size() throws(DiskError) -> UInt64 {
        try disk.checkAlive("fstat", path)
        return UInt64(contents.count)
    }

    func read(into target: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) -> Int {
        try disk.checkAlive("read", path)
        return state.withLock { state in
            guard offset < UInt64(state.contents.count) else { return 0 }
            let count = min(target.count, state.contents.count - Int(offset))
            state.contents.withUnsafeBytes {
                target.copyMemory(from: .init(rebasing: $0[Int(offset)..<Int(offset) + count]))
            }
            return count
        }
    }

    func write(_ buffers: [ByteBuffer], at offset: UInt64) throws(DiskError) {
        var bytes: [UInt8] = []
        for buffer in buffers { bytes += buffer.getBytes(at: buffer.readerIndex, length: buffer.readableBytes) ?? [] }
        try disk.perform("write", path) { isWhole in
            change(.write(at: Int(offset), isWhole ? bytes : Array(bytes.prefix(bytes.count / 2))))
        }
    }

    func truncate(to bytes: UInt64) throws(DiskError) {
        try disk.perform("ftruncate", path) { _ in change(.resize(Int(bytes))) }
    }

    func reserve(_ bytes: UInt64) throws(DiskError) {
        try disk.perform("posix_fallocate", path) { _ in
            if contents.count < Int(bytes) { change(.resize(Int(bytes))) }
        }
    }

    func syncData() throws(DiskError) { try sync() }
    func syncAll() throws(DiskError) { try sync() }

    private func sync() throws(DiskError) {
        try disk.perform("fsync", path) { isWhole in
            guard isWhole else { return }
            state.withLock { state in
                state.durable = state.contents
                state.pending = []
            }
        }
    }

    private func change(_ change: Change) {
        state.withLock { state in
            switch change {
            case .write(let offset, let bytes): state.contents.write(bytes[...], at: offset)
            case .resize(let size): state.contents.resize(size)
            }
            state.pending.append(change)
        }
    }
}

extension [UInt8] {
    fileprivate mutating func write(_ bytes: ArraySlice<UInt8>, at offset: Int) {
        if count < offset + bytes.count { resize(offset + bytes.count) }
        replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }

    fileprivate mutating func resize(_ size: Int) {
        if size < count { removeLast(count - size) } else { append(contentsOf: repeatElement(0, count: size - count)) }
    }
}
