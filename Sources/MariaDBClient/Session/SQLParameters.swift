import CMariaDB

/// Bound values in the form libmariadb wants: one block of memory that outlives the execution.
final class SQLParameters {
    let binds: UnsafeMutableBufferPointer<MYSQL_BIND>
    private let storage: UnsafeMutableRawBufferPointer

    init(_ values: [SQLValue]) {
        binds = .allocate(capacity: values.count)
        storage = .allocate(byteCount: values.reduce(0) { $0 + SQLParameters.size(of: $1) }, alignment: 8)
        binds.initialize(repeating: MYSQL_BIND())
        var offset = 0
        for (index, value) in values.enumerated() {
            let size = SQLParameters.size(of: value)
            let slot = UnsafeMutableRawBufferPointer(rebasing: storage[offset..<offset + size])
            binds[index] = SQLParameters.bind(value, in: slot)
            offset += size
        }
    }

    deinit {
        binds.deallocate()
        storage.deallocate()
    }

    /// Bytes for a value in the block, a multiple of 8 so that the next one is aligned.
    private static func size(of value: SQLValue) -> Int {
        switch value {
        case .null: 0
        case .int64, .uint64, .double: 8
        case .string(let text), .decimal(let text): (text.utf8.count + 7) & ~7
        case .bytes(let bytes): (bytes.count + 7) & ~7
        }
    }

    private static func bind(_ value: SQLValue, in slot: UnsafeMutableRawBufferPointer) -> MYSQL_BIND {
        var bind = MYSQL_BIND()
        bind.buffer = slot.baseAddress
        switch value {
        case .null:
            bind.buffer_type = MYSQL_TYPE_NULL
        case .int64(let number):
            slot.storeBytes(of: number, as: Int64.self)
            bind.buffer_type = MYSQL_TYPE_LONGLONG
        case .uint64(let number):
            slot.storeBytes(of: number, as: UInt64.self)
            bind.buffer_type = MYSQL_TYPE_LONGLONG
            bind.is_unsigned = 1
        case .double(let number):
            slot.storeBytes(of: number, as: Double.self)
            bind.buffer_type = MYSQL_TYPE_DOUBLE
        case .string(let text):
            slot.copyBytes(from: text.utf8)
            bind.buffer_type = MYSQL_TYPE_STRING
            bind.buffer_length = UInt(text.utf8.count)
        case .decimal(let text):
            slot.copyBytes(from: text.utf8)
            bind.buffer_type = MYSQL_TYPE_NEWDECIMAL
            bind.buffer_length = UInt(text.utf8.count)
        case .bytes(let bytes):
            slot.copyBytes(from: bytes)
            bind.buffer_type = MYSQL_TYPE_BLOB
            bind.buffer_length = UInt(bytes.count)
        }
        return bind
    }
}
