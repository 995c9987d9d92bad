/*
 * Rules and configurations of others: whatever they are, what comes out is a configuration, and
 * every line that is not understood is in it as a comment.
 */
#include "tests/fuzz/require.h"

#include "core/own.h"
#include "daemon/import/import.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FRAME "listen 127.0.0.1:65535 plain\nsite * -> status 404\n"
#define SIZE_MAX_INPUT 65536
#define CONTAINER "lxc.net.0.link = lxcbr0\nlxc.net.0.hwaddr = 00:16:3e:00:00:"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(struct slice text)
{
	struct conf_errors *errors = calloc(1, sizeof(*errors));
	struct conf_input in = {.name = "imported"};
	struct conf *c = NULL;
	struct buf whole;

	buf_init(&whole, IMPORT_OUTPUT_MAX);
	REQUIRE(errors && buf_append_str(&whole, FRAME) == 0 &&
		buf_append_slice(&whole, text) == 0);
	in.text = buf_slice(&whole);
	if (conf_parse(&in, &c, NULL, errors) < 0) {
		(void)fprintf(stderr, "%u: %s\n%.*s", errors->errors[0].line, errors->errors[0].msg,
			SLICE_ARG(in.text));
		REQUIRE(!"a configuration");
	}
	conf_unref(&c);
	buf_clear(&whole);
	free(errors);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data + 1, size - 1);
	struct import i;
	struct err e = {0};
	struct buf out;

	if (size < 1 || size > SIZE_MAX_INPUT)
		return 0;
	REQUIRE(import_init(&i) == 0);
	switch (data[0] % 5) {
	case 0:
		import_iptables(&i, text);
		break;
	case 1:
		import_nft(&i, text);
		break;
	case 2:
		import_lxc_net(&i, text);
		break;
	case 3:
		import_lxc_container(&i, SLICE_LIT("one"), text);
		import_lxc_name(&i, SLICE_LIT("two"), text);
		break;
	default:
		import_lxc_container(&i, SLICE_LIT("web"), SLICE_LIT(CONTAINER "11"));
		import_lxc_container(&i, SLICE_LIT("db"), SLICE_LIT(CONTAINER "12"));
		import_dhcp_hosts(&i, text);
		import_dhcp_leases(&i, text);
		break;
	}
	buf_init(&out, IMPORT_OUTPUT_MAX);
	REQUIRE(import_print(&i, &out, &e) == 0);
	check(buf_slice(&out));
	buf_clear(&out);
	import_clear(&i);
	return 0;
}
