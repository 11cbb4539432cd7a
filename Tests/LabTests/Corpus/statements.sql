-- What applications do to a database, in one file; it runs on the leader, and every node must end up the same.
SET NAMES utf8mb4;
CREATE DATABASE corpus CHARACTER SET utf8mb4;
CREATE DATABASE corpus_other;
USE corpus;

-- Every column type.
CREATE TABLE every_type (
    id INT AUTO_INCREMENT PRIMARY KEY,
    a TINYINT, b SMALLINT UNSIGNED, c MEDIUMINT, d BIGINT UNSIGNED, e DECIMAL(30, 10), f FLOAT, g DOUBLE, h BIT(11),
    i BOOLEAN, j DATE, k TIME(6), l DATETIME(6), m TIMESTAMP(6) NULL, n YEAR,
    o CHAR(10), p VARCHAR(200), q BINARY(8), r VARBINARY(300), s TINYTEXT, t TEXT, u MEDIUMTEXT, v LONGTEXT,
    w TINYBLOB, x BLOB, y MEDIUMBLOB, z LONGBLOB,
    aa ENUM('x', 'y', 'ü'), ab SET('p', 'q', 'r'), ac JSON, ad POINT, ae GEOMETRY, af INET4, ag INET6, ah UUID
);
INSERT INTO every_type VALUES (
    NULL, -128, 65535, -8388608, 18446744073709551615, 12345678901234567890.0123456789, 1.5, -2.5e300, b'10101010101',
    TRUE, '2024-02-29', '-838:59:59.999999', '9999-12-31 23:59:59.999999', '2001-09-09 01:46:40.123456', 2155,
    'ab', 'grüße 🐺', x'0001fe', x'00ff00', 'tiny', 'text', 'medium', 'long', x'00', x'01', x'02', x'03', 'ü', 'p,r',
    '{"k": [1, 2.5, null, "ü"]}', POINT(1, 2), ST_GeomFromText('LINESTRING(0 0, 1 1)'), '192.168.0.1', '2001:db8::1',
    '123e4567-e89b-12d3-a456-426655440000');
INSERT INTO every_type (id) VALUES (NULL);
INSERT INTO every_type (a, m) SELECT a, m FROM every_type;
UPDATE every_type SET p = REPEAT('🐺', 50), m = NULL WHERE id = 1;

-- What differs from server to server when a statement runs twice.
CREATE TABLE volatile (id INT AUTO_INCREMENT PRIMARY KEY, n DATETIME(6), s DATETIME(6), u CHAR(36), r DOUBLE, h VARCHAR(200), c INT);
INSERT INTO volatile (n, s, u, r, h, c) VALUES (NOW(6), SYSDATE(6), UUID(), RAND(), @@hostname, CONNECTION_ID());
INSERT INTO volatile (n, u, r) SELECT NOW(6), UUID(), RAND() FROM seq_1_to_500;
UPDATE volatile SET r = RAND() ORDER BY RAND() LIMIT 100;
DELETE FROM volatile ORDER BY RAND() LIMIT 50;

-- Transactions and savepoints.
CREATE TABLE tx (id INT PRIMARY KEY, v VARCHAR(50));
START TRANSACTION; INSERT INTO tx VALUES (1, 'kept'); SAVEPOINT s1; INSERT INTO tx VALUES (2, 'gone');
ROLLBACK TO s1; INSERT INTO tx VALUES (3, 'kept too'); RELEASE SAVEPOINT s1; COMMIT;
START TRANSACTION; INSERT INTO tx VALUES (4, 'gone'); ROLLBACK;
SET autocommit = 0; INSERT INTO tx VALUES (5, 'kept'); COMMIT; SET autocommit = 1;
INSERT IGNORE INTO tx VALUES (1, 'dup'), (6, 'new');
REPLACE INTO tx VALUES (1, 'replaced');
INSERT INTO tx VALUES (1, 'x') ON DUPLICATE KEY UPDATE v = CONCAT(v, '!');

-- Triggers, routines, events.
CREATE TABLE audit (id BIGINT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(100), at DATETIME(6) DEFAULT NOW(6));
CREATE TRIGGER tx_insert AFTER INSERT ON tx FOR EACH ROW INSERT INTO audit (what) VALUES (CONCAT('i', NEW.id));
DELIMITER //
CREATE TRIGGER tx_update BEFORE UPDATE ON tx FOR EACH ROW BEGIN SET NEW.v = CONCAT(NEW.v, '+'); END//
CREATE PROCEDURE fill(IN n INT) BEGIN DECLARE i INT DEFAULT 0; WHILE i < n DO INSERT INTO tx VALUES (100 + i, UUID()); SET i = i + 1; END WHILE; END//
CREATE FUNCTION twice(x INT) RETURNS INT NOT DETERMINISTIC NO SQL RETURN x * 2//
DELIMITER ;
CALL fill(50);
INSERT INTO tx SELECT twice(id) + 1000, 'f' FROM tx WHERE id < 110;
UPDATE tx SET v = 'u' WHERE id BETWEEN 100 AND 120;
CREATE EVENT later ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01' DO INSERT INTO audit (what) VALUES ('event');

