# DBD::mysql or DBD::MariaDB, through a proxy (PORT) and at the leader's server itself (DIRECT): dbd.pl mysql|MariaDB
use strict; use warnings; use DBI;
my $driver = shift; my $prefix = lc $driver; my $table = "pl_$prefix";
sub at {
    DBI->connect("DBI:$driver:database=$ENV{DB_NAME};host=127.0.0.1;port=$ENV{$_[0]};${prefix}_server_prepare=1",
        $ENV{DB_USER}, $ENV{DB_PASSWORD}, {RaiseError => 1, PrintError => 0});
}
my $d = at('PORT');
$d->do("CREATE TABLE $table (id INT PRIMARY KEY, v VARCHAR(20), b LONGBLOB)");
my $s = $d->prepare("INSERT INTO $table (id, v) VALUES (?, ?)");
$s->execute($_, "row $_") for 1 .. 50;
my $r = $d->prepare("SELECT v FROM $table WHERE id = ?");
for (1 .. 50) { $r->execute($_); my @v = $r->fetchrow_array; $r->finish; die "row $_" unless $v[0] eq "row $_"; }
my $blob = join '', map { chr int rand 256 } 1 .. 500_000;
my $u = $d->prepare("UPDATE $table SET b = ? WHERE id = ?");
$u->bind_param(1, $blob, DBI::SQL_BLOB()); $u->bind_param(2, 1);
die 'updated' unless $u->execute == 1;
$d->{LongReadLen} = 1_000_000;
my ($read) = $d->selectrow_array("SELECT b FROM $table WHERE id = 1");
die 'blob' unless $read eq $blob;
$d->begin_work; $d->do("DELETE FROM $table"); $d->rollback;
$d->begin_work; $d->do("DELETE FROM $table WHERE id > 40"); $d->commit;
die 'count' unless ($d->selectrow_array("SELECT COUNT(*) FROM $table"))[0] == 40;
my $direct = at('DIRECT');
sub failure {
    my ($h, $sql) = @_;
    eval { $h->do($sql); 1 } and die "no error: $sql";
    return join ' ', $h->err, $h->state, $h->errstr;
}
for my $sql ("INSERT INTO $table (id) VALUES (1)", 'SELECT * FROM nope', 'SELEC 1', "INSERT INTO $table (nope) VALUES (1)",
    'DROP TABLE nope', 'CALL nope()', "SIGNAL SQLSTATE '45123' SET MESSAGE_TEXT = 'ours'")
{
    my ($through, $own) = (failure($d, $sql), failure($direct, $sql));
    die "$sql: $through, not $own" unless $through eq $own;
}
print 'fine';
