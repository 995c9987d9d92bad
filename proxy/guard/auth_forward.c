/* Heads in, heads out. */
#include "proxy/guard/auth_forward.h"

enum auth_forward_verdict
auth_forward_judge(uint16_t status)
{
	if (status >= 200 && status < 300)
		return AUTH_FORWARD_PASS;
	/* 304 answers a condition, which was not asked. */
	if (status == 401 || status == 403 || (status >= 300 && status < 400 && status != 304))
		return AUTH_FORWARD_ANSWER;
	return status == 504 ? AUTH_FORWARD_TIMEOUT : AUTH_FORWARD_FAILED;
}

static int
put_field(struct buf *out, struct slice name, struct slice value)
{
	return buf_append_slice(out, name) < 0 || buf_append_str(out, ": ") < 0 ||
			       buf_append_slice(out, value) < 0 || buf_append_str(out, "\r\n") < 0
		       ? -1
		       : 0;
}

/* Fields about the body, the connection or a part of the answer are not about who asks; and what
 * we say ourselves nobody says before us. */
static bool
is_asked_with(const struct http_field *field, struct slice name)
{
	if (field->flags || (http_name_what(field->id) & HTTP_HOP) || field->id == HTTP_NAME_HOST ||
		field->id == HTTP_NAME_CONTENT_LENGTH || field->id == HTTP_NAME_TRANSFER_ENCODING ||
		field->id == HTTP_NAME_EXPECT || field->id == HTTP_NAME_X_FORWARDED_OTHER)
		return false;
	return !slice_istarts(name, SLICE_LIT("if-")) && !slice_ieq(name, SLICE_LIT("range")) &&
	       !slice_istarts(name, SLICE_LIT("x-original-")) &&
	       !slice_istarts(name, SLICE_LIT("content-")) &&
	       !slice_istarts(name, SLICE_LIT("sec-websocket-"));
}

int
auth_forward_head(
	const struct http_request *r, struct slice path, struct slice asked, struct buf *out)
{
	struct slice host = http_request_slice(r, r->host_field);

	if (buf_append_str(out, "GET ") < 0 || buf_append_slice(out, path) < 0 ||
		buf_append_str(out, " HTTP/1.1\r\n") < 0 ||
		put_field(out, SLICE_LIT("Host"), host.n ? host : SLICE_LIT("localhost")) < 0)
		return -1;
	for (size_t i = 0; i < r->n_fields; i++) {
		const struct http_field *field = &r->fields[i];
		struct slice name = http_request_slice(r, field->name);

		if (is_asked_with(field, name) &&
			put_field(out, name, http_request_slice(r, field->value)) < 0)
			return -1;
	}
	if (put_field(out, SLICE_LIT("X-Original-Method"), http_request_slice(r, r->method_text)) <
			0 ||
		buf_append_str(out, "X-Original-URI: ") < 0 || buf_append_slice(out, asked) < 0)
		return -1;
	if (r->has_query && (buf_append_str(out, "?") < 0 ||
				    buf_append_slice(out, http_request_slice(r, r->query)) < 0))
		return -1;
	return buf_append_str(out, "\r\n\r\n");
}

int
auth_forward_copy(
	const struct http_response *r, char *const *names, size_t n_names, struct buf *out)
{
	for (size_t i = 0; i < r->n_fields; i++) {
		const struct http_field *field = &r->fields[i];
		struct slice name = http_response_slice(r, field->name);

		if (field->flags)
			continue;
		for (size_t k = 0; k < n_names; k++)
			if (slice_ieq(name, slice_str(names[k])) &&
				put_field(out, name, http_response_slice(r, field->value)) < 0)
				return -1;
	}
	return 0;
}