-- Generated columns, checks, foreign keys, indexes of all kinds, partitions, system versioning.
CREATE TABLE generated (a INT PRIMARY KEY, b INT AS (a * 2) VIRTUAL, c VARCHAR(30) AS (CONCAT('v', a)) STORED, KEY (b), CHECK (a < 1000));
INSERT INTO generated (a) VALUES (1), (2), (3);
CREATE TABLE parent (id INT PRIMARY KEY) ENGINE = InnoDB;
CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1, 1), (2, 1), (3, 2);
DELETE FROM parent WHERE id = 1; UPDATE parent SET id = 20 WHERE id = 2;
CREATE TABLE parts (id INT, d DATE, KEY (id)) PARTITION BY RANGE (YEAR(d)) (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO parts VALUES (1, '1999-01-01'), (2, '2020-01-01');
ALTER TABLE parts TRUNCATE PARTITION p0;
CREATE TABLE versioned (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING;
INSERT INTO versioned VALUES (1, 1); UPDATE versioned SET v = 2; DELETE FROM versioned;
CREATE TABLE no_key (a INT, b VARCHAR(10)); INSERT INTO no_key VALUES (1, 'x'), (1, 'x'), (2, NULL); DELETE FROM no_key WHERE a = 1 LIMIT 1;
CREATE TABLE searched (id INT PRIMARY KEY, body TEXT, FULLTEXT (body)); INSERT INTO searched VALUES (1, 'quick brown wolf');

-- DDL of all kinds.
ALTER TABLE tx ADD COLUMN extra JSON DEFAULT '[]', ADD INDEX (v), ALGORITHM = INPLACE;
ALTER TABLE tx ADD COLUMN instant INT DEFAULT 7, ALGORITHM = INSTANT;
ALTER TABLE tx MODIFY v VARCHAR(400) CHARACTER SET latin1;
ALTER TABLE tx RENAME COLUMN extra TO more;
CREATE OR REPLACE TABLE replaced AS SELECT id, v FROM tx WHERE id < 10;
CREATE TABLE copied LIKE every_type;
RENAME TABLE copied TO corpus_other.copied;
CREATE TABLE doomed (id INT); TRUNCATE TABLE doomed; DROP TABLE doomed; DROP TABLE IF EXISTS doomed;
CREATE VIEW totals AS SELECT COUNT(*) AS n, MAX(id) AS top FROM tx;
CREATE OR REPLACE ALGORITHM = MERGE VIEW totals AS SELECT COUNT(*) AS n FROM tx;
CREATE INDEX late ON volatile (u); DROP INDEX late ON volatile;
ANALYZE TABLE tx; OPTIMIZE TABLE tx;
ALTER DATABASE corpus_other CHARACTER SET latin1;

-- Sequences, temporary tables, XA.
CREATE SEQUENCE numbers START WITH 100 INCREMENT BY 5 CACHE 10;
CREATE TABLE from_sequence (id BIGINT DEFAULT NEXT VALUE FOR numbers PRIMARY KEY, v INT);
INSERT INTO from_sequence (v) VALUES (1), (2), (3);
SELECT SETVAL(numbers, 1000); INSERT INTO from_sequence (v) VALUES (4);
CREATE TEMPORARY TABLE scratch (id INT); INSERT INTO scratch VALUES (1), (2);
INSERT INTO tx (id, v) SELECT id + 5000, 'from scratch' FROM scratch; DROP TEMPORARY TABLE scratch;
XA START 'one'; INSERT INTO tx (id, v) VALUES (6000, 'xa'); XA END 'one'; XA PREPARE 'one'; XA COMMIT 'one';
XA START 'two'; INSERT INTO tx (id, v) VALUES (6001, 'xa gone'); XA END 'two'; XA PREPARE 'two'; XA ROLLBACK 'two';
XA START 'three'; INSERT INTO tx (id, v) VALUES (6002, 'xa'); XA END 'three'; XA COMMIT 'three' ONE PHASE;

-- Users and grants.
CREATE USER reader@'%' IDENTIFIED BY 'r'; GRANT SELECT ON corpus.* TO reader@'%';
CREATE ROLE auditor; GRANT SELECT (id) ON corpus.tx TO auditor; GRANT auditor TO reader@'%'; SET DEFAULT ROLE auditor FOR reader@'%';
ALTER USER reader@'%' IDENTIFIED BY 'r2' PASSWORD EXPIRE NEVER; CREATE USER gone@'%'; DROP USER gone@'%';
REVOKE SELECT ON corpus.* FROM reader@'%'; GRANT INSERT ON corpus.tx TO reader@'%';

-- Odd session settings.
SET sql_mode = ''; INSERT INTO tx (id, v) VALUES (7000, REPEAT('long', 200)); SET sql_mode = DEFAULT;
SET time_zone = '+05:30'; INSERT INTO every_type (m) VALUES ('2020-06-01 12:00:00'); SET time_zone = DEFAULT;
SET SESSION binlog_row_image = MINIMAL; UPDATE tx SET instant = 8 WHERE id = 1; SET SESSION binlog_row_image = FULL;
SET insert_id = 900000; INSERT INTO audit (what) VALUES ('set id');
INSERT INTO tx (id, v) VALUES (7001, _latin1 x'fc');
