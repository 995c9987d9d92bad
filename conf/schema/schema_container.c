/* The language: containers. */
#include "conf/schema/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "container",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.repeats = true,
		.block = PART_MAY,
		.opens = CONTEXT_CONTAINER,
		.set = set_container,
		.arguments = "NAME [{ ... }]",
		.doc = "Names an LXC container that Sluice keeps.",
		.more = "It is created when it does not exist. One that exists is adopted: only "
			"the keys that "
			"the block names are edited, and its old configuration is kept beside it "
			"as "
			"config.before-sluice. A container that the file does not name is listed "
			"and never "
			"touched; one whose block is removed goes on running, unmanaged.",
		.example = "container wiki {\n"
			   "    image   debian/bookworm\n"
			   "    address 10.0.3.102\n"
			   "    memory  256M\n"
			   "    autostart order 1\n"
			   "}",
	},
	{
		.name = "lxc-path",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_lxc_path,
		.arguments = "FOLDER",
		.default_value = CONF_DEFAULT_LXC_PATH,
		.doc = "Names the folder where the containers are.",
		.more = "The default is LXC's own, so that lxc-ls(1) and lxc-attach(1) see the "
			"same containers. "
			"It can't change while the daemon runs.",
		.example = "lxc-path /var/lib/lxc",
	},
	{
		.name = "image",
		.context = CONTEXT_CONTAINER,
		.min = 1,
		.max = WORDS_ANY,
		.set = set_image,
		.arguments = "DISTRIBUTION/RELEASE | busybox | template NAME [ARGUMENT...]",
		.default_value = "none; the container must exist",
		.doc = "Says what the container is made from when it does not exist.",
		.more = "It is ignored for a container that exists.",
		.example = "image debian/bookworm",
	},
	{
		.name = "address",
		.context = CONTEXT_CONTAINER,
		.min = 1,
		.max = 2,
		.set = set_address,
		.arguments = "ADDRESS|auto [ADDRESS6|auto]",
		.default_value = "none",
		.doc = "Gives the container a fixed address on the bridge.",
		.more = "Routes and forwards need one. auto picks a free one of the bridge's "
			"network, "
			"and alone also one of its IPv6 prefix, if it has one. What was picked is "
			"kept in the state folder: the container has it over reloads, restarts and "
			"reboots. Free is what neither the bridge, nor another container of the "
			"file, nor the configuration of any container in lxc-path has, and what "
			"nobody on the bridge answers for. A container that exists keeps the "
			"address of its own configuration. A name that has left the file, and a "
			"container that was renamed, gives its address back after a day.",
		.example = "address auto",
	},
	{
		.name = "memory",
		.context = CONTEXT_CONTAINER,
		.min = 1,
		.max = 3,
		.set = set_memory,
		.arguments = "SIZE [swap SIZE]",
		.default_value = "no limit",
		.doc = "Limits the container's memory, and the swap that it may use on top.",
		.more = "Without swap it has none.",
		.example = "memory 750M swap 250M",
	},
	{
		.name = "cpus",
		.context = CONTEXT_CONTAINER,
		.min = 1,
		.max = 1,
		.set = set_cpus,
		.arguments = "LIST",
		.default_value = "all",
		.doc = "Says on which CPUs the container may run.",
		.example = "cpus 0-1,3",
	},
	{
		.name = "autostart",
		.context = CONTEXT_CONTAINER,
		.min = 0,
		.max = 4,
		.set = set_autostart,
		.arguments = "[order N] [delay TIME]",
		.default_value = "not started by itself",
		.doc = "Starts the container with the host.",
		.more = "The lower order starts first and stops last; equal ones go in the order "
			"of the file.",
		.example = "autostart order 3 delay 10s",
	},
	{
		.name = "mount",
		.context = CONTEXT_CONTAINER,
		.min = 2,
		.max = 3,
		.repeats = true,
		.set = set_mount,
		.arguments = "SOURCE TARGET [ro|rw]",
		.default_value = "ro",
		.doc = "Shows a folder of the host inside the container.",
		.more = "The source is absolute, the target relative to the container's root.",
		.example = "mount /srv/jenkins home/jenkins rw",
	},
	{
		.name = "privileged",
		.context = CONTEXT_CONTAINER,
		.min = 1,
		.max = 1,
		.set = set_privileged,
		.arguments = "yes|no",
		.default_value = "no",
		.doc = "Creates the container with the host's user ids instead of a range of its "
		       "own.",
		.more = "The root of a privileged container is root of the host to much of the "
			"kernel.",
		.example = "privileged yes",
	},
	{
		.name = "stop-timeout",
		.context = CONTEXT_CONTAINER,
		.min = 1,
		.max = 1,
		.set = set_stop_timeout,
		.arguments = "TIME",
		.default_value = "10s",
		.doc = "Says how long the container may take to stop before it is killed.",
		.example = "stop-timeout 30s",
	},
};

static const struct schema_word words[] = {
	{"image", "busybox", CONF_IMAGE_BUSYBOX, "", "the small system of the busybox template"},
	{"image", "template", CONF_IMAGE_TEMPLATE, "NAME [ARGUMENT...]",
		"what an installed lxc template makes with these arguments"},
	{"address", "auto", 0, "", "a free one, kept from then on"},
	{"memory", "swap", 0, "SIZE", "swap on top of the memory"},
	{"autostart", "order", 0, "N", "its place in the order; 0 when it is not given"},
	{"autostart", "delay", 1, "TIME", "waited after its start, before the next one is started"},
	{"mount", "ro", 0, "", "the container may read"},
	{"mount", "rw", 1, "", "the container may read and write"},
	{"privileged", "no", 0, "", "a range of user ids of its own"},
	{"privileged", "yes", 1, "", "the host's user ids"},
};

const struct schema_table schema_container = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
