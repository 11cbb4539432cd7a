/// The capability flags of the handshake: MySQL's in the lower 32 bits, MariaDB's extended ones in the upper 32.
@usableFromInline package struct Capabilities: OptionSet, Hashable, Sendable {
    @usableFromInline package let rawValue: UInt64

    @inlinable package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// In MariaDB the absence of this flag marks a MariaDB peer (CLIENT_MYSQL).
    @inlinable package static var longPassword: Self { Self(rawValue: 1 << 0) }
    @inlinable package static var foundRows: Self { Self(rawValue: 1 << 1) }
    @inlinable package static var connectWithDatabase: Self { Self(rawValue: 1 << 3) }
    @inlinable package static var compress: Self { Self(rawValue: 1 << 5) }
    @inlinable package static var localFiles: Self { Self(rawValue: 1 << 7) }
    @inlinable package static var ignoreSpace: Self { Self(rawValue: 1 << 8) }
    @inlinable package static var protocol41: Self { Self(rawValue: 1 << 9) }
    @inlinable package static var interactive: Self { Self(rawValue: 1 << 10) }
    @inlinable package static var tls: Self { Self(rawValue: 1 << 11) }
    @inlinable package static var transactions: Self { Self(rawValue: 1 << 13) }
    @inlinable package static var secureConnection: Self { Self(rawValue: 1 << 15) }
    @inlinable package static var multiStatements: Self { Self(rawValue: 1 << 16) }
    @inlinable package static var multiResults: Self { Self(rawValue: 1 << 17) }
    @inlinable package static var preparedMultiResults: Self { Self(rawValue: 1 << 18) }
    @inlinable package static var pluginAuthentication: Self { Self(rawValue: 1 << 19) }
    @inlinable package static var connectAttributes: Self { Self(rawValue: 1 << 20) }
    @inlinable package static var lengthEncodedAuthentication: Self { Self(rawValue: 1 << 21) }
    @inlinable package static var expiredPasswords: Self { Self(rawValue: 1 << 22) }
    @inlinable package static var sessionTracking: Self { Self(rawValue: 1 << 23) }
    @inlinable package static var deprecateEOF: Self { Self(rawValue: 1 << 24) }

    // MariaDB's own.
    @inlinable package static var progress: Self { Self(rawValue: 1 << 32) }
    @inlinable package static var bulkExecute: Self { Self(rawValue: 1 << 34) }
    @inlinable package static var extendedMetadata: Self { Self(rawValue: 1 << 35) }
    @inlinable package static var cachedMetadata: Self { Self(rawValue: 1 << 36) }
}

/// The commands of the protocol, as the first byte of a packet with sequence number 0.
package enum Command {
    @inlinable package static var quit: UInt8 { 0x01 }
    @inlinable package static var initDatabase: UInt8 { 0x02 }
    @inlinable package static var query: UInt8 { 0x03 }
    @inlinable package static var fieldList: UInt8 { 0x04 }
    @inlinable package static var refresh: UInt8 { 0x07 }
    @inlinable package static var shutdown: UInt8 { 0x08 }
    @inlinable package static var statistics: UInt8 { 0x09 }
    @inlinable package static var processInfo: UInt8 { 0x0A }
    @inlinable package static var processKill: UInt8 { 0x0C }
    @inlinable package static var debug: UInt8 { 0x0D }
    @inlinable package static var ping: UInt8 { 0x0E }
    @inlinable package static var changeUser: UInt8 { 0x11 }
    @inlinable package static var binlogDump: UInt8 { 0x12 }
    @inlinable package static var registerReplica: UInt8 { 0x15 }
    @inlinable package static var prepare: UInt8 { 0x16 }
    @inlinable package static var execute: UInt8 { 0x17 }
    @inlinable package static var sendLongData: UInt8 { 0x18 }
    @inlinable package static var closeStatement: UInt8 { 0x19 }
    @inlinable package static var resetStatement: UInt8 { 0x1A }
    @inlinable package static var setOption: UInt8 { 0x1B }
    @inlinable package static var fetch: UInt8 { 0x1C }
    @inlinable package static var resetConnection: UInt8 { 0x1F }
    @inlinable package static var bulkExecute: UInt8 { 0xFA }
}

/// The status flags of OK and EOF packets.
@usableFromInline package struct ServerStatus: OptionSet, Hashable, Sendable {
    @usableFromInline package let rawValue: UInt16

    @inlinable package init(rawValue: UInt16) { self.rawValue = rawValue }

    @inlinable package static var inTransaction: Self { Self(rawValue: 1 << 0) }
    @inlinable package static var autocommit: Self { Self(rawValue: 1 << 1) }
    @inlinable package static var moreResults: Self { Self(rawValue: 1 << 3) }
    @inlinable package static var cursorExists: Self { Self(rawValue: 1 << 6) }
    @inlinable package static var noBackslashEscapes: Self { Self(rawValue: 1 << 9) }
    @inlinable package static var inReadOnlyTransaction: Self { Self(rawValue: 1 << 13) }
    @inlinable package static var sessionStateChanged: Self { Self(rawValue: 1 << 14) }
    @inlinable package static var ansiQuotes: Self { Self(rawValue: 1 << 15) }
}
