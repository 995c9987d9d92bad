/* The language: how bodies are buffered. */
#include "conf/schema/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "body-buffer",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_body_buffer,
		.arguments = "SIZE|off",
		.default_value = "off",
		.doc = "Takes that much of a request's body into memory before the "
		       "backend is connected to.",
		.more = "A slow client then does not occupy the backend: it is asked when "
			"the body is complete or when SIZE is reached, and the rest "
			"passes as it comes. Off, a body passes byte by byte from the "
			"first one on, which is what an application needs that answers "
			"while it is still being sent to: such requests would wait here "
			"until SIZE has come. A body that was taken in whole goes on with "
			"its length, however it came, and may be sent again to another "
			"backend where a request may. Memory is taken in blocks of 40K, "
			"and only as the body comes.",
		.example = "body-buffer 128K",
	},
	{
		.name = "body-buffer",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 1,
		.set = set_body_buffer,
		.arguments = "SIZE|off",
		.default_value = "that of the top level",
		.doc = "The same for this site.",
	},
	{
		.name = "body-buffer",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 1,
		.set = set_body_buffer,
		.arguments = "SIZE|off",
		.default_value = "that of the site",
		.doc = "The same for this route.",
	},
	{
		.name = "request-buffering",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 3,
		.set = set_request_buffering,
		.arguments = "on|off [spill SIZE]",
		.default_value = "off",
		.doc = "Takes all of a request's body in before the backend is connected "
		       "to.",
		.more = "Into memory up to body-buffer (64K where that is not written), "
			"then into a file without a name below the state folder, of at "
			"most the size behind spill (1G when not written). A larger body "
			"is answered with 413, one that the disk has no room for with "
			"507. Meanwhile body-limit, timeout idle and min-rate hold as "
			"they always do.",
		.example = "request-buffering on spill 2G",
	},
	{
		.name = "request-buffering",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 3,
		.set = set_request_buffering,
		.arguments = "on|off [spill SIZE]",
		.default_value = "that of the top level",
		.doc = "The same for this site.",
	},
	{
		.name = "request-buffering",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 3,
		.set = set_request_buffering,
		.arguments = "on|off [spill SIZE]",
		.default_value = "that of the site",
		.doc = "The same for this route.",
	},
	{
		.name = "buffers",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 6,
		.set = set_buffers,
		.arguments = "off | N SIZE [busy SIZE] [file SIZE|off]",
		.default_value = "off",
		.doc = "Reads that much of an answer ahead from the backend while the "
		       "client is slow.",
		.more = "The backend is free as soon as it has said everything, although "
			"the client is not done yet. N buffers of SIZE hold what was read "
			"ahead, beyond the 40K that every answer has. With file, what "
			"does not fit goes to a file without a name below the state "
			"folder, up to its own size; busy then says how much may wait for "
			"the client in memory before the file is used (all buffers when "
			"not written). Nothing is ever held back: what the client takes "
			"is sent at once, event streams too. When the disk has no room, "
			"the backend waits for the client as it does without buffers.",
		.example = "buffers 8 32K file 1G",
	},
	{
		.name = "buffers",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 6,
		.set = set_buffers,
		.arguments = "off | N SIZE [busy SIZE] [file SIZE|off]",
		.default_value = "that of the top level",
		.doc = "The same for this site.",
	},
	{
		.name = "buffers",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 6,
		.set = set_buffers,
		.arguments = "off | N SIZE [busy SIZE] [file SIZE|off]",
		.default_value = "that of the site",
		.doc = "The same for this route.",
		.example = "buffers 4 32K busy 64K file 256M",
	},
};

static const struct schema_word words[] = {
	{"body-buffer", "off", 0, "", "the backend is connected to at once"},
	{"request-buffering", "off", false, "",
		"what body-buffer does not hold passes as it comes"},
	{"request-buffering", "on", true, "[spill SIZE]", "the whole body is taken in first"},
	{"request-buffering on", "spill", 1, "SIZE", "how much of it may go to a file"},
	{"buffers", "off", 0, "", "one block of 40K, as it goes"},
	{"buffers N SIZE", "busy", 0, "SIZE",
		"how much may wait in memory before the file is used; not without file"},
	{"buffers N SIZE", "file", 1, "SIZE|off",
		"how much may go to a file; none when not written"},
};

const struct schema_table schema_bodies = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
