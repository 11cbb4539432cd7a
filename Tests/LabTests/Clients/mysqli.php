<?php
// mysqli, through a proxy (PORT) and at the leader's server itself (DIRECT): mysqli.php [compress].
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$flags = in_array('compress', $argv) ? MYSQLI_CLIENT_COMPRESS : 0;
function at($port) {
    global $flags;
    $d = mysqli_init();
    $d->real_connect(
        '127.0.0.1', getenv('DB_USER'), getenv('DB_PASSWORD'), getenv('DB_NAME'), (int) getenv($port), null, $flags);
    return $d;
}
function check($isRight, $what) { if (!$isRight) { echo "$what\n"; exit(1); } }
$d = at('PORT');
$d->query('CREATE OR REPLACE TABLE ph_mysqli (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20), b LONGBLOB)');
$s = $d->prepare('INSERT INTO ph_mysqli (v) VALUES (?)');
for ($i = 1; $i <= 50; $i++) { $v = "row $i"; $s->bind_param('s', $v); $s->execute(); check($s->insert_id == $i, 'insert id'); }
$r = $d->prepare('SELECT v FROM ph_mysqli WHERE id = ?');
for ($i = 1; $i <= 50; $i++) { $r->bind_param('i', $i); $r->execute(); check($r->get_result()->fetch_row()[0] === "row $i", 'row'); }
$blob = random_bytes(2000000); $null = null;
$u = $d->prepare('UPDATE ph_mysqli SET b = ? WHERE id = 1');
$u->bind_param('b', $null);
foreach (str_split($blob, 300000) as $part) { $u->send_long_data(0, $part); }
$u->execute();
check($u->affected_rows === 1, 'affected');
check($d->query('SELECT b FROM ph_mysqli WHERE id = 1')->fetch_row()[0] === $blob, 'blob');
$d->begin_transaction(); $d->query('DELETE FROM ph_mysqli'); $d->rollback();
check((int) $d->query('SELECT COUNT(*) FROM ph_mysqli')->fetch_row()[0] === 50, 'count');
$d->multi_query('SELECT 1; INSERT INTO ph_mysqli (v) VALUES ("multi"); SELECT COUNT(*) FROM ph_mysqli');
$answers = [];
do { if ($result = $d->store_result()) { $answers[] = (int) $result->fetch_row()[0]; } } while ($d->next_result());
check($answers === [1, 51], 'several statements');
function failure($d, $sql) {
    try { $d->query($sql); } catch (mysqli_sql_exception $e) { return [$e->getCode(), $e->getSqlState(), $e->getMessage()]; }
    check(false, "no error: $sql");
}
$direct = at('DIRECT');
foreach (['INSERT INTO ph_mysqli (id) VALUES (1)', 'SELECT * FROM nope', 'SELEC 1', 'INSERT INTO ph_mysqli (nope) VALUES (1)', 'CALL nope()',
    "SIGNAL SQLSTATE '45123' SET MESSAGE_TEXT = 'ours'"] as $sql) {
    check(failure($d, $sql) === failure($direct, $sql), "$sql: " . json_encode(failure($d, $sql)));
}
echo 'fine';
