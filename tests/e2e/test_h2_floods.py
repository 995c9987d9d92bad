"""What a client of HTTP/2 can do for nothing is bounded: the connection ends, and others are served."""

import contextlib
import time

import pytest
from h2_frames import (ACK, CONTINUATION, DATA, END_HEADERS, HEADERS, LAST, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE,
                       Connection, block, frame, number, pseudo, request, settings)
from lab import wait_for

CONF = """\
listen 127.0.0.1:@port@ tls http2
certificate default @cert@
timeout send 2s
site a.example {
    route /back/ -> http://127.0.0.1:@port_back@
    route /tiny/ -> http://127.0.0.1:@port_back@ { body-limit 16 }
    route / -> dir @dir@/www
}
"""
POST = {"method": "POST", "path": "/back/"}
OPEN = request(1, flags=END_HEADERS, **POST)
TINY = {"method": "POST", "path": "/tiny/"}
# An entry of 4,000 bytes in the table; then each 0xbe names it.
ENTRY = frame(HEADERS, LAST, 1, block(pseudo(path="/small")) + b"\x40\x01x\x7f\xa1\x1e" + b"y" * 4000)


@pytest.fixture
def served(sluice, backend, box):
    box.write("www/small", b"s")
    box.write("www/large", b"l" * 4_000_000)
    origin = backend.http(lambda r: (200, {}, b"hello"))
    s = sluice(CONF, port_back=origin.port)
    s.origin = origin
    return s


def ends(s, start, again, limit=60_000):
    """Sends again(i) until the server ends the connection; the error it says."""
    began = time.monotonic()
    with Connection(s.port, timeout=20) as c:
        c.send(start)
        for i in range(0, limit, 50):
            if not c.send(b"".join(again(i + k) for k in range(50))):
                break
        c.until(lambda: c.closed)
        assert c.closed and time.monotonic() - began < 20
        error = c.goaway
    with Connection(s.port) as c:
        c.send(request(1, path="/small"))
        assert c.until(lambda: 1 in c.ended) and c.statuses[1] == 200
    return error


FLOODS = [
    ("PING", b"", lambda i: frame(PING, 0, 0, b"12345678")),
    ("acknowledgements of no PING", b"", lambda i: frame(PING, ACK, 0, b"12345678")),
    ("heads of a stream that we have reset", OPEN + frame(WINDOW_UPDATE, 0, 1, number(0)),
     lambda i: frame(HEADERS, END_HEADERS, 1, b"")),
    ("SETTINGS", b"", lambda i: settings((4, 65535))),
    ("empty SETTINGS", b"", lambda i: frame(SETTINGS)),
    ("PRIORITY", b"", lambda i: frame(PRIORITY, 0, 1, number(0) + b"\1")),
    ("RST_STREAM of one stream", OPEN, lambda i: frame(RST_STREAM, 0, 1, number(8))),
    ("empty DATA", OPEN, lambda i: frame(DATA, 0, 1)),
    ("DATA of padding", OPEN, lambda i: frame(DATA, 8, 1, b"\x0f" + b"\0" * 15)),
    ("window updates by 1", OPEN, lambda i: frame(WINDOW_UPDATE, 0, 1, number(1))),
    ("window updates of the connection", b"", lambda i: frame(WINDOW_UPDATE, 0, 0, number(1))),
    ("unknown frames", b"", lambda i: frame(0x16, 0, 0, b"")),
    ("resets of every request", b"", lambda i: request(2 * i + 1, path="/back/") + frame(RST_STREAM, 0, 2 * i + 1, number(8))),
    ("requests that break the protocol", b"", lambda i: request(2 * i + 1, [("X", "y")])),
    ("requests whose trailers are too large", ENTRY,
     lambda i: request(2 * i + 3, flags=END_HEADERS, **POST) + frame(HEADERS, LAST, 2 * i + 3, b"\xbe" * 3)),
    ("requests whose bodies are too large", b"",
     lambda i: request(2 * i + 1, flags=END_HEADERS, **TINY) + frame(DATA, 1, 2 * i + 1, b"x" * 17)),
    ("requests that the window resets", b"", lambda i: request(2 * i + 1, **POST) + frame(WINDOW_UPDATE, 0, 2 * i + 1, number(0))),
]


@pytest.mark.parametrize("start,again", [f[1:] for f in FLOODS], ids=[f[0] for f in FLOODS])
def test_frames_that_move_nothing_end_the_connection(served, start, again):
    assert ends(served, start, again) in ("ENHANCE_YOUR_CALM", "PROTOCOL_ERROR", "STREAM_CLOSED", "INTERNAL_ERROR", None)


def test_acknowledgements_without_settings_end_the_connection(served):
    assert ends(served, b"", lambda i: frame(SETTINGS, ACK)) in ("PROTOCOL_ERROR", "ENHANCE_YOUR_CALM")


