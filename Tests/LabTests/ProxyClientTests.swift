import Foundation
import LabSupport
import Testing

extension LabTests {
    /// Programs and drivers that applications use, through the proxy of a follower. Drivers that are not installed are passed over.
    @Suite struct ProxyClientTests {
        @Test func programsAndDriversWork() throws {
            try LabTests.withCluster("proxy-clients", settings: LabCluster.proxy) { cluster in
                let follower = try #require(cluster.followers().first)
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
                try drive(
                    "python3", probe: ["-c", "import pymysql"], script: ["-c", Self.python], port: follower.proxyPort)
                try drive(
                    "perl", probe: ["-MDBD::mysql", "-e1"], script: ["-e", Self.perl("mysql")], port: follower.proxyPort
                )
                try drive(
                    "perl", probe: ["-MDBD::MariaDB", "-e1"], script: ["-e", Self.perl("MariaDB")],
                    port: follower.proxyPort)
                try drive(
                    "php", probe: ["-r", "exit(class_exists('mysqli') ? 0 : 1);"], script: ["-r", Self.php],
                    port: follower.proxyPort)
            }
        }

        private func drive(_ program: String, probe: [String], script: [String], port: Int) throws {
            do { guard try Lab.run(program, probe, expecting: nil).status == 0 else { return } } catch { return }
            let output = try Lab.run(program, script, environment: ["PORT": "\(port)"]).output
            #expect(output.hasSuffix("fine"), "\(program) \(probe): \(output)")
        }

        private static let python = """
            import os, pymysql
            c = pymysql.connect(host='127.0.0.1', port=int(os.environ['PORT']), user='\(LabNode.user)',
                                password='\(LabNode.password)', database='\(LabNode.schema)')
            k = c.cursor()
            k.execute('CREATE TABLE py (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20) UNIQUE, b LONGBLOB)')
            k.execute('INSERT INTO py (v, b) VALUES (%s, %s)', ('a', os.urandom(3000000)))
            assert k.lastrowid == 1
            c.commit()
            k.execute('SELECT v, LENGTH(b) FROM py'); assert k.fetchall() == (('a', 3000000),)
            for sql, errno in (('INSERT INTO py (v) VALUES ("a")', 1062), ('SELECT * FROM nope', 1146), ('SELEC', 1064)):
                try: k.execute(sql); assert False
                except pymysql.MySQLError as e: assert e.args[0] == errno, e
            c.rollback(); c.autocommit(True)
            for i in range(50):
                k.execute('INSERT INTO py (v) VALUES (%s)', ('row %d' % i,))
                k.execute('SELECT COUNT(*) FROM py WHERE v = %s', ('row %d' % i,)); assert k.fetchone() == (1,)
            print('fine', end='')
            """

        private static func perl(_ driver: String) -> String {
            let keys = driver == "mysql" ? "mysql_server_prepare" : "mariadb_server_prepare"
            return """
                use DBI; my $d = DBI->connect("DBI:\(driver):database=\(LabNode.schema);host=127.0.0.1;port=$ENV{PORT};\(keys)=1",
                "\(LabNode.user)", "\(LabNode.password)", {RaiseError=>1, PrintError=>0});
                $d->do('CREATE TABLE pl_\(driver) (id INT PRIMARY KEY, v VARCHAR(20))');
                my $s = $d->prepare('INSERT INTO pl_\(driver) VALUES (?, ?)'); $s->execute($_, "row $_") for 1..50;
                my $r = $d->prepare('SELECT v FROM pl_\(driver) WHERE id = ?');
                for (1..50) { $r->execute($_); my @v = $r->fetchrow_array; $r->finish; die "row $_" unless $v[0] eq "row $_"; }
                eval { $d->do('INSERT INTO pl_\(driver) VALUES (1, 1)') }; die "errno" unless $d->err == 1062;
                print 'fine';
                """
        }

        private static let php = """
            mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
            $d = new mysqli('127.0.0.1', '\(LabNode.user)', '\(LabNode.password)', '\(LabNode.schema)', (int) getenv('PORT'));
            $d->query('CREATE TABLE ph (id INT PRIMARY KEY, v VARCHAR(20))');
            $s = $d->prepare('INSERT INTO ph VALUES (?, ?)');
            for ($i = 0; $i < 50; $i++) { $v = "row $i"; $s->bind_param('is', $i, $v); $s->execute(); }
            if ($d->query('SELECT COUNT(*) FROM ph')->fetch_row()[0] != 50) die('count');
            try { $d->query('SELECT * FROM nope'); die('no error'); } catch (mysqli_sql_exception $e) { if ($e->getCode() != 1146) die('errno'); }
            echo 'fine';
            """
    }
}
