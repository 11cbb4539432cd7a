// The rooms of MariaDBWire follow.
