"""Too many connections, too many bytes in flight, clients that are too slow."""

import contextlib
import re
import socket
import time

import client
import pytest
from h2_client import H2Client
from lab import wait_for

CONF = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls http2
certificate default @cert@
threads 1
@limits@
site a.example {
    route /app/ -> http://@backend@/
    route /www/ -> dir @dir@/www
    route / -> status 200
}
"""


@pytest.fixture
def served(sluice, backend, box):
    box.write("www/large", b"x" * 30_000_000)

    def make(limits, answer=lambda request: (200, {}, b"ok")):
        s = sluice(CONF, backend=backend.http(answer).address, limits=limits)
        return s
    return make


def limits(s):
    return {limit["name"]: limit for limit in s.status()["limits"]}


def test_the_limits_are_shown_before_they_are_reached(served):
    s = served("connections 1000\nbuffer-memory 64M")
    of = limits(s)
    assert list(of) == ["connections", "buffer-memory", "descriptors"]
    assert all(limit["reached"] == limit["last"] == 0 for limit in of.values())
    assert 0 < of["descriptors"]["now"] < of["descriptors"]["most"]
    assert of["connections"]["most"] == 1000 and of["buffer-memory"]["most"] <= 64 << 20
    assert re.search(r"(?m)^LIMIT +NOW +MOST +REACHED +LAST$", s.ctl("status").stdout)
    assert 'sluice_limit_max{limit="connections"} 1000' in s.api("GET", "/v1/metrics")[1]


def test_the_longest_idle_makes_room(served):
    s = served("connections 16")
    clients = [s.client() for _ in range(8)]
    for c in clients:
        assert c.request("GET", "/").status == 200
    streams = [H2Client("127.0.0.1", s.ports["port_tls"]) for _ in range(8)]
    for c in streams:
        assert c.request("/").status == 200
    assert clients[0].request("GET", "/").status == 200  # not the longest idle any more
    with s.client() as more:
        assert more.request("GET", "/").status == 200
        assert clients[1].eof()
        assert clients[0].request("GET", "/").status == 200
    for c in clients + streams:
        c.close()
    assert s.stats()["connections_refused"] == 0
    # The limit was reached all the same, and one sees it.
    assert limits(s)["connections"]["reached"] == 1 and limits(s)["connections"]["most"] == 16


def test_an_idle_http_2_connection_is_told_to_go(served):
    s = served("connections 16")
    with H2Client("127.0.0.1", s.ports["port_tls"]) as idle:
        assert idle.request("/").status == 200
        clients = [s.client() for _ in range(16)]
        for c in clients:
            assert c.request("GET", "/").status == 200
        assert idle.read_end().error_code == 0
        for c in clients:
            c.close()


def test_when_all_are_busy_the_new_one_is_refused(served):
    s = served("connections 16")
    busy = [s.client() for _ in range(16)]
    for c in busy:
        c.send(b"POST /app/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1\r\n\r\n")
    wait_for(lambda: s.stats()["connections_open"] == 16, what="all places to be taken")
    with s.client() as c:
        answer = c.response()
        assert answer.status == 503 and answer.header("retry-after")
        assert c.eof()
    assert s.stats()["connections_refused"] == 1
    at = limits(s)["connections"]
    assert (at["now"], at["most"], at["reached"]) == (16, 16, 1) and abs(at["last"] / 1000 - time.time()) < 60
    assert re.search(r"(?m)^connections +16 +16 +1 +\d{4}-", s.ctl("status").stdout)
    s.wait_log("limit reached")
    for c in busy:
        c.send(b"x")
        assert c.response().status == 200
        c.close()
    wait_for(lambda: client.fetch(f"http://127.0.0.1:{s.port}/", host="a.example").status == 200)


def headless(s):
    c = s.client()
    c.send(b"GET / HTTP/1.1\r\nHost: a.ex")
    return c


def without_a_handshake(s):
    return client.RawClient("127.0.0.1", s.ports["port_tls"], timeout=20)


def without_the_end_of_a_head(s):
    c = H2Client("127.0.0.1", s.ports["port_tls"])
    c.flush()
    head = c.conn.encoder.encode([(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")])
    c.sock.sendall(len(head).to_bytes(3, "big") + b"\x01\x01\0\0\0\x01" + head)  # HEADERS, END_STREAM alone
    return c


def not_closing(s):
    c = s.client()
    c.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nbroken header\r\n\r\n")
    assert c.response().status == 400
    return c


@pytest.mark.parametrize("begin", [headless, without_a_handshake, without_the_end_of_a_head, not_closing])
def test_who_never_finishes_makes_room(served, begin):
    """Else sixteen connections with half a head each would keep all others out, again and again."""
    s = served("connections 16")
    slow = [begin(s) for _ in range(16)]
    wait_for(lambda: s.stats()["connections_open"] == 16, what="all places to be taken")

    def admitted():
        with contextlib.suppress(AssertionError, OSError):
            return client.fetch(f"http://127.0.0.1:{s.port}/", host="a.example").status == 200
    wait_for(admitted, 2.5, "those who never finish to go")  # NOT_CLOSING would linger for 3 s
    idle = s.client()
    assert idle.request("GET", "/").status == 200
    more = [s.client() for _ in range(8)]
    for c in more:
        assert c.request("GET", "/").status == 200
    # Who came after them and waits for nothing stays while there is one of them.
    assert idle.request("GET", "/").status == 200
    for c in slow + more + [idle]:
        c.close()


def test_requests_beyond_the_memory_are_shed(served):
    s = served("buffer-memory 4M")  # 102 blocks
    slow = [s.client() for _ in range(110)]
    for c in slow:
        c.send(b"POST /app/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\nx")
    assert limits(s)["buffer-memory"]["most"] == 102 * 40960
    wait_for(lambda: s.stats()["requests_shed"] > 0, what="a request to be shed")
    assert limits(s)["buffer-memory"]["reached"] > 0 and limits(s)["buffer-memory"]["now"] > 100 * 40960
    with s.client() as c:
        answer = c.request("GET", "/")
        assert answer.status == 503 and answer.header("retry-after")
        assert c.eof()
    for c in slow:
        c.close()

    def served_again():
        return client.fetch(f"http://127.0.0.1:{s.port}/", host="a.example").status == 200
    wait_for(served_again, what="requests to be served again")


def test_a_trickling_upload_gets_408(served):
    s = served("min-rate 1K after 1s\ntimeout idle 20s")
    with s.client() as c:
        c.send(b"POST /app/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\n")
        begun = time.monotonic()
        c.sock.settimeout(0.2)
        while time.monotonic() < begun + 15:
            c.send(b"x")
            try:
                if c._fill():
                    break
            except TimeoutError:
                pass
        assert c.response(timeout=5).status == 408
        assert time.monotonic() < begun + 10


def test_a_fast_upload_may_last_longer_than_the_grace(served):
    s = served("min-rate 1K after 1s")
    with s.client() as c:
        c.send(b"POST /app/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 40000\r\n\r\n")
        for _ in range(20):
            c.send(b"x" * 2000)
            time.sleep(0.1)  # the pace is what is tested
        assert c.response().status == 200


def test_a_trickling_reader_of_a_stream_is_ended(served):
    s = served("min-rate 64K after 1s")
    with H2Client("127.0.0.1", s.ports["port_tls"], acknowledge=False) as c:
        number = c.start("/www/large")
        c.wait_for(lambda: len(c.streams[number].body) >= 65535)
        c.sock.settimeout(0.2)
        end = time.monotonic() + 15
        while not c.streams[number].over and time.monotonic() < end:
            c.conn.increment_flow_control_window(100)
            c.conn.increment_flow_control_window(100, number)
            c.flush()
            time.sleep(0.2)  # the pace is what is tested; more frames a second would be a flood
            try:
                c.turn()
            except TimeoutError:
                pass
        assert c.streams[number].reset == 8  # CANCEL


@pytest.mark.parametrize("tls", [False, True])
def test_a_slow_reader_is_ended_although_the_kernel_has_taken_its_bytes(served, tls):
    """Nothing moves in the loop while the client fetches what the socket's buffer holds."""
    s = served("min-rate 64K after 1s\ntimeout send 60s")
    with client.RawClient("127.0.0.1", s.ports["port_tls" if tls else "port"], tls=tls) as c:
        c.send(b"GET /www/large HTTP/1.1\r\nHost: a.example\r\n\r\n")
        wait_for(lambda: s.stats()["connections_open"], what="that it is accepted")
        end = time.monotonic() + 20
        while s.stats()["connections_open"] and time.monotonic() < end:
            time.sleep(0.2)  # the pace is what is tested
            with contextlib.suppress(OSError):
                c.sock.recv(64)
        assert not s.stats()["connections_open"]


