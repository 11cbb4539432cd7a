/// The capability flags of the handshake: MySQL's in the lower 32 bits, MariaDB's extended ones in the upper 32.
package struct Capabilities: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// In MariaDB the absence of this flag marks a MariaDB peer (CLIENT_MYSQL).
    package static let longPassword = Capabilities(rawValue: 1 << 0)
    package static let foundRows = Capabilities(rawValue: 1 << 1)
    package static let connectWithDatabase = Capabilities(rawValue: 1 << 3)
    package static let compress = Capabilities(rawValue: 1 << 5)
    package static let localFiles = Capabilities(rawValue: 1 << 7)
    package static let ignoreSpace = Capabilities(rawValue: 1 << 8)
    package static let protocol41 = Capabilities(rawValue: 1 << 9)
    package static let interactive = Capabilities(rawValue: 1 << 10)
    package static let tls = Capabilities(rawValue: 1 << 11)
    package static let transactions = Capabilities(rawValue: 1 << 13)
    package static let secureConnection = Capabilities(rawValue: 1 << 15)
    package static let multiStatements = Capabilities(rawValue: 1 << 16)
    package static let multiResults = Capabilities(rawValue: 1 << 17)
    package static let preparedMultiResults = Capabilities(rawValue: 1 << 18)
    package static let pluginAuthentication = Capabilities(rawValue: 1 << 19)
    package static let connectAttributes = Capabilities(rawValue: 1 << 20)
    package static let lengthEncodedAuthentication = Capabilities(rawValue: 1 << 21)
    package static let expiredPasswords = Capabilities(rawValue: 1 << 22)
    package static let sessionTracking = Capabilities(rawValue: 1 << 23)
    package static let deprecateEOF = Capabilities(rawValue: 1 << 24)

    // MariaDB's own.
    package static let progress = Capabilities(rawValue: 1 << 32)
    package static let bulkExecute = Capabilities(rawValue: 1 << 34)
    package static let extendedMetadata = Capabilities(rawValue: 1 << 35)
    package static let cachedMetadata = Capabilities(rawValue: 1 << 36)
}

/// The commands of the protocol, as the first byte of a packet with sequence number 0.
package enum Command {
    package static let quit: UInt8 = 0x01
    package static let initDatabase: UInt8 = 0x02
    package static let query: UInt8 = 0x03
    package static let fieldList: UInt8 = 0x04
    package static let refresh: UInt8 = 0x07
    package static let shutdown: UInt8 = 0x08
    package static let statistics: UInt8 = 0x09
    package static let processInfo: UInt8 = 0x0A
    package static let processKill: UInt8 = 0x0C
    package static let debug: UInt8 = 0x0D
    package static let ping: UInt8 = 0x0E
    package static let changeUser: UInt8 = 0x11
    package static let binlogDump: UInt8 = 0x12
    package static let registerReplica: UInt8 = 0x15
    package static let prepare: UInt8 = 0x16
    package static let execute: UInt8 = 0x17
    package static let sendLongData: UInt8 = 0x18
    package static let closeStatement: UInt8 = 0x19
    package static let resetStatement: UInt8 = 0x1A
    package static let setOption: UInt8 = 0x1B
    package static let fetch: UInt8 = 0x1C
    package static let resetConnection: UInt8 = 0x1F
    package static let bulkExecute: UInt8 = 0xFA
}

/// The status flags of OK and EOF packets.
package struct ServerStatus: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let inTransaction = ServerStatus(rawValue: 1 << 0)
    package static let autocommit = ServerStatus(rawValue: 1 << 1)
    package static let moreResults = ServerStatus(rawValue: 1 << 3)
    package static let cursorExists = ServerStatus(rawValue: 1 << 6)
    package static let noBackslashEscapes = ServerStatus(rawValue: 1 << 9)
    package static let inReadOnlyTransaction = ServerStatus(rawValue: 1 << 13)
    package static let sessionStateChanged = ServerStatus(rawValue: 1 << 14)
    package static let ansiQuotes = ServerStatus(rawValue: 1 << 15)
}
