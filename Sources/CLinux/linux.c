#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Calls that Swift can't make itself: syscall(2) is variadic, and Glibc's module map leaves out what is not POSIX.

int wolfscale_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int wolfscale_spawn_close_from(posix_spawn_file_actions_t *actions, int from) {
    return posix_spawn_file_actions_addclosefrom_np(actions, from);
}

int wolfscale_open_tun(const char *name) {
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun < 0) return -1;
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (ioctl(tun, TUNSETIFF, &request) == 0) return tun;
    int error = errno;
    close(tun);
    errno = error;
    return -1;
}

int wolfscale_socket_in(const char *path, int domain, int type) {
    int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int other = open(path, O_RDONLY | O_CLOEXEC);
    int result = -1;
    if (own >= 0 && other >= 0 && setns(other, CLONE_NEWNET) == 0) {
        result = socket(domain, type | SOCK_CLOEXEC, 0);
        int error = errno;
        // A thread of somebody else's namespace would be worse than none.
        if (setns(own, CLONE_NEWNET) != 0) abort();
        errno = error;
    }
    int error = errno;
    if (own >= 0) close(own);
    if (other >= 0) close(other);
    errno = error;
    return result;
}

int wolfscale_wait_readable(const int *descriptors, unsigned count, long long nanoseconds) {
    struct pollfd polled[8];
    if (count > 8) {
        errno = EINVAL;
        return -1;
    }
    for (unsigned i = 0; i < count; i++) polled[i] = (struct pollfd){.fd = descriptors[i], .events = POLLIN};
    struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    return ppoll(polled, count, nanoseconds < 0 ? NULL : &limit, NULL);
}

#include <malloc.h>

void wolfscale_tune_allocator(int mapped_from, int kept, int arenas) {
    mallopt(M_MMAP_THRESHOLD, mapped_from);
    mallopt(M_TRIM_THRESHOLD, kept);
    mallopt(M_ARENA_MAX, arenas);
}
