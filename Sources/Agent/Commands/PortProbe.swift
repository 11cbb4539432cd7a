import WANLink

#if canImport(Glibc)
    // Which module the C library's structures count as depends on which is loaded first.
    import CoreFoundation
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Whether a port could be listened on: binds it for a moment and lets it go.
enum PortProbe {
    enum Answer: Equatable {
        case free
        case taken(String)
    }

    static func tryBinding(_ address: PeerAddress) -> Answer {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE
        #if canImport(Glibc)
            hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var found: UnsafeMutablePointer<addrinfo>?
        let host = address.host == "*" ? nil : address.host
        guard getaddrinfo(host, String(address.port), &hints, &found) == 0, let first = found else {
            return .taken("\(address.host) cannot be resolved")
        }
        defer { freeaddrinfo(found) }
        let descriptor = socket(first.pointee.ai_family, first.pointee.ai_socktype, first.pointee.ai_protocol)
        guard descriptor >= 0 else { return .taken(String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var on: CInt = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
        guard bind(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0, listen(descriptor, 1) == 0 else {
            return .taken(String(cString: strerror(errno)).lowercased())
        }
        return .free
    }
}

/// Whether an agent runs on a data directory, without disturbing it.
enum AgentLock {
    enum State: Equatable {
        case held
        case free
        case unreadable
    }

    static func holder(dataDirectory: String) -> State {
        let descriptor = open(dataDirectory + "/lock", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return errno == EACCES ? .unreadable : .free }
        defer { close(descriptor) }
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return .free }
        return errno == EWOULDBLOCK ? .held : .unreadable
    }

    /// The permission bits; nil when the file cannot be looked at.
    static func mode(of path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }
}
