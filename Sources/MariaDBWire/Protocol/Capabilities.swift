/// The capability flags of the handshake (the lower 32 bits; MariaDB's extended ones are not used).
struct Capabilities: OptionSet, Equatable {
    let rawValue: UInt32

    /// In MariaDB the absence of this flag marks a MariaDB peer (CLIENT_MYSQL).
    static let longPassword = Capabilities(rawValue: 1 << 0)
    static let connectWithDatabase = Capabilities(rawValue: 1 << 3)
    static let compress = Capabilities(rawValue: 1 << 5)
    static let protocol41 = Capabilities(rawValue: 1 << 9)
    static let tls = Capabilities(rawValue: 1 << 11)
    static let transactions = Capabilities(rawValue: 1 << 13)
    static let secureConnection = Capabilities(rawValue: 1 << 15)
    static let pluginAuthentication = Capabilities(rawValue: 1 << 19)
    static let connectAttributes = Capabilities(rawValue: 1 << 20)
    static let lengthEncodedAuthentication = Capabilities(rawValue: 1 << 21)
    static let deprecateEOF = Capabilities(rawValue: 1 << 24)
}

/// The commands that the two halves send or answer.
enum Command {
    static let quit: UInt8 = 0x01
    static let initDatabase: UInt8 = 0x02
    static let query: UInt8 = 0x03
    static let ping: UInt8 = 0x0E
    static let binlogDump: UInt8 = 0x12
    static let registerReplica: UInt8 = 0x15
    static let setOption: UInt8 = 0x1B
}
