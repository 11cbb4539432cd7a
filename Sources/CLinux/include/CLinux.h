#pragma once
#include <sys/types.h>

/// `pidfd_open(2)`: a descriptor that becomes readable when the process ends; -1 with errno set.
int wolfscale_pidfd_open(pid_t pid);

#include <spawn.h>

/// `posix_spawn_file_actions_addclosefrom_np(3)`, glibc 2.34: the child has nothing open from `from` on.
int wolfscale_spawn_close_from(posix_spawn_file_actions_t *actions, int from);

/// Opens the TUN device `name` (made if there is none; IP packets without a header, TUN(4)), not blocking; it may be moved to another
/// network namespace afterwards. -1 with errno set.
int wolfscale_open_tun(const char *name);

/// A socket that belongs to the network namespace at `path` (as /run/netns/NAME), whatever the calling thread's is. -1 with errno set.
int wolfscale_socket_in(const char *path, int domain, int type);

/// Waits until one of the descriptors can be read, at most `nanoseconds`; negative: as long as it takes.
///
/// Returns how many can be, 0 after the time, -1 with errno set. `count` is at most 8.
int wolfscale_wait_readable(const int *descriptors, unsigned count, long long nanoseconds);

/// `mallopt(3)`: allocations of `mapped_from` bytes and more are mapped one by one and go back to the system when they are freed; the
/// others come from at most `arenas` arenas, each of which keeps up to `kept` free bytes at its end.
void wolfscale_tune_allocator(int mapped_from, int kept, int arenas);
