#include <linux/sched.h>
#include <malloc.h>
#include <seccomp.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Swift does not import fork. */
static inline pid_t vtpm_fork(void) { return fork(); }

/* Swift imports no function with variable arguments. */
static inline int vtpm_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
static inline int vtpm_prctl(int option, unsigned long value) { return prctl(option, value, 0UL, 0UL, 0UL); }

/* GNU's, which the headers hide from Swift: POSIX_SPAWN_SETSID, and a call of glibc 2.34. */
static const short vtpm_spawn_setsid = 0x80;
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
