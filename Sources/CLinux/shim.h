#include <seccomp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Swift does not import fork. */
static inline pid_t vtpm_fork(void) { return fork(); }
