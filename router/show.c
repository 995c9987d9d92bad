/* What an operator is shown of the router: the table's texts, handed to control in a sealed file.
 */
#include "router/process.h"

#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"
#include "router/nft/nft_count.h"
#include "router/nft/nft_show.h"

#include <stdlib.h>

#define FORWARDS_A_MESSAGE 1500

/* The difference as comments, so that the whole is still nft's syntax. */
static int
append_comments(struct slice diff, struct buf *out)
{
	if (buf_append_str(out, "# planned (-) and in the kernel (+) differ:\n") < 0)
		return -1;
	while (diff.n) {
		struct slice line = slice_head(diff, slice_index(diff, '\n'));

		diff = slice_skip(diff, line.n + 1);
		if (buf_printf(out, "# %.*s\n", SLICE_ARG(line)) < 0)
			return -1;
	}
	return 0;
}

/* Whoever has nft check the text where the tables are hears "Operation not permitted". */
static int
append_owner(const struct router *r, struct buf *out)
{
	if (!r->nft.table_flags)
		return 0;
	return buf_append_str(out,
		"# sluiced owns these tables, and nobody else can change them, not even to check "
		"this text; elsewhere nft can: sluice nft show | unshare -n nft -c -f -\n");
}

static int
show_both(struct router *r, struct buf *out, bool *ret_same, struct err *e)
{
	size_t first = buf_len(out);
	struct buf diff;
	int rc;

	buf_init(&diff, NFT_SHOW_TEXT_MAX);
	rc = nft_show_kernel(&r->nft, out, e);
	if (rc == 0)
		rc = nft_show_compare(&r->nft, &r->ruleset, slice_skip(buf_slice(out), first),
			&diff, ret_same, e);
	if (rc == 0 && *ret_same)
		rc = buf_append_str(out, "# this is what is planned\n");
	else if (rc == 0)
		rc = append_comments(buf_slice(&diff), out);
	buf_clear(&diff);
	return rc;
}

static int
show_view(struct router *r, enum nft_view view, struct buf *out, bool *ret_same, struct err *e)
{
	*ret_same = true;
	if (!r->installed)
		return err_set(e, "the router has no rules yet");
	if (view != NFT_VIEW_DIFF && append_owner(r, out) < 0)
		return err_set(e, "out of memory");
	switch (view) {
	case NFT_VIEW_BOTH:
		return show_both(r, out, ret_same, e);
	case NFT_VIEW_PLANNED:
		return nft_show_planned(&r->ruleset, &r->bans, out, e);
	case NFT_VIEW_KERNEL:
		return nft_show_kernel(&r->nft, out, e);
	case NFT_VIEW_DIFF:
		return nft_show_diff(&r->nft, &r->ruleset, out, ret_same, e);
	case NFT_VIEW_COUNT:
		break;
	}
	return err_set(e, "there is no such view of the table");
}

void
show_nft(struct router *r, uint64_t id, enum nft_view view)
{
	struct err e = {0}, none = {0};
	struct msg_out m;
	struct buf text;
	_fd_ int fd = -1;
	bool same = true;

	buf_init(&text, NFT_SHOW_TEXT_MAX);
	if (show_view(r, view, &text, &same, &e) < 0) {
		buf_reset(&text);
		if (!e.msg[0])
			err_set(&e, "the text exceeds %d bytes", NFT_SHOW_TEXT_MAX);
	}
	fd = memfd_new("nft", buf_slice(&text), &none);
	buf_clear(&text);
	if (fd < 0 || msg_out_init(&m, MSG_NFT_TEXT, ROLE_CONTROL) < 0) {
		log_err("the ruleset cannot be shown", &none);
		return;
	}
	msg_put_u64(&m, id);
	msg_put_u8(&m, same);
	msg_put_str(&m, e.msg);
	msg_put_fd(&m, fd);
	(void)chan_send(r->chan, &m);
}

static void
send_counts(struct router *r, uint64_t id, const struct nft_count *v, size_t n, bool more)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_FORWARDS, ROLE_CONTROL) < 0)
		return;
	msg_put_u64(&m, id);
	msg_put_u8(&m, more);
	for (size_t i = 0; i < n; i++) {
		msg_put_u32(&m, v[i].ordinal);
		msg_put_u64(&m, v[i].hits);
		msg_put_u64(&m, v[i].packets);
		msg_put_u64(&m, v[i].bytes);
	}
	(void)chan_send(r->chan, &m);
}

void
show_forwards(struct router *r, uint64_t id)
{
	_free_ struct nft_count *counts = NULL;
	size_t n = 0, first = 0;
	struct err e = {0};

	if (r->installed && nft_count_forwards(&r->nft, &r->ruleset, &counts, &n, &e) < 0)
		log_err("forwards are not counted", &e);
	do {
		size_t left = n - first;
		size_t some = left < FORWARDS_A_MESSAGE ? left : FORWARDS_A_MESSAGE;

		send_counts(r, id, counts + first, some, first + some < n);
		first += some;
	} while (first < n);
}
