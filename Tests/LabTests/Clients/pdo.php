<?php
// PDO with the server's own prepared statements, through a proxy (PORT) and at the leader's server itself (DIRECT).
function at($port) {
    return new PDO('mysql:host=127.0.0.1;port=' . getenv($port) . ';dbname=' . getenv('DB_NAME') . ';charset=utf8mb4',
        getenv('DB_USER'), getenv('DB_PASSWORD'), [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => false]);
}
function check($isRight, $what) { if (!$isRight) { echo "$what\n"; exit(1); } }
$d = at('PORT');
$d->exec('CREATE TABLE ph_pdo (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20), b LONGBLOB)');
$s = $d->prepare('INSERT INTO ph_pdo (v) VALUES (:v)');
for ($i = 1; $i <= 50; $i++) { $s->execute(['v' => "é $i"]); check((int) $d->lastInsertId() === $i, 'insert id'); }
$r = $d->prepare('SELECT v FROM ph_pdo WHERE id = ?');
for ($i = 1; $i <= 50; $i++) { $r->execute([$i]); check($r->fetchColumn() === "é $i", 'row'); $r->closeCursor(); }
$blob = random_bytes(2000000);
$u = $d->prepare('UPDATE ph_pdo SET b = ? WHERE id = 1');
$u->bindValue(1, $blob, PDO::PARAM_LOB);
$u->execute();
check($u->rowCount() === 1, 'affected');
check($d->query('SELECT b FROM ph_pdo WHERE id = 1')->fetchColumn() === $blob, 'blob');
$d->beginTransaction(); $d->exec('DELETE FROM ph_pdo'); $d->rollBack();
$d->beginTransaction(); check($d->exec('DELETE FROM ph_pdo WHERE id > 40') === 10, 'deleted'); $d->commit();
check((int) $d->query('SELECT COUNT(*) FROM ph_pdo')->fetchColumn() === 40, 'count');
function failure($d, $sql) {
    try { $d->exec($sql); } catch (PDOException $e) { return [$e->errorInfo, $e->getMessage()]; }
    check(false, "no error: $sql");
}
$direct = at('DIRECT');
foreach (['INSERT INTO ph_pdo (id) VALUES (1)', 'UPDATE nope SET a = 1', 'SELEC 1', 'INSERT INTO ph_pdo (nope) VALUES (1)', 'CALL nope()',
    "SIGNAL SQLSTATE '45123' SET MESSAGE_TEXT = 'ours'"] as $sql) {
    check(failure($d, $sql) === failure($direct, $sql), "$sql: " . json_encode(failure($d, $sql)));
}
echo 'fine';
