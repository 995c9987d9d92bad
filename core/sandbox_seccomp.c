/*
 * The seccomp allow-lists: turns the tables of sandbox_calls.h into a filter, adds the rules that
 * look at arguments, and loads it. What is not allowed kills the whole process.
 */
#include "core/sandbox_calls.h"
#include "core/sandbox_steps.h"
#include "core/own.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALL(name) SCMP_SYS(name),

static const int common[] = {SANDBOX_CALLS_COMMON(CALL)};
static const int proxy[] = {SANDBOX_CALLS_PROXY(CALL)};
static const int router[] = {SANDBOX_CALLS_ROUTER(CALL)};
static const int control[] = {SANDBOX_CALLS_CONTROL(CALL)};
#ifdef SLUICE_SANITIZED
static const int sanitizer[] = {SANDBOX_CALLS_SANITIZER(CALL)};
#endif

/* Allowed only when the argument's bits under mask equal value. */
struct argument {
	int call;
	unsigned index;
	uint64_t mask;
	uint64_t value;
};

#define WHOLE UINT64_MAX

static const struct argument common_arguments[] = {
	/* A page is never executable: nothing is loaded late. */
	{SCMP_SYS(mmap), 2, PROT_EXEC, 0},
	{SCMP_SYS(mprotect), 2, PROT_EXEC, 0},
	{SCMP_SYS(socketpair), 0, WHOLE, AF_UNIX},
	{SCMP_SYS(prctl), 0, WHOLE, PR_SET_NAME},
	{SCMP_SYS(prctl), 0, WHOLE, PR_GET_NAME},
	/* Only of the process itself: pid 0. */
	{SCMP_SYS(prlimit64), 0, WHOLE, 0},
	{SCMP_SYS(ioctl), 1, WHOLE, TCGETS}, /* isatty */
	{SCMP_SYS(ioctl), 1, WHOLE, FIONREAD},
	{SCMP_SYS(ioctl), 1, WHOLE, FIONBIO},
};

static const struct argument proxy_arguments[] = {
	{SCMP_SYS(socket), 0, WHOLE, AF_INET},
	{SCMP_SYS(socket), 0, WHOLE, AF_INET6},
	/* Threads, no processes. */
	{SCMP_SYS(clone), 0, CLONE_VM | CLONE_THREAD, CLONE_VM | CLONE_THREAD},
	{SCMP_SYS(ioctl), 1, WHOLE, SIOCOUTQ},
};

static const struct argument control_arguments[] = {
	{SCMP_SYS(socket), 0, WHOLE, AF_UNIX},
};

static int
allow_calls(scmp_filter_ctx filter, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int
allow_arguments(scmp_filter_ctx filter, const struct argument *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct scmp_arg_cmp compare = {.arg = a[i].index,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = a[i].mask,
			.datum_b = a[i].value};
		int ret = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, a[i].call, 1, &compare);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The netlink protocols that routing needs; the last one tells who is connected to port 22. */
static int
allow_netlink(scmp_filter_ctx filter)
{
	static const unsigned protocols[] = {NETLINK_ROUTE, NETLINK_NETFILTER, NETLINK_SOCK_DIAG};

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		const struct scmp_arg_cmp compare[] = {
			{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_NETLINK},
			{.arg = 2, .op = SCMP_CMP_EQ, .datum_a = protocols[i]},
		};
		int ret = seccomp_rule_add_array(
			filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), ARRAY_SIZE(compare), compare);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int
allow_role(scmp_filter_ctx filter, enum sandbox_list list)
{
	int ret = 0;

	switch (list) {
	case SANDBOX_LIST_NONE:
		break;
	case SANDBOX_LIST_PROXY:
		ret = allow_calls(filter, proxy, ARRAY_SIZE(proxy));
		if (ret == 0)
			ret = allow_arguments(filter, proxy_arguments, ARRAY_SIZE(proxy_arguments));
		break;
	case SANDBOX_LIST_ROUTER:
		ret = allow_calls(filter, router, ARRAY_SIZE(router));
		if (ret == 0)
			ret = allow_netlink(filter);
		break;
	case SANDBOX_LIST_CONTROL:
		ret = allow_calls(filter, control, ARRAY_SIZE(control));
		if (ret == 0)
			ret = allow_arguments(
				filter, control_arguments, ARRAY_SIZE(control_arguments));
		break;
	}
	return ret;
}

static int
fill_filter(scmp_filter_ctx filter, enum sandbox_list list)
{
	/* abort() sends a signal to its own thread. */
	struct argument own_threads = {SCMP_SYS(tgkill), 0, WHOLE, (uint64_t)getpid()};
	int ret = allow_calls(filter, common, ARRAY_SIZE(common));

	if (ret == 0)
		ret = allow_arguments(filter, common_arguments, ARRAY_SIZE(common_arguments));
	if (ret == 0)
		ret = allow_arguments(filter, &own_threads, 1);
	if (ret == 0)
		ret = allow_role(filter, list);
#ifdef SLUICE_SANITIZED
	if (ret == 0)
		ret = allow_calls(filter, sanitizer, ARRAY_SIZE(sanitizer));
#endif
	/* Its flags lie in memory, where no filter sees them; glibc falls back to clone. */
	if (ret == 0)
		ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return ret;
}

int
sandbox_seccomp_enter(enum sandbox_list list, struct err *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret;

	if (!filter)
		return err_set(e, "seccomp: out of memory");
	ret = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A binary tree: the cost of a call does not grow with the list. */
	if (ret == 0)
		ret = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (ret == 0)
		ret = fill_filter(filter, list);
	if (ret == 0)
		ret = seccomp_load(filter);
	seccomp_release(filter);
	return ret < 0 ? err_errno(e, -ret, "seccomp") : 0;
}
