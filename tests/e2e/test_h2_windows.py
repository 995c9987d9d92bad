"""What goes while windows are shut or open, and what does not go yet."""

import time

import pytest
from h2_frames import WINDOW_UPDATE, Connection, frame, number, request, settings

CONF = """\
listen 127.0.0.1:@port@ tls http2
certificate default @cert@
site a.example {
    route /back/ -> http://127.0.0.1:@port_back@
    route / -> dir @dir@/www
}
"""


@pytest.fixture
def served(sluice, backend, box):
    def serve(conn):
        conn.read_head()
        if conn.number == 1:
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n")
            time.sleep(0.06)  # a head without a byte of its body is held back for 250 ms
        else:
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    box.write("www/empty", b"")
    box.write("www/large", b"l" * 1_000_000)
    return sluice(CONF, port_back=backend.raw(serve).port)


@pytest.mark.parametrize("opens", [frame(WINDOW_UPDATE, 0, 1, number(100)), settings((4, 100_000))],
                         ids=["WINDOW_UPDATE", "SETTINGS"])
def test_a_window_sends_no_head_that_may_be_taken_back(served, opens):
    """A backend that dies behind its head is asked again: the client must not have got the first head."""
    with Connection(served.port) as c:
        c.send(request(1, path="/back/"))
        for _ in range(4):
            time.sleep(0.01)
            c.send(opens)
        assert c.until(lambda: 1 in c.ended or 1 in c.resets)
        assert (c.statuses, c.bodies, c.resets) == ({1: 200}, {1: b"hello"}, {})


def test_heads_and_ends_pass_a_body_that_waits_for_the_connection(served):
    """RFC 9113 section 5.2.1: flow control is of DATA alone."""
    with Connection(served.port, timeout=5) as c:
        c.send(settings((4, 10_000_000)) + request(1, path="/large"))
        assert c.until(lambda: len(c.bodies.get(1, b"")) == 65535)
        c.send(request(3, path="/empty") + request(5, path="/none", method="HEAD") + request(7, path="/large"))
        assert c.until(lambda: {3, 5} <= c.ended and 7 in c.statuses)
        assert c.statuses == {1: 200, 3: 200, 5: 404, 7: 200} and len(c.bodies[1]) == 65535
        c.send(frame(WINDOW_UPDATE, 0, 0, number(10_000_000)))
        assert c.until(lambda: {1, 7} <= c.ended)
        assert len(c.bodies[1]) == len(c.bodies[7]) == 1_000_000
