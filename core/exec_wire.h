/*
 * The exec socket (PATH.exec, SOCK_SEQPACKET): the packets between `sluice container exec|console`
 * and the helper that runs the command. The control process authenticates the peer and hands the
 * connection on; the packets below are the first that anybody reads from it.
 *
 *	client -> helper   REQUEST  what to run where; with the client's descriptors 0, 1 and 2
 *	client -> helper   SIZE     the client's terminal has a new size; any number of times
 *	helper -> client   STATUS   the end: the command's exit status, and why when it never ran
 *
 * A client that hangs up (end of file) makes the command get SIGHUP. A connection that ends without
 * STATUS means that the helper died: the client exits with 255.
 *
 * With `tty` set, the client has put its terminal into raw mode and the helper relays bytes
 * between the client's descriptors and a pseudo-terminal of the container, so that Ctrl-C and the
 * like arrive there as bytes. Without it the command gets the client's descriptors themselves. Of
 * a console (always with tty) the helper ends the session itself when Ctrl-a q is typed
 * (Ctrl-a Ctrl-a sends one Ctrl-a); the client must put its terminal back after STATUS.
 *
 * A packet is a type byte and its fields, little endian, each string as a u16 length and its
 * bytes; it must be consumed exactly:
 *
 *	REQUEST  u8 kind, u8 tty, u16 rows, u16 columns, string container, string TERM,
 *	         u16 number of arguments, that many strings   + 3 descriptors by SCM_RIGHTS
 *	SIZE     u16 rows, u16 columns
 *	STATUS   u8 exit status (128 + n when signal n ended the command), string why not
 */
#ifndef CORE_EXEC_WIRE_H
#define CORE_EXEC_WIRE_H

#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define EXEC_PACKET_MAX (64 * 1024)
#define EXEC_ARGS_MAX 1024
#define EXEC_STATUS_FAILED 255 /* the command never ran, as in ssh(1) */

enum exec_packet { EXEC_PACKET_REQUEST = 1, EXEC_PACKET_SIZE = 2, EXEC_PACKET_STATUS = 3 };
enum exec_kind { EXEC_KIND_EXEC = 1, EXEC_KIND_CONSOLE = 2 };

struct exec_request {
	enum exec_kind kind;
	bool tty;
	uint16_t rows, columns; /* 0: unknown */
	char *container;
	char *term;  /* the client's TERM; "" when it has none */
	char **argv; /* NULL-terminated; a console has none, exec at least one */
	size_t argc;
};

/* Frees what exec_request_parse filled; leaves r empty. */
void exec_request_clear(struct exec_request *r);
/* The packet of a request, appended to out. 0, or -1 with e filled (too long, bad values). */
int exec_request_print(const struct exec_request *r, struct buf *out, struct err *e);
/* 0 with *ret (the caller clears it), or -1 with e filled. Pure. */
int exec_request_parse(struct slice packet, struct exec_request *ret, struct err *e);
/* 0 or -1: not a SIZE packet. Pure. */
int exec_size_parse(struct slice packet, uint16_t *ret_rows, uint16_t *ret_columns);
/* The packet of a status, appended to out; cuts why at ERR_MSG_MAX. 0 or -1. */
int exec_status_print(uint8_t status, const char *why, struct buf *out);
/* 0 or -1: not a STATUS packet. *ret_why points into the packet. Pure. */
int exec_status_parse(struct slice packet, uint8_t *ret_status, struct slice *ret_why);

/* The following block while the socket is full (or empty); fd may be non-blocking. */

/* Client: sends the request with three descriptors, which stay the caller's. 0 or -1. */
int exec_send_request(int fd, const struct exec_request *r, const int fds[static 3], struct err *e);
int exec_send_size(int fd, uint16_t rows, uint16_t columns);
/* Helper: 0 or -1 (the client is gone). */
int exec_send_status(int fd, uint8_t status, const char *why);
/* For who answers instead of a helper: takes a request that has come off the socket first, since
 * one that is closed with something unread resets its peer; then sends the status
 * EXEC_STATUS_FAILED. */
void exec_refuse(int fd, const char *why);
/* Client: one packet; blocks. Its length, 0 at the end, -1 with errno. A reset that overtook the
 * last packet (the peer closed before it read all of ours) hides it once only: it is read then. */
ssize_t exec_recv_packet(int fd, char *ret, size_t size);
/* Helper: receives the request and its three descriptors (close-on-exec, the caller's). Fails
 * when none came in timeout_ms. 0 or -1 with e filled and nothing to close. */
int exec_recv_request(int fd, unsigned timeout_ms, struct exec_request *ret, int ret_fds[static 3],
	struct err *e);
/* Looks at the request without taking it or its descriptors; never blocks. 1 with *ret, 0 when
 * nothing has come yet, -1 with e filled. */
int exec_peek_request(int fd, struct exec_request *ret, struct err *e);

#endif
