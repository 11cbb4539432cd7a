// The rooms of MariaDBClient follow.
