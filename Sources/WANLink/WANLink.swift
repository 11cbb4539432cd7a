// The rooms of WANLink follow.
