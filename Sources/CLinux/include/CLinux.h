#pragma once
#include <sys/types.h>

/// `pidfd_open(2)`: a descriptor that becomes readable when the process ends; -1 with errno set.
int wolfscale_pidfd_open(pid_t pid);