@pytest.mark.parametrize("piece", [b"", b"\0\x01x\x01y", b"\0\x01x\x7f\x80\x1f" + b"y" * 4095])
def test_a_head_of_continuations_without_end(served, piece):
    """CVE-2024-27316 and its kin: bounded while it arrives."""
    before = served.pss_kib("proxy")
    error = ends(served, frame(HEADERS, 1, 1, block(pseudo())), lambda i: frame(CONTINUATION, 0, 1, piece), 20_000)
    assert error in ("ENHANCE_YOUR_CALM", "PROTOCOL_ERROR", "INTERNAL_ERROR", None)
    assert served.pss_kib("proxy") < before + 4096
    assert served.origin.requests() == []


def test_a_small_head_that_unpacks_to_a_large_one(served):
    """A table's entry of 4,000 bytes, named 4,000 times: 16 MB from 4 KB."""
    before = served.pss_kib("proxy")
    with Connection(served.port) as c:
        entry = b"\x40\x01x\x7f\xa1\x1e" + b"y" * 4000
        c.send(frame(HEADERS, LAST, 1, block(pseudo(path="/back/")) + entry))
        c.until(lambda: 1 in c.ended)
        assert c.statuses[1] == 200
        c.send(frame(HEADERS, LAST, 3, block(pseudo(path="/back/")) + b"\xbe" * 4000))
        assert c.until(lambda: 3 in c.ended or 3 in c.resets or c.goaway)
        assert c.statuses.get(3, 431) == 431
    assert len(served.origin.requests()) == 1
    assert served.pss_kib("proxy") < before + 4096


@pytest.mark.parametrize("kind", ["head", "trailers", "trailers of a stream that we have reset"])
def test_a_head_that_unpacks_to_more_than_anybody_sends(served, kind):
    """147 KB that mean 600 MB: they are not looked at field by field, and they end the connection."""
    frames = [frame(CONTINUATION, END_HEADERS if i == 7 else 0, 3, b"\xbe" * 16384) for i in range(8)]
    with Connection(served.port) as c:
        c.send(ENTRY)
        c.until(lambda: 1 in c.ended)
        first = b"" if kind == "trailers" else block(pseudo(path="/back/"))
        if kind != "head":
            c.send(request(3, flags=END_HEADERS, **POST))
        if kind == "trailers of a stream that we have reset":
            c.send(frame(WINDOW_UPDATE, 0, 3, number(0)))
        c.send(frame(HEADERS, 1, 3, first + b"\xbe" * (16384 - len(first))) + b"".join(frames))
        c.until(lambda: c.closed)
        assert c.goaway == "ENHANCE_YOUR_CALM"


def test_streams_that_are_hoarded_do_not_grow(served):
    """All streams open, their bodies never end: the next ones are refused, resets free none for nothing."""
    with Connection(served.port) as c:
        c.send(b"".join(request(n, flags=END_HEADERS, **POST) for n in range(1, 401, 2)))
        c.until(lambda: len(c.resets) >= 100 or c.goaway)
        assert set(c.resets.values()) <= {"REFUSED_STREAM"} and len(c.resets) == 100


def test_answers_that_nobody_takes_end_with_their_time(served):
    """A window of nothing and a hundred requests for a large file: nothing piles up, and it ends."""
    before = served.pss_kib("proxy")
    with Connection(served.port, timeout=20) as c:
        c.send(settings((4, 0)) + b"".join(request(n, path="/large") for n in range(1, 201, 2)))
        assert c.until(lambda: c.closed or len(c.resets) == 100)
        assert served.pss_kib("proxy") < before + 16384
    wait_for(lambda: served.stats()["connections_open"] == 0, what="the connection to be gone")


HALF = frame(PING, 0, 0, b"12345678")


def test_half_frames_keep_no_idle_connection(sluice, box):
    box.write("www/small", b"s")
    s = sluice("timeout idle 1s\n" + CONF, port_back=9)
    with Connection(s.port) as c:
        until = time.monotonic() + 5
        while time.monotonic() < until and c.send(HALF[:5]):
            time.sleep(0.4)
            c.send(HALF[5:])
            time.sleep(0.4)
        assert time.monotonic() < until - 1


def test_half_a_frame_makes_no_room_where_a_request_is_under_way(sluice, backend, box):
    box.write("www/small", b"s")

    def answer(r):
        time.sleep(4 if r.target.endswith("slow") else 0)
        return 200, {}, b"hello"
    s = sluice("connections 16\n" + CONF, port_back=backend.http(answer).port)
    with Connection(s.port) as c, contextlib.ExitStack() as others:
        c.send(request(1, path="/back/slow") + HALF[:12])
        time.sleep(1.2)
        for _ in range(20):
            with contextlib.suppress(OSError):
                other = others.enter_context(Connection(s.port, timeout=0.1))
                other.send(request(1, path="/back/slow"))
        assert c.until(lambda: 1 in c.ended or c.goaway) and c.goaway is None
        assert c.bodies[1] == b"hello"
