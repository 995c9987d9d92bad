/*
 * Sends a file that was found (exchange_folder.c): its head, then all of it or the parts that were
 * asked for, from memory, by sendfile(2) or through a buffer.
 */
#include "proxy/exchange/exchange.h"

#include "core/own.h"
#include "proxy/http/answer.h"
#include "proxy/file/mime.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_COMPRESS_MAX (16 * 1024) /* in one step */
#define FILE_FIRST_MAX                                                                             \
	CONN_TLS_RECORD_MAX            /* of an answer that is sent from memory: head and content */
#define FILE_SENDFILE_MAX (512 * 1024) /* in one call, so that others have their turn */
/* From here on the kernel may encrypt what is left of a file: to set that up costs two system calls
 * and a key schedule, and cannot be taken back. */
#define FILE_OFFLOAD_MIN (1024 * 1024)
#define FILE_READ_MAX (CONN_BATCH_MAX * CONN_TLS_RECORD_MAX) /* at once, for whole records */

/* Several parts are sent one after the other, each behind a head of its own. 0 or -1. */
static int
file_split(struct exchange *x, struct file_answer *answer, const struct file_facts *facts)
{
	char boundary[REQUEST_ID_LEN];

	x->parts = arena_alloc(x->arena, sizeof(*x->parts));
	if (!x->parts)
		return -1;
	request_id_next(&x->worker->request_ids, boundary);
	file_policy_split(answer, facts, slice_of(boundary, sizeof(boundary)));
	*x->parts =
		(struct file_parts){.answer = *answer, .size = facts->size, .type = facts->type};
	return 0;
}

void
exchange_start_file(struct exchange *x, const struct file_facts *facts)
{
	struct file_answer answer;
	enum http_body_kind kind;
	struct buf out;
	size_t before;

	file_policy_decide(&x->request, facts, &answer);
	if (answer.status == 405 || answer.status == 412) {
		exchange_answer(x, answer.status, NULL, NULL);
		return;
	}
	x->keep_alive = x->keep_alive && http_body_done(&x->request_body);
	if (answer.n_parts > 0 && file_split(x, &answer, facts) < 0) {
		exchange_answer(x, 503, NULL, "out of memory");
		return;
	}
	kind = answer.body ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
	out = exchange_out(x);
	before = buf_len(&out);
	if (!out.data ||
		file_policy_head(&answer, facts, worker_date(x->worker), x->keep_alive, &out) < 0 ||
		exchange_edit_head(x, CONF_HEADER_RESPONSE, before, &out) < 0 ||
		exchange_compress_head(x, before, &out, &kind) < 0) {
		exchange_answer(x, 500, NULL, "head does not fit");
		return;
	}
	exchange_out_done(x, &out);
	x->status = answer.status;
	x->answer_begun = true;
	x->file_at = (off_t)answer.start;
	x->file_left = answer.body && !x->parts ? answer.length : 0;
	exchange_set_state(x, EXCHANGE_FILE);
}

/* --- sending --------------------------------------------------------------------------------- */

/* The descriptor of a file whose content is not in memory. */
static int
file_descriptor(const struct exchange *x)
{
	return x->entry ? x->entry->fd : x->file;
}

/* n bytes of the file from x->file_at on. */
static ssize_t
file_read(const struct exchange *x, char *to, size_t n)
{
	if (!x->entry || !x->entry->content)
		return pread(file_descriptor(x), to, n, x->file_at);
	memcpy(to, x->entry->content + x->file_at, n);
	return (ssize_t)n;
}

static bool
file_has_more(const struct exchange *x)
{
	return x->file_left > 0 || x->compressor ||
	       (x->parts && x->parts->next <= x->parts->answer.n_parts);
}

