// The rooms of Probes follow.
