"""RFC 9113 and RFC 7541 as an attacker or a bad client breaks them: frames, states, windows, heads.

A row is (rule, the bytes behind preface and SETTINGS, what must come of it). All rows of a table go to one
daemon, each on a connection of its own, and what fails is told together.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
from h2_frames import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, LAST, PADDED, PING, PREFACE,
                       PRIORITY, PRIORITY_FLAG, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, Connection, block,
                       frame, number, pseudo, request, settings)

CONF = """\
listen 127.0.0.1:@port@ tls http2
certificate default @cert@
site a.example {
    route /back/ -> http://127.0.0.1:@port_back@
    route / -> status 203
}
"""
POST = {"method": "POST", "path": "/back/"}
OPEN = request(1, flags=END_HEADERS, **POST)


def dies(*codes):
    """The connection ends with one of these errors."""
    def check(c):
        c.until(lambda: c.closed)
        return c.goaway in codes
    check.what = f"GOAWAY {codes}"
    return check


def resets(stream, *codes):
    """The stream, or the whole connection, ends with one of these errors."""
    def check(c):
        c.until(lambda: stream in c.resets or c.goaway)
        return (c.resets.get(stream) or c.goaway) in codes
    check.what = f"RST_STREAM {codes}"
    return check


def answers(status, stream=1):
    def check(c):
        c.until(lambda: stream in c.ended or stream in c.resets or c.goaway)
        return c.statuses.get(stream) == status and c.alive()
    check.what = f"status {status}"
    return check


def malformed(stream=1):
    """A stream error, or a status of 400 and above; others go on (RFC 9113 section 8.1.1)."""
    def check(c):
        c.until(lambda: stream in c.ended or stream in c.resets or c.goaway)
        wrong = c.resets.get(stream) == "PROTOCOL_ERROR" or c.statuses.get(stream, 0) >= 400
        return wrong and c.alive()
    check.what = "a malformed request"
    return check


def ignored(c):
    return c.alive() and not c.resets


def one_byte(c):
    return c.until(lambda: c.bodies.get(1)) and c.alive() and c.bodies[1] == b"h"


def goes_on(c):
    return c.alive()

CONNECTION = [
    ("an unknown frame type", frame(0x16, 0, 0, b"whatever"), ignored),
    ("an unknown frame type on a stream", OPEN + frame(0x16, 0xFF, 1, b"whatever"), ignored),
    ("unknown flags of a PING", frame(PING, 0xFE, 0, b"12345678"), ignored),
    ("the reserved bit of a stream's number", frame(HEADERS, LAST, 1 | 1 << 31, block(pseudo())), answers(203)),
    ("DATA of 16,384 bytes", OPEN + frame(DATA, 0, 1, b"x" * 16384), ignored),
    ("DATA of 16,385 bytes", OPEN + frame(DATA, 0, 1, b"x" * 16385), resets(1, "FRAME_SIZE_ERROR")),
    ("HEADERS of 16,385 bytes", frame(HEADERS, LAST, 1, b"x" * 16385), dies("FRAME_SIZE_ERROR")),
    ("SETTINGS of 16,386 bytes", frame(SETTINGS, 0, 0, b"\0" * 16386), dies("FRAME_SIZE_ERROR")),
    ("a PING is echoed", frame(PING, 0, 0, b"\1\2\3\4\5\6\7\xff"),
     lambda c: c.until(lambda: c.pongs == [b"\1\2\3\4\5\6\7\xff"])),
    ("a PING that acknowledges is not", frame(PING, ACK, 0, b"12345678"), lambda c: c.alive() and len(c.pongs) == 1),
    ("PING of 7 bytes", frame(PING, 0, 0, b"1234567"), dies("FRAME_SIZE_ERROR")),
    ("PING of 9 bytes", frame(PING, 0, 0, b"123456789"), dies("FRAME_SIZE_ERROR")),
    ("PING on a stream", frame(PING, 0, 1, b"12345678"), dies("PROTOCOL_ERROR")),
    ("SETTINGS are acknowledged", settings((3, 10)), lambda c: c.until(lambda: c.acks == 2)),
    ("SETTINGS acknowledged with content", frame(SETTINGS, ACK, 0, b"\0" * 6), dies("FRAME_SIZE_ERROR")),
    ("SETTINGS on a stream", settings((3, 10), stream=1), dies("PROTOCOL_ERROR")),
    ("SETTINGS of 5 bytes", frame(SETTINGS, 0, 0, b"\0" * 5), dies("FRAME_SIZE_ERROR")),
    ("ENABLE_PUSH of 2", settings((2, 2)), dies("PROTOCOL_ERROR")),
    ("INITIAL_WINDOW_SIZE of 2^31", settings((4, 1 << 31)), dies("FLOW_CONTROL_ERROR")),
    ("MAX_FRAME_SIZE of 16,383", settings((5, 16383)), dies("PROTOCOL_ERROR")),
    ("MAX_FRAME_SIZE of 2^24", settings((5, 1 << 24)), dies("PROTOCOL_ERROR")),
    ("MAX_FRAME_SIZE of 2^24 - 1", settings((5, (1 << 24) - 1)), ignored),
    ("an unknown setting", settings((0x99, 7), (0, 0), (0xFFFF, 0xFFFFFFFF)), ignored),
    ("a setting twice", settings((4, 100), (4, 1)) + request(1, path="/back/"), one_byte),
    ("a table of nothing", settings((1, 0)) + request(1), answers(203)),
    ("a table of 4 GB", settings((1, 0xFFFFFFFF)) + request(1), answers(203)),
    ("PUSH_PROMISE", frame(PUSH_PROMISE, END_HEADERS, 1, number(2) + block(pseudo())), dies("PROTOCOL_ERROR")),
    ("PUSH_PROMISE on an open stream", OPEN + frame(PUSH_PROMISE, END_HEADERS, 1, number(2)), dies("PROTOCOL_ERROR")),
    ("GOAWAY on a stream", frame(GOAWAY, 0, 1, number(0) + number(0)), dies("PROTOCOL_ERROR")),
    ("GOAWAY of 7 bytes", frame(GOAWAY, 0, 0, b"\0" * 7), dies("FRAME_SIZE_ERROR")),
    ("a request before GOAWAY is answered", request(1) + frame(GOAWAY, 0, 0, number(0) + number(0)),
     lambda c: c.until(lambda: 1 in c.ended) and c.statuses[1] == 203),
    ("the connection's window opened by 0", frame(WINDOW_UPDATE, 0, 0, number(0)), dies("PROTOCOL_ERROR")),
    ("a window update of 3 bytes", frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"), dies("FRAME_SIZE_ERROR")),
    ("a window update of 5 bytes", OPEN + frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\0\1"), dies("FRAME_SIZE_ERROR")),
    ("the connection's window above 2^31 - 1", frame(WINDOW_UPDATE, 0, 0, number(0x7FFFFFFF)), dies("FLOW_CONTROL_ERROR")),
    ("the reserved bit of a window update", frame(WINDOW_UPDATE, 0, 0, number(1 << 31 | 5)), ignored),
    ("RST_STREAM on the connection", frame(RST_STREAM, 0, 0, number(8)), dies("PROTOCOL_ERROR")),
    ("RST_STREAM of 3 bytes", OPEN + frame(RST_STREAM, 0, 1, b"\0\0\0"), dies("FRAME_SIZE_ERROR")),
    ("RST_STREAM with an unknown error", OPEN + frame(RST_STREAM, 0, 1, number(0xABCDEF)), ignored),
    ("PRIORITY on the connection", frame(PRIORITY, 0, 0, number(1) + b"\x10"), dies("PROTOCOL_ERROR")),
    ("PRIORITY on itself", frame(PRIORITY, 0, 3, number(3) + b"\x10"), resets(3, "PROTOCOL_ERROR")),
    ("PRIORITY on an idle stream", frame(PRIORITY, 0, 9, number(3) + b"\x10") + request(1), answers(203)),
    ("DATA on the connection", frame(DATA, 0, 0, b"x"), dies("PROTOCOL_ERROR")),
    ("HEADERS on the connection", frame(HEADERS, LAST, 0, block(pseudo())), dies("PROTOCOL_ERROR")),
    ("CONTINUATION on the connection", frame(CONTINUATION, END_HEADERS, 0, b""), dies("PROTOCOL_ERROR")),
]

STATES = [
    ("DATA on an idle stream", frame(DATA, END_STREAM, 1, b"x"), dies("PROTOCOL_ERROR")),
    ("RST_STREAM on an idle stream", frame(RST_STREAM, 0, 1, number(8)), dies("PROTOCOL_ERROR")),
    ("a window update on an idle stream", frame(WINDOW_UPDATE, 0, 1, number(8)), dies("PROTOCOL_ERROR")),
    ("CONTINUATION on an idle stream", frame(CONTINUATION, END_HEADERS, 1, block(pseudo())), dies("PROTOCOL_ERROR")),
    ("a stream of even number", request(2), dies("PROTOCOL_ERROR")),
    ("a stream of lower number", request(5) + request(3), dies("PROTOCOL_ERROR")),
    ("DATA on a passed-over stream", request(5) + frame(DATA, 0, 3, b"x"), dies("PROTOCOL_ERROR")),
    ("DATA behind the end", request(1, **POST) + frame(DATA, 0, 1, b"x"), resets(1, "STREAM_CLOSED")),
    ("DATA behind the end of a body", OPEN + frame(DATA, END_STREAM, 1, b"x") + frame(DATA, END_STREAM, 1, b"y"),
     resets(1, "STREAM_CLOSED")),
    ("HEADERS behind the end", request(1, **POST) + request(1), resets(1, "STREAM_CLOSED")),
    ("CONTINUATION behind the end", request(1, **POST) + frame(CONTINUATION, END_HEADERS, 1, b""), dies("PROTOCOL_ERROR")),
    ("DATA behind a reset", OPEN + frame(RST_STREAM, 0, 1, number(8)) + frame(DATA, END_STREAM, 1, b"x"),
     resets(1, "STREAM_CLOSED")),
    ("HEADERS behind a reset", OPEN + frame(RST_STREAM, 0, 1, number(8)) + request(1), resets(1, "STREAM_CLOSED")),
    ("RST_STREAM behind a reset", OPEN + frame(RST_STREAM, 0, 1, number(8)) * 2, goes_on),
    ("a window update behind a reset", OPEN + frame(RST_STREAM, 0, 1, number(8)) + frame(WINDOW_UPDATE, 0, 1, number(8)),
     goes_on),
    ("PRIORITY behind a reset", OPEN + frame(RST_STREAM, 0, 1, number(8)) + frame(PRIORITY, 0, 1, number(0) + b"\1"),
     goes_on),
    ("a head that another frame cuts", request(1, flags=END_STREAM) + frame(PING, 0, 0, b"12345678"), dies("PROTOCOL_ERROR")),
    ("a head that an unknown frame cuts", request(1, flags=END_STREAM) + frame(0x16, 0, 1, b""), dies("PROTOCOL_ERROR")),
    ("a head that DATA cuts", request(1, flags=0) + frame(DATA, END_STREAM, 1, b"x"), dies("PROTOCOL_ERROR")),
    ("a head that PRIORITY cuts", request(1, flags=END_STREAM) + frame(PRIORITY, 0, 1, number(0) + b"\1"),
     dies("PROTOCOL_ERROR")),
    ("a head that another head cuts", request(1, flags=END_STREAM) + request(3), dies("PROTOCOL_ERROR")),
    ("a head that goes on elsewhere", request(1, flags=END_STREAM) + frame(CONTINUATION, END_HEADERS, 3, b""),
     dies("PROTOCOL_ERROR")),
    ("CONTINUATION behind a whole head", OPEN + frame(CONTINUATION, END_HEADERS, 1, b""), dies("PROTOCOL_ERROR")),
    ("CONTINUATION behind DATA", OPEN + frame(DATA, 0, 1, b"x") + frame(CONTINUATION, END_HEADERS, 1, b""),
     dies("PROTOCOL_ERROR")),
    ("a head in three frames", frame(HEADERS, END_STREAM, 1, block(pseudo())[:7]) +
     frame(CONTINUATION, 0, 1, block(pseudo())[7:20]) + frame(CONTINUATION, END_HEADERS, 1, block(pseudo())[20:]), answers(203)),
    ("a padded head", frame(HEADERS, LAST | PADDED, 1, b"\4" + block(pseudo()) + b"\0" * 4), answers(203)),
    ("a head of padding only", frame(HEADERS, LAST | PADDED, 1, b"\x09" + b"\0" * 4), dies("PROTOCOL_ERROR")),
    ("a head with priority", frame(HEADERS, LAST | PRIORITY_FLAG, 1, number(0) + b"\x0f" + block(pseudo())), answers(203)),
    ("a head that depends on itself", frame(HEADERS, LAST | PRIORITY_FLAG, 1, number(1) + b"\x0f" + block(pseudo())),
     resets(1, "PROTOCOL_ERROR")),
    ("a head too short for its priority", frame(HEADERS, LAST | PRIORITY_FLAG, 1, b"\0\0"),
     dies("FRAME_SIZE_ERROR", "PROTOCOL_ERROR")),
    ("padded DATA", request(1, [("content-length", "5")], END_HEADERS, **POST) +
     frame(DATA, END_STREAM | PADDED, 1, b"\3hello\0\0\0"), answers(200)),
    ("DATA of padding only", OPEN + frame(DATA, PADDED, 1, b"\5\0\0"), dies("PROTOCOL_ERROR")),
    ("DATA padded without a length", OPEN + frame(DATA, PADDED, 1, b""), dies("FRAME_SIZE_ERROR", "PROTOCOL_ERROR")),
    ("a stream's window opened by 0", OPEN + frame(WINDOW_UPDATE, 0, 1, number(0)), resets(1, "PROTOCOL_ERROR")),
    ("a stream's window above 2^31 - 1", OPEN + frame(WINDOW_UPDATE, 0, 1, number(0x7FFFFFFF)),
     resets(1, "FLOW_CONTROL_ERROR")),
    ("all windows above 2^31 - 1", OPEN + frame(WINDOW_UPDATE, 0, 1, number(0x7FFF0000)) + settings((4, 0x7FFFFFFF)),
     resets(1, "FLOW_CONTROL_ERROR")),
    ("more DATA than the window", OPEN + frame(DATA, 0, 1, b"x" * 16384) * 70, resets(1, "FLOW_CONTROL_ERROR")),
    ("a body within a window of 1", settings((4, 1)) + request(1, path="/back/"), one_byte),
    ("a window of 0 that opens", settings((4, 0)) + request(1, path="/back/") + frame(WINDOW_UPDATE, 0, 1, number(100)),
     answers(200)),
    ("a window that becomes negative and opens", settings((4, 2)) + request(1, path="/back/") + settings((4, 0)) +
     frame(WINDOW_UPDATE, 0, 1, number(100)), answers(200)),
    ("101 streams", b"".join(request(n, flags=END_HEADERS, **POST) for n in range(1, 203, 2)), resets(201, "REFUSED_STREAM")),
]

TAIL = block(pseudo())
COMPRESSION = [(name, frame(HEADERS, LAST, 1, data), dies("COMPRESSION_ERROR")) for name, data in (
    ("index 0", b"\x80" + TAIL),
    ("an index that nobody made", b"\xbf\x0f" + TAIL),
    ("an index without end", TAIL + b"\xff" + b"\xff" * 12),
    ("a name's index that nobody made", TAIL + b"\x7f\x50\x01a"),
    ("a literal that is cut", TAIL + b"\0\x05ab"),
    ("a length without end", TAIL + b"\0\x7f" + b"\xff" * 10),
    ("Huffman code with the end mark", TAIL + b"\0\x01x\x84\xff\xff\xff\xff"),
    ("Huffman code padded by 8 bits", TAIL + b"\0\x01x\x82\x1f\xff"),
    ("Huffman code padded by zeros", TAIL + b"\0\x01x\x81\x18"),
    ("a table larger than agreed", b"\x3f\xe2\x1f" + TAIL),
    ("a table's size behind a field", TAIL + b"\x20"),
)] + [
    ("a table's size before the fields", frame(HEADERS, LAST, 1, b"\x20\x3f\xe1\x1f" + TAIL), answers(203)),
    ("a field that is indexed and used", frame(HEADERS, LAST, 1, TAIL + b"\x40\x01x\x01y") +
     frame(HEADERS, LAST, 3, TAIL + b"\xbe"), answers(203, 3)),
    ("a head in Huffman code and indices", frame(HEADERS, LAST, 1, b"\x82\x87\x84\x41\x09a.example"), answers(203)),
]


def _head(*without, **changes):
    fields = [(n, changes.get(n[1:], v)) for n, v in pseudo() if n[1:] not in without]
    return fields


HEADS = [(name, request(1, head=head), malformed()) for name, head in (
    ("no method", _head("method")), ("no scheme", _head("scheme")), ("no path", _head("path")),
    ("an empty path", _head(path="")), ("a path without slash", _head(path="x")), ("an asterisk for GET", _head(path="*")),
    ("a method twice", [(":method", "GET"), *_head()]), ("a path twice", [*_head(), (":path", "/x")]),
    ("a scheme twice", [*_head(), (":scheme", "https")]), ("an authority twice", [*_head(), (":authority", "a.example")]),
    ("an empty authority", _head(authority="")), ("a user in the authority", _head(authority="u@a.example")),
    ("an unknown pseudo-header", [*_head(), (":x", "y")]), ("a pseudo-header of answers", [*_head(), (":status", "200")]),
    (":protocol without CONNECT", [*_head(), (":protocol", "websocket")]),
    ("a pseudo-header behind a field", [*_head("path"), ("x", "y"), (":path", "/")]),
    ("CONNECT with a path and no protocol", _head(method="CONNECT")),
    ("Host of another name", [*_head(), ("host", "b.example")]),
)] + [(f"the field {n!r}: {v!r}", request(1, [(n, v)]), malformed()) for n, v in (
    ("X", "y"), ("x-Y", "y"), ("x y", "z"), ("x:y", "z"), ("x\ty", "z"), (" x", "y"), ("x ", "y"), ("x\0", "y"), ("x\x7f", "y"),
    ("x\r\ny", "z"), ("x\xe9", "y"), ("", "y"), ("x(", "y"), ("x/", "y"), ("x", "a\0b"), ("x", "a\rb"), ("x", "a\nb"),
    ("x", "a\r\nb: c"), ("x", "\x01"), ("x", "\x7f"), ("x", " y"), ("x", "y "), ("x", "\ty"), ("x", "y\t"),
    ("connection", "close"), ("connection", "x"), ("keep-alive", "5"), ("proxy-connection", "close"), ("upgrade", "h2c"),
    ("transfer-encoding", "chunked"), ("transfer-encoding", "identity"), ("te", "gzip"), ("te", "trailers, deflate"),
    ("content-length", "x"), ("content-length", "-1"), ("content-length", "1, 1"), ("content-length", ""))
] + [
    ("te: trailers", request(1, [("te", "trailers")]), answers(203)),
    ("an empty value", request(1, [("x", "")]), answers(203)),
    ("bytes above 7 bits in a value", request(1, [("x", "\xe9")]), answers(203)),
    ("Host of the same name", request(1, [("host", "a.example")]), answers(203)),
    ("Host of the same name behind crumbs", request(1, [("cookie", "a"), ("host", "a.example"), ("cookie", "b")]), answers(203)),
    ("two lengths", request(1, [("content-length", "1"), ("content-length", "2")], END_HEADERS, **POST), malformed()),
    ("a length above the body", request(1, [("content-length", "9")], END_HEADERS, **POST) +
     frame(DATA, END_STREAM, 1, b"hello"), malformed()),
    ("a length below the body", request(1, [("content-length", "2")], END_HEADERS, **POST) +
     frame(DATA, END_STREAM, 1, b"hello"), malformed()),
    ("a length below the body in two frames", request(1, [("content-length", "6")], END_HEADERS, **POST) +
     frame(DATA, 0, 1, b"hello") + frame(DATA, END_STREAM, 1, b"hello"), malformed()),
    ("a length and no body", request(1, [("content-length", "5")], **POST), malformed()),
    ("trailers", OPEN + frame(DATA, 0, 1, b"x") + frame(HEADERS, LAST, 1, block([("x", "y")])), answers(200)),
    ("trailers that do not end", OPEN + frame(DATA, 0, 1, b"x") + frame(HEADERS, END_HEADERS, 1, block([("x", "y")])),
     resets(1, "PROTOCOL_ERROR")),
    ("trailers with a pseudo-header", OPEN + frame(DATA, 0, 1, b"x") + frame(HEADERS, LAST, 1, block([(":path", "/")])),
     resets(1, "PROTOCOL_ERROR")),
    ("trailers in upper case", OPEN + frame(DATA, 0, 1, b"x") + frame(HEADERS, LAST, 1, block([("X", "y")])),
     resets(1, "PROTOCOL_ERROR")),
]

PREFACES = [
    ("another first frame", PREFACE + frame(PING, 0, 0, b"12345678"), dies("PROTOCOL_ERROR")),
    ("a request for a first frame", PREFACE + request(1), dies("PROTOCOL_ERROR")),
    ("an acknowledgement for a first frame", PREFACE + frame(SETTINGS, ACK), dies("PROTOCOL_ERROR")),
    ("a preface with a fault", b"PRI * HTTP/2.0\r\n\r\nSM\r\r\r\n" + frame(SETTINGS), dies(None, "PROTOCOL_ERROR")),
    ("HTTP/1.1", b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", dies(None, "PROTOCOL_ERROR")),
]


@pytest.fixture
def served(sluice, backend):
    origin = backend.http(lambda r: (200, {}, b"hello"))
    s = sluice(CONF, port_back=origin.port)
    s.origin = origin
    return s


def tell(port, row, first=PREFACE + frame(SETTINGS)):
    """What came instead of what must; None when all is well."""
    rule, sent, check = row
    with Connection(port, first + sent) as c:
        try:
            good = check(c)
        except TimeoutError:
            good = False
        return None if good else (rule, getattr(check, "what", ""), c.goaway, c.resets, c.statuses, c.closed)


@pytest.mark.parametrize("table", [CONNECTION, STATES, COMPRESSION, HEADS], ids=["connection", "states", "compression", "heads"])
def test_what_the_rfcs_say(served, table):
    with ThreadPoolExecutor(8) as pool:
        wrong = [w for w in pool.map(lambda row: tell(served.port, row), table) if w]
    assert wrong == []


def test_how_a_connection_must_begin(served):
    assert [w for w in (tell(served.port, row, b"") for row in PREFACES) if w] == []


def test_what_comes_behind_an_early_answer_is_judged_and_then_stopped(sluice):
    s = sluice(CONF, port_back=1)
    with Connection(s.port) as c:
        for stream, more in ((1, frame(DATA, END_STREAM, 1, b"longer")), (3, request(3, [("x", "y")], END_HEADERS, head=[])),
                             (5, frame(DATA, 0, 5, b"longer"))):
            c.send(request(stream, [("content-length", "3")], END_HEADERS, method="POST"))
            assert c.until(lambda: stream in c.ended) and c.statuses[stream] == 203
            c.send(more)
            assert c.until(lambda: stream in c.resets)
        for stream, more in ((7, b""), (9, b"x" * 16384 * 2)):
            c.send(request(stream, [("content-length", "99999")], END_HEADERS, method="POST"))
            c.send(b"".join(frame(DATA, 0, stream, more[k:k + 16384]) for k in range(0, len(more), 16384)))
            assert c.until(lambda: stream in c.resets)
        c.send(request(11, [("content-length", "3")], END_HEADERS, method="POST") + frame(DATA, END_STREAM, 11, b"end"))
        assert c.until(lambda: 11 in c.ended) and c.alive() and 11 not in c.resets
        assert c.resets == {1: "PROTOCOL_ERROR", 3: "PROTOCOL_ERROR", 5: "PROTOCOL_ERROR", 7: "NO_ERROR", 9: "NO_ERROR"}
