/* What the router counts, as metrics: what forwards carry, and how many flows containers have. */
#include "daemon/control/control_metrics.h"

#include "core/own.h"

static const struct {
	const char *name, *help, *value;
} forward_families[] = {
	{"sluice_forward_connections_total", "Connections that came by the forward.",
		"connections"},
	{"sluice_forward_packets_total", "Packets that the forward carried, both ways.", "packets"},
	{"sluice_forward_bytes_total", "Bytes that the forward carried, both ways.", "bytes"},
};

static int
put_label(struct buf *out, const char *name, const json_t *value)
{
	if (buf_printf(out, "%s=\"", name) < 0 || metrics_put_value(out, value) < 0)
		return -1;
	return buf_append_str(out, "\"");
}

/* {protocol="tcp",port="2222",on="",container="web",target="22"}; on: the address or the interface
 * that it is bound to. */
static int
put_forward(const char *name, const char *member, const json_t *forward, struct buf *out)
{
	const json_t *value = json_object_get(forward, member);
	const json_t *on = json_object_get(forward, "listen");

	if (!value)
		return 0;
	if (!on)
		on = json_object_get(forward, "interface");
	if (buf_printf(out, "%s{", name) < 0 ||
		put_label(out, "protocol", json_object_get(forward, "protocol")) < 0 ||
		put_label(out, ",port", json_object_get(forward, "port")) < 0 ||
		put_label(out, ",on", on) < 0 ||
		put_label(out, ",container", json_object_get(forward, "container")) < 0 ||
		put_label(out, ",target", json_object_get(forward, "target_port")) < 0)
		return -1;
	return buf_printf(out, "} %lld\n", (long long)json_integer_value(value));
}

static int
put_forwards(const json_t *forwards, struct buf *out)
{
	if (json_array_size(forwards) == 0)
		return 0;
	for (size_t f = 0; f < ARRAY_SIZE(forward_families); f++) {
		const char *name = forward_families[f].name;

		if (metrics_put_head(out, name, "counter", forward_families[f].help) < 0)
			return -1;
		for (size_t i = 0; i < json_array_size(forwards); i++)
			if (put_forward(name, forward_families[f].value,
				    json_array_get(forwards, i), out) < 0)
				return -1;
	}
	return 0;
}

static int
put_flows(const json_t *flows, struct buf *out)
{
	static const char name[] = "sluice_container_flows";
	static const char *const directions[] = {"in", "out"};

	if (json_array_size(flows) == 0)
		return 0;
	if (metrics_put_head(out, name, "gauge",
		    "Flows that the kernel remembers of the container: those that called it, and "
		    "those that it called.") < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(flows) * ARRAY_SIZE(directions); i++) {
		const json_t *of = json_array_get(flows, i / ARRAY_SIZE(directions));
		const char *direction = directions[i % ARRAY_SIZE(directions)];

		if (buf_printf(out, "%s{", name) < 0 ||
			put_label(out, "container", json_object_get(of, "container")) < 0 ||
			buf_printf(out, ",direction=\"%s\"} %lld\n", direction,
				(long long)json_integer_value(json_object_get(of, direction))) < 0)
			return -1;
	}
	return 0;
}

int
control_metrics_router(const json_t *usage, struct buf *out)
{
	if (put_forwards(json_object_get(usage, "forwards"), out) < 0)
		return -1;
	return put_flows(json_object_get(usage, "flows"), out);
}
