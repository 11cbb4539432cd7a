// The lab follows.
