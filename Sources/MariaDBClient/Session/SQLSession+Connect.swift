import CMariaDB

extension SQLSession {
    static func connect(_ configuration: SQLConfiguration) throws(SQLError) -> UnsafeMutablePointer<MYSQL> {
        guard let handle = mysql_init(nil) else {
            throw SQLError(kind: .client, message: "libmariadb has no memory for a connection")
        }
        setOptions(of: handle, configuration)
        let connected: UnsafeMutablePointer<MYSQL>?
        // Statements one at a time: what a caller composes can then never end in a second statement.
        let flags = UInt(CLIENT_MULTI_RESULTS)
        switch configuration.address {
        case .unix(let path):
            connected = mysql_real_connect(
                handle, "localhost", configuration.user, configuration.password, configuration.database, 0, path, flags)
        case .tcp(let host, let port):
            connected = mysql_real_connect(
                handle, host, configuration.user, configuration.password, configuration.database,
                UInt32(clamping: port), nil, flags)
        }
        guard connected != nil else {
            let error = SQLError(
                kind: .connect, errno: mysql_errno(handle), sqlState: String(cString: mysql_sqlstate(handle)),
                message: "\(configuration.user)@\(configuration.address): " + String(cString: mysql_error(handle)))
            mysql_close(handle)
            throw error
        }
        return handle
    }

    private static func setOptions(of handle: UnsafeMutablePointer<MYSQL>, _ configuration: SQLConfiguration) {
        func set(_ option: mysql_option, _ value: UInt32) {
            withUnsafePointer(to: value) { _ = mysql_options(handle, option, $0) }
        }
        set(MYSQL_OPT_CONNECT_TIMEOUT, configuration.connectTimeout.secondsForClientLibrary)
        if let timeout = configuration.readTimeout { set(MYSQL_OPT_READ_TIMEOUT, timeout.secondsForClientLibrary) }
        if let timeout = configuration.writeTimeout { set(MYSQL_OPT_WRITE_TIMEOUT, timeout.secondsForClientLibrary) }
        set(MYSQL_OPT_LOCAL_INFILE, 0)
        if let bytes = configuration.packetBytesMax {
            withUnsafePointer(to: UInt(bytes)) { _ = mysql_options(handle, MYSQL_OPT_MAX_ALLOWED_PACKET, $0) }
        }
        _ = mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4")
        switch configuration.address {
        case .unix: set(MYSQL_OPT_PROTOCOL, UInt32(MYSQL_PROTOCOL_SOCKET.rawValue))
        case .tcp: set(MYSQL_OPT_PROTOCOL, UInt32(MYSQL_PROTOCOL_TCP.rawValue))
        }
        if let tls = configuration.tls {
            setFlag(handle, MYSQL_OPT_SSL_ENFORCE, true)
            setFlag(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, tls.verifiesServer)
            if let authorities = tls.authorities { _ = mysql_options(handle, MYSQL_OPT_SSL_CA, authorities) }
        }
    }

    /// For options that libmariadb reads as one `my_bool` byte.
    private static func setFlag(_ handle: UnsafeMutablePointer<MYSQL>, _ option: mysql_option, _ value: Bool) {
        withUnsafePointer(to: UInt8(value ? 1 : 0)) { _ = mysql_options(handle, option, $0) }
    }
}
