// The rooms of WriteAheadLog follow.