/* What stands before the next part, or behind the last one. Without room it waits for its turn. */
static bool
file_next_part(struct exchange *x)
{
	struct file_parts *p = x->parts;
	char text[FILE_PART_HEAD_MAX];
	struct buf head = {.data = text, .cap = sizeof(text), .max = sizeof(text)};

	if (iobuf_hold(&x->front->out, &x->worker->blocks) < 0 ||
		file_policy_part(&p->answer, p->size, p->type, p->next, &head) < 0)
		return false;
	if (iobuf_append(&x->front->out, buf_slice(&head)) < 0)
		return true;
	x->body_sent += buf_len(&head);
	if (p->next < p->answer.n_parts) {
		x->file_at = (off_t)p->answer.parts[p->next].start;
		x->file_left = p->answer.parts[p->next].length;
	}
	p->next++;
	return true;
}

/* Where bytes can be sent from where they are. */
static bool
file_is_in_memory(const struct exchange *x)
{
	return x->entry && x->entry->content && !x->compressor && front_can_send(x->front);
}

/* Where whole records can be made of what is read. */
static bool
file_goes_by_records(const struct exchange *x)
{
	return front_can_send(x->front) && !front_can_send_file(x->front) && !x->compressor;
}

/* The next part through the compressor. What it does not take is read again. */
static bool
file_compress(struct exchange *x)
{
	size_t n = x->file_left < FILE_COMPRESS_MAX ? (size_t)x->file_left : FILE_COMPRESS_MAX;
	enum compressor_op op = n == x->file_left ? COMPRESSOR_END : COMPRESSOR_MORE;
	struct slice in = {.n = n};

	if (x->entry && x->entry->content) {
		in.p = x->entry->content + x->file_at;
	} else {
		buf_reset(&x->worker->text);
		in.p = buf_reserve(&x->worker->text, FILE_COMPRESS_MAX);
		if (!in.p || (n > 0 && file_read(x, x->worker->text.data, n) != (ssize_t)n))
			return false;
	}
	(void)exchange_compress(x, op, &in);
	x->file_at += (off_t)(n - in.n);
	x->file_left -= n - in.n;
	if (x->front->closed)
		return false;
	/* The compressor leaves room for it. */
	if (!x->compressor && x->answer_kind == HTTP_BODY_CHUNKED)
		(void)iobuf_append(&x->front->out, SLICE_LIT(HTTP_CHUNK_LAST));
	return true;
}

/* Reads the next part into the client's buffer. False: the file has become shorter. */
static bool
file_fill(struct exchange *x)
{
	struct iobuf *out = &x->front->out;
	size_t room;
	ssize_t n;

	if (x->compressor)
		return file_compress(x);
	if (iobuf_hold(out, &x->worker->blocks) < 0)
		return false;
	room = iobuf_room(out);
	/* One full record with the head; what follows is sent from where it is. */
	if ((file_is_in_memory(x) || (file_goes_by_records(x) && room < x->file_left)) &&
		room > FILE_FIRST_MAX - iobuf_len(out))
		room = FILE_FIRST_MAX - iobuf_len(out);
	if (room > x->file_left)
		room = (size_t)x->file_left;
	if (room == 0) /* the record that is full has to go first */
		return true;
	n = file_read(x, iobuf_tail(out), room);
	if (n <= 0)
		return false;
	out->end += (uint32_t)n;
	x->file_at += n;
	x->file_left -= (uint64_t)n;
	x->body_sent += (uint64_t)n;
	return true;
}

/* One step of a file whose content is in memory, without a copy. */
static enum front_io
file_send_content(struct exchange *x)
{
	struct slice rest = slice_of(x->entry->content + x->file_at, x->file_left);
	size_t n = 0;
	enum front_io result = front_send(x->front, rest, &n);

	x->file_at += (off_t)n;
	x->file_left -= n;
	x->body_sent += n;
	return result;
}

/* One step of a file that is read into memory of the thread's own: large reads, and nothing but
 * full records, which are sent at once with the one that waits in out. What the front does not take
 * is read again in its time. */
static enum front_io
file_send_records(struct exchange *x)
{
	size_t room = FILE_READ_MAX - (iobuf_len(&x->front->out) > 0 ? CONN_TLS_RECORD_MAX : 0);
	size_t most = x->file_left < room ? (size_t)x->file_left : room;
	struct buf *text = &x->worker->content;
	enum front_io result;
	size_t sent = 0;
	ssize_t n;

	buf_reset(text);
	n = buf_reserve(text, most) ? file_read(x, text->data, most) : -1;
	if (n <= 0)
		return FRONT_IO_CLOSED;
	result = front_send(x->front, slice_of(text->data, (size_t)n), &sent);
	x->file_at += (off_t)sent;
	x->file_left -= sent;
	x->body_sent += sent;
	return result;
}

