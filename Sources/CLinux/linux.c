#include "CLinux.h"
#include <sys/syscall.h>
#include <unistd.h>

// System calls that Swift can't make itself, since syscall(2) is variadic.

int wolfscale_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
