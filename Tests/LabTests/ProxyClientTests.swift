import Foundation
import LabSupport
import Testing

extension LabTests {
    /// Programs and drivers that applications use, through the proxy of a follower. Drivers that are not installed are passed over, with a
    /// word; `scripts/test.sh` installs all of them.
    @Suite struct ProxyClientTests {
        @Test func programsAndDriversWork() throws {
            try LabTests.withCluster("proxy-clients", settings: LabCluster.proxy) { cluster in
                let follower = try #require(cluster.followers().first)
                try programs(follower)
                let drivers = try Drivers(proxy: follower, direct: cluster.leader())
                for module in ["pymysql", "MySQLdb", "mysql.connector", "mariadb"] {
                    try drivers.python(["import \(module)"], "dbapi.py", [module])
                }
                for module in ["MySQLdb", "mysql.connector"] {
                    try drivers.python(["import \(module)"], "dbapi.py", [module, "compress"])
                }
                try drivers.python(["import sqlalchemy", "import pymysql"], "sqlalchemy_orm.py")
                try drivers.python(["import django", "import MySQLdb"], "django_orm.py")
                for driver in ["mysql", "MariaDB"] {
                    try drivers.drive("perl", probe: ["-MDBD::\(driver)", "-e1"], "dbd.pl", [driver])
                }
                try drivers.drive(
                    "php", probe: ["-r", "exit(class_exists('mysqli') ? 0 : 1);"], "mysqli.php")
                try drivers.drive(
                    "php", probe: ["-r", "exit(class_exists('mysqli') ? 0 : 1);"], "mysqli.php", ["compress"])
                try drivers.drive(
                    "php", probe: ["-r", "exit(extension_loaded('pdo_mysql') ? 0 : 1);"], "pdo.php")
                try cluster.requireEqual()
            }
        }

        private func programs(_ follower: LabNode) throws {
            let login = ["-h127.0.0.1", "-P\(follower.proxyPort)", "-u\(LabNode.user)", "-p\(LabNode.password)"]
            let output = try Lab.run(
                "mariadb", ["--no-defaults", "-N"] + login + [LabNode.schema],
                input: """
                    CREATE TABLE c (id INT AUTO_INCREMENT PRIMARY KEY, s VARCHAR(40), b LONGBLOB);
                    INSERT INTO c (s, b) VALUES ('é', REPEAT('x', 2000000));
                    SELECT s, LENGTH(b) FROM c;
                    START TRANSACTION; INSERT INTO c (s) VALUES ('gone'); ROLLBACK;
                    SELECT COUNT(*) FROM c;
                    """
            ).output
            #expect(output == "é\t2000000\n1\n")
            let dump = try Lab.run(
                "mariadb-dump", ["--no-defaults", "--single-transaction", "--routines"] + login + [LabNode.schema]
            ).output
            #expect(dump.contains("INSERT INTO `c`") && dump.contains("-- Dump completed"))
        }

        /// Runs the programs beside this file, which print "fine".
        private struct Drivers {
            let environment: [String: String]
            private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Clients/"

            init(proxy: LabNode, direct: LabNode) throws {
                environment = [
                    "PORT": "\(proxy.proxyPort)", "DIRECT": "\(direct.databasePort)", "DB_USER": LabNode.user,
                    "DB_PASSWORD": LabNode.password, "DB_NAME": LabNode.schema,
                ]
            }

            func python(_ imports: [String], _ script: String, _ arguments: [String] = []) throws {
                let python = ProcessInfo.processInfo.environment["WOLFSCALE_PYTHON"] ?? "python3"
                try drive(python, probe: ["-c", imports.joined(separator: ";")], script, arguments)
            }

            func drive(_ program: String, probe: [String], _ script: String, _ arguments: [String] = []) throws {
                guard isThere(program, probe) else {
                    return print("passed over: \(script) \(arguments.joined(separator: " ")), not installed")
                }
                let result = try Lab.run(
                    program, [Self.folder + script] + arguments, environment: environment, expecting: nil)
                #expect(
                    result.status == 0 && result.output.hasSuffix("fine"),
                    "\(script) \(arguments): \(result.output.suffix(2_000))")
            }

            private func isThere(_ program: String, _ probe: [String]) -> Bool {
                do { return try Lab.run(program, probe, expecting: nil).status == 0 } catch { return false }
            }
        }
    }
}
