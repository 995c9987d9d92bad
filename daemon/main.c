/*
 * sluiced: options, and which process this is. Started by a user it becomes "sluiced: parent";
 * started by the parent, argv[0] says its role.
 */
#include "conf/conf.h"
#include "core/log.h"
#include "core/num.h"
#include "core/own.h"
#include "core/proc.h"
#include "core/sandbox.h"
#include "daemon/commands.h"
#include "daemon/parent.h"
#include "daemon/roles.h"
#include "lxc/module.h"
#include "proxy/proxy.h"
#include "router/router.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum mode { MODE_RUN, MODE_CHECK, MODE_UNDO, MODE_PROBE };

static const char usage_text[] =
	"usage: sluiced [-n | --undo] -f FILE\n"
	"       sluiced --probe-sandbox | --version | --help\n"
	"\n"
	"  -f FILE            the configuration; runs in the foreground\n"
	"  -n, --check        check FILE and the files it names, then end\n"
	"      --undo         remove the nftables table and put changed sysctls back\n"
	"      --probe-sandbox  try what each sandbox must refuse\n"
	"\n"
	"SIGHUP reads FILE again, SIGUSR1 reopens the access log, SIGTERM ends the daemon\n"
	"and leaves containers and rules as they are. See sluiced(8), sluice.conf(5).\n";

static int
run_role(enum role role, const char *job)
{
	switch (role) {
	case ROLE_PROXY:
		return proxy_main();
	case ROLE_ROUTER:
		return router_main();
	case ROLE_LXC:
		return lxc_main();
	case ROLE_CONTROL:
		return control_main();
	case ROLE_HELPER:
		return lxc_helper_main(job);
	case ROLE_PARENT:
	case ROLE_COUNT:
		break;
	}
	(void)fprintf(stderr, "sluiced: not a process to be started like this\n");
	return 2;
}

/* Runs the parent under its own name. argv[0] of the new image says that this was done, so it
 * happens once; where it can't be, only the name is missing. */
static int
run_parent(const char *file)
{
	char name[] = "sluiced: parent", option[] = "-f";
	_free_ char *copy = strdup(file);
	char *const argv[] = {name, option, copy, NULL};

	if (copy)
		execv("/proc/self/exe", argv);
	return parent_main(file, -1, false);
}

/* The parent under its own name: "-f FILE", and behind it what an upgrade adds (upgrade.h). */
static int
run_named_parent(int argc, char *const argv[])
{
	uint64_t fd = 0;
	bool rehearse = argc == 6 && strcmp(argv[5], "--rehearse") == 0;

	if (argc == 3)
		return parent_main(argv[2], -1, false);
	if ((argc != 5 && !rehearse) || strcmp(argv[3], "--inherit") != 0 ||
		num_parse(slice_str(argv[4]), STDERR_FILENO + 1, INT32_MAX, &fd) < 0)
		return 2;
	return parent_main(argv[2], (int)fd, rehearse);
}

static int
probe(void)
{
	struct err e = {0};
	int allowed = sandbox_probe(&e);

	if (allowed < 0)
		(void)fprintf(stderr, "sluiced: %s\n", e.msg);
	return allowed == 0 ? 0 : 1;
}

static int
run_mode(enum mode mode, const char *file)
{
	if (mode == MODE_PROBE)
		return probe();
	if (!file) {
		(void)fputs(usage_text, stderr);
		return 2;
	}
	if (mode == MODE_CHECK)
		return command_check(file);
	if (mode == MODE_UNDO)
		return command_undo(file);
	return run_parent(file);
}

static int
parse_options(int argc, char *argv[])
{
	static const struct option options[] = {
		{"check", no_argument, NULL, 'n'},
		{"undo", no_argument, NULL, 'u'},
		{"probe-sandbox", no_argument, NULL, 'p'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	enum mode mode = MODE_RUN;
	const char *file = NULL;
	int option;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((option = getopt_long(argc, argv, "f:nh", options, NULL)) != -1) {
		switch (option) {
		case 'f':
			file = optarg;
			break;
		case 'n':
			mode = MODE_CHECK;
			break;
		case 'u':
			mode = MODE_UNDO;
			break;
		case 'p':
			mode = MODE_PROBE;
			break;
		case 'V':
			puts("sluiced " SLUICE_VERSION);
			return 0;
		case 'h':
			(void)fputs(usage_text, stdout);
			return 0;
		default:
			(void)fputs(usage_text, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		(void)fputs(usage_text, stderr);
		return 2;
	}
	return run_mode(mode, file);
}

int
main(int argc, char *argv[])
{
	enum role role;
	const char *job;

	/* What is created says its own mode, and a caller's umask must not take from it: the proxy
	 * has to pass through the run folder, containers through lxc-path. */
	(void)umask(022);
	if (argc > 0 && proc_parse_argv0(argv[0], &role, &job) == 0) {
		if (role != ROLE_PARENT)
			return run_role(role, job);
		return run_named_parent(argc, argv);
	}
	return parse_options(argc, argv);
}