/* One step of a file in clear text, without a copy. */
static enum front_io
file_send_plain(struct exchange *x)
{
	size_t most = x->file_left < FILE_SENDFILE_MAX ? (size_t)x->file_left : FILE_SENDFILE_MAX;
	size_t n = 0;
	enum front_io result = front_send_file(x->front, file_descriptor(x), &x->file_at, most, &n);

	if (result != FRONT_IO_OK)
		return result;
	if (n == 0)
		return FRONT_IO_CLOSED;
	x->file_left -= n;
	x->body_sent += n;
	return FRONT_IO_OK;
}

/* Whether the content need not be copied behind the head to leave with it. */
static bool
file_gathers(const struct exchange *x)
{
	return x->file_left >= FRONT_GATHER_MIN && file_is_in_memory(x) && front_gathers(x->front);
}

/* Whether so much is left of a file that is sent as it is, on a connection that goes on, that the
 * kernel may as well encrypt. */
static bool
file_is_worth_offload(const struct exchange *x)
{
	return x->file_left >= FILE_OFFLOAD_MIN && x->keep_alive && !x->parts &&
	       file_goes_by_records(x) && !file_is_in_memory(x) && file_descriptor(x) >= 0;
}

/* The head and the first part in one write, then part by part. */
static enum front_io
file_send_buffered(struct exchange *x)
{
	struct front *f = x->front;

	if (x->file_left == 0 && x->parts && file_has_more(x) && !file_next_part(x))
		return FRONT_IO_CLOSED;
	if (file_gathers(x)) {
		f->ends = !x->keep_alive && !x->parts;
		return file_send_content(x);
	}
	if ((x->file_left > 0 || x->compressor) && (!f->out.data || iobuf_room(&f->out) > 0) &&
		!file_fill(x))
		return FRONT_IO_CLOSED;
	f->complete = !file_has_more(x);
	f->ends = f->complete && !x->keep_alive;
	if (x->file_left == 0 || iobuf_len(&f->out) != FILE_FIRST_MAX)
		return front_flush(f);
	if (file_is_in_memory(x))
		return file_send_content(x);
	if (file_goes_by_records(x))
		return file_send_records(x);
	return front_flush(f);
}

bool
exchange_send_file(struct exchange *x)
{
	struct front *f = x->front;
	uint64_t left = x->file_left;
	size_t queued = iobuf_len(&f->out);
	enum front_io result;

	if (queued == 0 && file_is_worth_offload(x))
		front_offload(f, x->file_left);
	if (queued == 0 && x->file_left > 0 && file_is_in_memory(x))
		result = file_send_content(x);
	else if (front_can_send_file(f) && queued == 0 && x->file_left > 0 && !x->compressor &&
		 file_descriptor(x) >= 0)
		result = file_send_plain(x);
	else if (queued == 0 && x->file_left > 0 && file_goes_by_records(x))
		result = file_send_records(x);
	else
		result = file_send_buffered(x);
	if (result == FRONT_IO_CLOSED) {
		front_close(f, x->file_left ? CONN_CLOSE_FILE_CUT : CONN_CLOSE_CLIENT_ABORT);
		return false;
	}
	if (result == FRONT_IO_BLOCKED) {
		if (front_has_moved(f) || f->wait != CONN_WAIT_CLIENT || left != x->file_left ||
			queued != iobuf_len(&f->out))
			(void)exchange_wait_for_client(
				x, CONN_WAIT_CLIENT, x->limits->timeout_ms[CONF_TIMEOUT_SEND]);
		return false;
	}
	if (file_has_more(x) || iobuf_len(&f->out) > 0)
		return true;
	exchange_set_state(x, EXCHANGE_END);
	return true;
}
