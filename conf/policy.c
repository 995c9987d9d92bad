/* Policies of containers as values and as text. */
#include "conf/policy.h"

#include <stdlib.h>
#include <string.h>

static bool
same_egress(const struct conf_egress *a, const struct conf_egress *b)
{
	if (a->low != b->low || a->high != b->high || !a->host != !b->host)
		return false;
	if (a->host)
		return strcmp(a->host, b->host) == 0 && a->container == b->container;
	return addr_eq(&a->net.addr, &b->net.addr) && a->net.len == b->net.len;
}

bool
conf_policy_equal(const struct conf_policy *a, const struct conf_policy *b)
{
	if (a->spoofing != b->spoofing || !a->egress_ordinal != !b->egress_ordinal ||
		a->n_egress != b->n_egress)
		return false;
	for (size_t i = 0; i < a->n_egress; i++)
		if (!same_egress(&a->egress[i], &b->egress[i]))
			return false;
	return true;
}

void
conf_policy_clear(struct conf_policy *policy)
{
	for (size_t i = 0; i < policy->n_egress; i++)
		free(policy->egress[i].host);
	free(policy->egress);
	*policy = (struct conf_policy){0};
}

static bool
same_link(const struct conf_link *a, const struct conf_link *b)
{
	if (strcmp(a->from, b->from) != 0 || strcmp(a->to, b->to) != 0 ||
		a->from_container != b->from_container || a->to_container != b->to_container ||
		a->tcp != b->tcp || a->udp != b->udp || a->n_ports != b->n_ports)
		return false;
	for (size_t i = 0; i < a->n_ports; i++)
		if (a->ports[i].low != b->ports[i].low || a->ports[i].high != b->ports[i].high)
			return false;
	return true;
}

bool
conf_isolation_equal(const struct conf_isolation *a, const struct conf_isolation *b)
{
	if (!a->isolate_ordinal != !b->isolate_ordinal || a->n_links != b->n_links)
		return false;
	for (size_t i = 0; i < a->n_links; i++)
		if (!same_link(&a->links[i], &b->links[i]))
			return false;
	return true;
}

void
conf_isolation_clear(struct conf_isolation *isolation)
{
	for (size_t i = 0; i < isolation->n_links; i++) {
		free(isolation->links[i].from);
		free(isolation->links[i].to);
		free(isolation->links[i].ports);
	}
	free(isolation->links);
	*isolation = (struct conf_isolation){0};
}

static void
print_egress(struct writer *w, const struct conf_egress *e)
{
	bool bracket = e->low && e->net.addr.family == AF_INET6;
	char text[ADDR_TEXT_MAX];

	writer_begin(w, e->ordinal, "egress");
	writer_raw(w, " allow ");
	writer_raw(w, bracket ? "[" : "");
	writer_raw(w, e->host ? e->host : prefix_print(&e->net, text));
	writer_raw(w, bracket ? "]" : "");
	if (e->low) {
		writer_raw(w, ":");
		writer_ports(w, e->low, e->high);
	}
	writer_end(w);
}

void
print_policy(struct writer *w, const struct conf_policy *policy)
{
	if (policy->egress_ordinal) {
		writer_begin(w, policy->egress_ordinal, "egress");
		writer_word(w, "deny");
		writer_end(w);
	}
	for (size_t i = 0; i < policy->n_egress; i++)
		print_egress(w, &policy->egress[i]);
	if (!policy->spoofing_ordinal)
		return;
	writer_begin(w, policy->spoofing_ordinal, "spoofing");
	writer_word(w, policy->spoofing == CONF_SPOOFING_ALLOW ? "allow" : "drop");
	writer_end(w);
}

static void
print_link(struct writer *w, const struct conf_link *l)
{
	writer_begin(w, l->ordinal, "link");
	writer_word(w, l->from);
	writer_raw(w, " -> ");
	writer_raw(w, l->to);
	writer_raw(w, ":");
	for (size_t i = 0; i < l->n_ports; i++) {
		if (i)
			writer_raw(w, " ");
		writer_ports(w, l->ports[i].low, l->ports[i].high);
	}
	if (l->udp)
		writer_word(w, l->tcp ? "both" : "udp");
	writer_end(w);
}

void
print_isolation(struct writer *w, const struct conf_isolation *isolation)
{
	if (isolation->isolate_ordinal) {
		writer_begin(w, isolation->isolate_ordinal, "isolate");
		writer_end(w);
	}
	for (size_t i = 0; i < isolation->n_links; i++)
		print_link(w, &isolation->links[i]);
}
