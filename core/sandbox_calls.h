/*
 * The system calls of the sandboxes: an allow-list for all, one for each role on top of it, and
 * what a build with sanitizers needs besides. Anything else kills the process. Calls whose
 * arguments are looked at are not here but in sandbox_seccomp.c: socket, socketpair, clone,
 * clone3, mmap, mprotect, ioctl, prctl, prlimit64, tgkill.
 */
#ifndef CORE_SANDBOX_CALLS_H
#define CORE_SANDBOX_CALLS_H

/* clang-format off */
#define SANDBOX_CALLS_COMMON(X) \
	/* descriptors */ \
	X(read) X(readv) X(pread64) X(preadv) X(preadv2) \
	X(write) X(writev) X(pwrite64) X(pwritev) X(pwritev2) \
	X(close) X(close_range) X(dup) X(dup2) X(dup3) X(fcntl) X(lseek) X(pipe) X(pipe2) \
	/* files: which ones, Landlock says */ \
	X(open) X(openat) X(openat2) X(access) X(faccessat) X(faccessat2) \
	X(stat) X(lstat) X(fstat) X(newfstatat) X(statx) X(statfs) X(fstatfs) \
	X(readlink) X(readlinkat) X(getdents64) X(getcwd) \
	/* waiting: libevent and glibc */ \
	X(epoll_create) X(epoll_create1) X(epoll_ctl) X(epoll_wait) X(epoll_pwait) \
	X(epoll_pwait2) X(eventfd2) X(timerfd_create) X(timerfd_settime) X(timerfd_gettime) \
	X(poll) X(ppoll) X(select) X(pselect6) \
	/* sockets that are there */ \
	X(recvmsg) X(recvfrom) X(recvmmsg) X(sendmsg) X(sendto) X(sendmmsg) X(shutdown) \
	X(getsockopt) X(setsockopt) X(getsockname) X(getpeername) \
	/* memory */ \
	X(munmap) X(mremap) X(madvise) X(brk) X(membarrier) X(mincore) \
	/* threads and locks */ \
	X(futex) X(rseq) X(set_robust_list) X(get_robust_list) X(set_tid_address) \
	X(sched_yield) X(sched_getaffinity) X(getcpu) \
	/* signals */ \
	X(rt_sigaction) X(rt_sigprocmask) X(rt_sigreturn) X(rt_sigpending) \
	X(rt_sigtimedwait) X(sigaltstack) X(restart_syscall) \
	/* time and chance */ \
	X(clock_gettime) X(clock_getres) X(clock_nanosleep) X(nanosleep) X(gettimeofday) \
	X(time) X(times) X(getrandom) \
	/* about ourselves and the machine */ \
	X(getpid) X(gettid) X(getppid) X(getuid) X(geteuid) X(getgid) X(getegid) \
	X(getrlimit) X(getrusage) X(uname) X(sysinfo) \
	X(exit) X(exit_group)

#define SANDBOX_CALLS_PROXY(X) \
	X(accept) X(accept4) X(connect) \
	X(sendfile) X(splice) X(tee) X(fadvise64) X(readahead) \
	X(inotify_init1) X(inotify_add_watch) X(inotify_rm_watch) \
	X(flock) X(ftruncate) X(fsync) X(fdatasync) X(unlinkat) \
	X(sched_setaffinity) X(setrlimit) X(memfd_create)

#define SANDBOX_CALLS_ROUTER(X) \
	X(bind) X(memfd_create)

#define SANDBOX_CALLS_CONTROL(X) \
	X(accept) X(accept4)

/* LeakSanitizer stops the process from a tracer of its own (clone, ptrace, wait4); the others
 * write their reports into files. */
#define SANDBOX_CALLS_SANITIZER(X) \
	X(clone) X(ptrace) X(wait4) X(waitid) X(ioctl) X(prctl) X(mmap) X(mprotect) X(tgkill) \
	X(kill) X(prlimit64) X(personality) X(fsync) X(ftruncate) X(mkdir) X(unlink) \
	X(sched_setaffinity) X(process_vm_readv) X(mlock) X(munlock) X(sched_getparam) \
	X(sched_getscheduler) X(arch_prctl) X(rename) X(getdents)
/* clang-format on */

#endif
