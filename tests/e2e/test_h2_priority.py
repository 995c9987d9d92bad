"""RFC 9218: what the client says is urgent comes first, whoever was asked for first."""

import os
import time

import pytest
from h2_frames import DATA, PREFACE, RST_STREAM, WINDOW_UPDATE, Connection, frame, number, request, settings

CONF = """\
listen 127.0.0.1:@port@ tls http2
certificate default @cert@
site * {
    route /www/ -> dir @dir@/www
    route / -> http://127.0.0.1:@port_back@
}
"""
SIZE = 400_000
ROOM = frame(WINDOW_UPDATE, 0, 0, number(50_000_000))


def update(stream, value):
    return frame(16, 0, 0, number(stream) + value)


class Listener(Connection):
    """Also the order in which DATA of streams comes."""

    def __init__(self, port):
        self.order = []
        super().__init__(port, preface=PREFACE + settings((4, 50_000_000)))

    def _take(self, kind, flags, stream, payload):
        if kind == DATA and payload:
            self.order.append(stream)
        super()._take(kind, flags, stream, payload)

    def runs(self):
        """Streams, one entry for each run of frames."""
        return [s for i, s in enumerate(self.order) if i == 0 or self.order[i - 1] != s]


@pytest.fixture
def served(sluice, backend, box):
    def serve(conn):
        head = conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        if head.startswith(b"GET /late"):
            time.sleep(1)
        conn.send(b"x" * SIZE)
    box.write("www/large", os.urandom(SIZE))
    return sluice(CONF, port_back=backend.raw(serve).port)


def ask(stream, priority, path="/www/large"):
    return request(stream, [("priority", priority)] if priority is not None else [], path=path)


# what is sent, streams in the order in which all of them comes
CASES = [
    (ask(1, "u=7") + ask(3, "u=0"), [3, 1]),
    (ask(1, None) + ask(3, "u=2"), [3, 1]),
    (ask(1, "u=5") + ask(3, None) + ask(5, "u=1, i"), [5, 3, 1]),
    (ask(1, "u=3") + ask(3, "u=3"), [1, 3]),
    (ask(1, None) + ask(3, None) + update(3, b"u=0"), [3, 1]),
    (update(3, b"u=1") + ask(1, "u=2") + ask(3, "u=6"), [3, 1]),
    (ask(1, "u=9") + ask(3, "u=2, u=1"), [3, 1]),
]


def test_the_urgent_first_and_then_in_turn(served):
    wrong = []
    for which, (sent, order) in enumerate(CASES):
        with Listener(served.port) as c:
            c.send(sent + ROOM)
            c.until(lambda: len(c.ended) == len(order))
            if c.runs() != order or any(len(c.bodies[s]) != SIZE for s in order):
                wrong.append((which, c.runs()))
    assert wrong == []


def test_the_later_one_may_be_more_urgent(served):
    with Listener(served.port) as c:
        c.send(ask(1, "u=4"))
        c.until(lambda: len(c.bodies.get(1, b"")) == 65535)
        c.send(ask(3, "u=1") + ROOM)
        c.until(lambda: len(c.ended) == 2)
        assert c.runs() == [1, 3, 1]


def test_incremental_ones_share(served):
    with Listener(served.port) as c:
        c.send(ask(1, "i") + ask(3, "u=3, i") + ROOM)
        c.until(lambda: len(c.ended) == 2)
        assert len(c.runs()) > 10


def test_who_has_nothing_to_send_holds_nobody_up(served):
    with Listener(served.port) as c:
        c.send(ask(1, "u=0", "/late") + ask(3, "u=7", "/now") + ask(5, "u=6") + ROOM)
        c.until(lambda: len(c.ended) == 3)
        assert c.order[-1] == 1 and all(len(c.bodies[s]) == SIZE for s in (1, 3, 5))


def test_who_waits_for_the_more_urgent_is_not_late(sluice, box):
    """The client takes all that it is sent: no time of its own runs out."""
    box.write("www/large", b"l" * 60_000_000)
    box.write("www/small", b"s" * 100_000)
    s = sluice("timeout send 2s\n" + CONF, port_back=9)
    with Listener(s.port) as c:
        c.send(ask(1, "u=3") + ask(3, "u=3", "/www/small") + frame(WINDOW_UPDATE, 0, 0, number(1 << 30)))
        until = time.monotonic() + 5
        while time.monotonic() < until and c.turn():
            time.sleep(0.002)  # slower than the server, or the large one is over
        assert 3 not in c.bodies and c.resets == {}
        c.send(frame(RST_STREAM, 0, 1, number(8)))
        assert c.until(lambda: 3 in c.ended or 3 in c.resets)
        assert len(c.bodies[3]) == 100_000
