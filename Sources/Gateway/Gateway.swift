// The rooms of Gateway follow.
