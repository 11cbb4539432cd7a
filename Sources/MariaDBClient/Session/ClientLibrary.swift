import CMariaDB

/// libmariadb's global state: `mysql_library_init` once a process, `mysql_thread_init` in each thread that calls it.
enum ClientLibrary {
    private static let ready: Int32 = mysql_server_init(0, nil, nil)

    static func prepareThread() throws(SQLError) {
        guard ready == 0, mysql_thread_init() == 0 else {
            throw SQLError(kind: .client, message: "libmariadb could not be initialised")
        }
    }
}
