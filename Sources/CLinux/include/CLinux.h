#pragma once
#include <sys/types.h>

/// `pidfd_open(2)`: a descriptor that becomes readable when the process ends; -1 with errno set.
int wolfscale_pidfd_open(pid_t pid);

#include <spawn.h>

/// `posix_spawn_file_actions_addclosefrom_np(3)`, glibc 2.34: the child has nothing open from `from` on.
int wolfscale_spawn_close_from(posix_spawn_file_actions_t *actions, int from);