def test_a_stream_whose_window_stays_shut_is_ended(served):
    s = served("min-rate 64K after 1s\ntimeout send 60s")
    with H2Client("127.0.0.1", s.ports["port_tls"], acknowledge=False) as c:
        number = c.start("/www/large")
        c.wait_for(lambda: c.streams[number].over)
        assert c.streams[number].reset == 8  # CANCEL


def test_an_upload_that_stops_gets_408_by_the_rate(served):
    s = served("min-rate 1K after 1s\ntimeout idle 60s")
    with s.client() as c:
        c.send(b"POST /app/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\nabc")
        assert c.response(timeout=20).status == 408


def test_who_fetches_from_the_kernel_is_not_silent(served):
    """Slower than a buffer drains within `timeout send`, faster than min-rate."""
    s = served("min-rate 1K after 1s\ntimeout send 1s")
    with client.RawClient("127.0.0.1", s.ports["port"]) as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        c.send(b"GET /www/large HTTP/1.1\r\nHost: a.example\r\n\r\n")
        for _ in range(25):
            assert c.sock.recv(32768)
            time.sleep(0.2)  # the pace is what is tested
        assert s.stats()["connections_open"] == 1


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("piece", [0, 4096])
def test_what_a_slow_reader_left_is_forgotten(served, tls, piece):
    """The kernel holds megabytes for it, which it could go on fetching byte by byte for hours."""
    s = served("min-rate 64K after 1s\ntimeout send 2s")
    with client.RawClient("127.0.0.1", s.ports["port_tls" if tls else "port"], tls=tls) as c:
        c.send(b"GET /www/large HTTP/1.1\r\nHost: a.example\r\n\r\n")
        wait_for(lambda: s.stats()["connections_open"], what="that it is accepted")
        end = time.monotonic() + 15
        while s.stats()["connections_open"] and time.monotonic() < end:
            time.sleep(0.2)  # the pace is what is tested
            assert not piece or c.sock.recv(piece)
        left = 0
        with contextlib.suppress(ConnectionResetError):  # which Python's TLS may call an end
            while data := c.sock.recv(65536):
                left += len(data)
        assert left < 1 << 20


def test_slow_clients_are_borne_when_the_file_says_so(served):
    s = served("min-rate off")
    with s.client() as c:
        c.send(b"POST /app/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 12\r\n\r\n")
        for _ in range(12):
            c.send(b"x")
            time.sleep(0.15)  # the pace is what is tested
        assert c.response().status == 200


def test_a_handshake_that_never_comes_ends(served):
    s = served("timeout idle 60s")
    with client.RawClient("127.0.0.1", s.ports["port_tls"], timeout=30) as c:
        begun = time.monotonic()
        assert c.eof(timeout=20)
        assert 5 < time.monotonic() - begun < 15
