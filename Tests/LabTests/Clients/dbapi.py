"""One of Python's drivers, through a proxy (PORT) and at the leader's server itself (DIRECT): dbapi.py MODULE [compress]."""
import importlib
import os
import sys

name = sys.argv[1]
driver = importlib.import_module(name)
login = dict(host="127.0.0.1", user=os.environ["DB_USER"], password=os.environ["DB_PASSWORD"], database=os.environ["DB_NAME"])
mark = "?" if name == "mariadb" else "%s"
table = "py_" + name.replace(".", "_").lower()
if "compress" in sys.argv[2:]:
    login["compress"] = True
    table += "_z"


def connect(port):
    return driver.connect(port=int(os.environ[port]), **login)


def failure(connection, sql):
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
    except driver.Error as error:
        connection.rollback()
        state = getattr(error, "sqlstate", None)
        return (getattr(error, "errno", None) or error.args[0], state, str(error))
    raise AssertionError("no error: " + sql)


c = connect("PORT")
k = c.cursor()
k.execute(f"CREATE TABLE {table} (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20) UNIQUE, d DECIMAL(10,3), b LONGBLOB)")
blob = os.urandom(3_000_000)
k.execute(f"INSERT INTO {table} (v, d, b) VALUES ({mark}, {mark}, {mark})", ("é", "12.345", blob))
assert k.lastrowid == 1, k.lastrowid
c.commit()
k.execute(f"SELECT v, d, b FROM {table}")
v, d, b = k.fetchone()
assert v == "é" and str(d) == "12.345" and bytes(b) == blob
k.fetchall()

k.execute(f"INSERT INTO {table} (v) VALUES ('gone')")
c.rollback()
k.execute(f"SELECT COUNT(*) FROM {table}")
assert k.fetchone()[0] == 1
c.rollback()

k.executemany(f"INSERT INTO {table} (v) VALUES ({mark})", [(f"row {i}",) for i in range(100)])
c.commit()
k.execute(f"UPDATE {table} SET d = 1 WHERE LEFT(v, 5) = 'row 5'")
assert k.rowcount == 11, k.rowcount
c.commit()
k.execute(f"DELETE FROM {table} WHERE id > 100")
c.commit()

# Reads of what was just written, without a transaction.
getattr(c, "autocommit")(True) if callable(getattr(c, "autocommit")) else setattr(c, "autocommit", True)
for i in range(50):
    k.execute(f"INSERT INTO {table} (v) VALUES ({mark})", (f"auto {i}",))
    k.execute(f"SELECT COUNT(*) FROM {table} WHERE v = {mark}", (f"auto {i}",))
    assert k.fetchone()[0] == 1

if name == "mysql.connector":
    p = c.cursor(prepared=True)
    for i in range(50):
        p.execute(f"SELECT id FROM {table} WHERE v = %s", (f"row {i}",))
        assert len(p.fetchall()) == 1

wrong = [
    f"INSERT INTO {table} (v) VALUES ('row 1')", "SELECT * FROM nope", "SELEC 1", f"INSERT INTO {table} (nope) VALUES (1)",
    "DROP TABLE nope", f"INSERT INTO {table} (v) VALUES (REPEAT('x', 100))", "CALL nope()", "USE nowhere",
    "SIGNAL SQLSTATE '45123' SET MESSAGE_TEXT = 'ours', MYSQL_ERRNO = 5001",
]
direct = connect("DIRECT")
for sql in wrong:
    through, own = failure(c, sql), failure(direct, sql)
    assert through == own, (sql, through, own)
print("fine", end="")
