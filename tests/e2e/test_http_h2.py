"""HTTP/2 towards clients, by an independent implementation: requests, bodies, windows, endings."""

import hashlib
import os
import threading
import time

import client
import pytest
from h2_client import H2Client
from lab import wait_for

CONF = """\
listen 127.0.0.1:@port@ tls http2
certificate default @cert@
site a.example {
    route /app/ -> http://@backend@/
    route /www/ -> dir @dir@/www
    route /old -> redirect 301 /www/
    @more@
}
site b.example -> status 203
"""


def echo(request):
    if request.target.startswith("/sum"):
        text = f"{len(request.body)} {hashlib.sha256(request.body).hexdigest()}"
        return 200, {}, text.encode()
    if request.target.startswith("/big"):
        return 200, {}, b"x" * 3_000_000
    if request.target.startswith("/chunked"):
        return (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\n"
                b"X-Upper-Case: Yes\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    return 200, {"Connection": "X-Hidden", "X-Hidden": "1"}, request.raw_head


@pytest.fixture
def served(sluice, backend, box):
    box.write("www/small", b"s" * 1000)
    box.write("www/large", os.urandom(2_000_000))

    def make(answer=echo, more="", raw=None):
        b = backend.raw(raw) if raw else backend.http(answer)
        s = sluice(CONF, backend=b.address, more=more)
        s.backend = b
        return s
    return make


def connect(s, **options):
    return H2Client("127.0.0.1", s.port, **options)


def test_requests_of_each_kind_of_target(served, box):
    s = served()
    with connect(s) as c:
        answer = c.request("/www/small")
        assert (answer.status, answer.body) == (200, b"s" * 1000)
        assert c.request("/www/large").body == box.path("www/large").read_bytes()
        assert c.request("/www/small", method="HEAD").body == b""
        assert c.request("/old").header("location") == "/www/"
        assert c.request("/nothing").status == 404
        assert c.request("/", authority="b.example").status == 203
        assert c.request("/", authority="c.example").status == 421
        seen = c.request("/app/x?y=1", headers=[("cookie", "a=1"), ("cookie", "b=2"),
                                                 ("x-own", "v")]).body
    assert seen.startswith(b"GET /x?y=1 HTTP/1.1\r\nHost: a.example\r\n")
    assert b"cookie: a=1; b=2" in seen and b"x-own: v\r\n" in seen
    assert b"X-Forwarded-Proto: https\r\n" in seen
    assert s.stats()["h2_streams"] == 8 and s.stats()["h2_connections"] == 1


def test_an_answer_without_what_concerns_http_1(served):
    with connect(served()) as c:
        answer = c.request("/app/chunked")
        assert answer.body == b"hello world"
        names = [n for n, _ in answer.headers]
        assert "transfer-encoding" not in names and "keep-alive" not in names
        assert answer.header("x-upper-case") == "Yes"
        assert "x-hidden" not in [n for n, _ in c.request("/app/").headers]


@pytest.mark.parametrize("length", [True, False])
def test_uploads_with_and_without_a_length(served, length):
    body = os.urandom(1_500_000)
    headers = [("content-length", str(len(body)))] if length else []
    s = served()
    with connect(s) as c:
        answer = c.request("/app/sum", method="POST", body=body, headers=headers)
        assert answer.body.decode() == f"{len(body)} {hashlib.sha256(body).hexdigest()}"
        assert c.request("/app/sum", method="POST").body.startswith(b"0 ")
    first, second = s.backend.requests()
    assert (first.header("transfer-encoding") == "chunked") is not length
    assert second.header("content-length") == "0"


def test_many_streams_at_once(served):
    with connect(served()) as c:
        numbers = [c.start(f"/app/{i}") for i in range(60)] + [c.start("/www/large")]
        for number in numbers:
            assert c.wait(number).status == 200
        assert len(c.streams[numbers[-1]].body) == 2_000_000


def test_a_slow_client_slows_the_backend(served):
    """The windows stay closed: the backend's three megabytes do not pile up in the proxy."""
    def pour(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        conn.sock.settimeout(2)
        total = 0
        try:
            while True:
                conn.send(b"y" * 65536)
                total += 65536
        except TimeoutError:
            conn.note(f"stuck at {total}")
    s = served(raw=pour)
    with connect(s, acknowledge=False) as c:
        number = c.start("/app/")
        c.wait_for(lambda: len(c.streams[number].body) >= 65535)
        wait_for(s.backend.notes, 20, "the backend to be held up")
        before = s.pss_kib("proxy")
        assert int(s.backend.notes()[0].split()[-1]) < 50_000_000
        # Others are not held up; the connection's own window is larger than one stream's.
        assert c.request("/www/small", method="HEAD").status == 200
        assert s.pss_kib("proxy") < before + 4096


def test_a_slow_backend_slows_the_client(served):
    def slow(conn):
        conn.read_head()
        threading.Event().wait(20)  # nothing more is read: the client's window must run dry
    s = served(raw=slow)
    with connect(s, timeout=3) as c:
        number = c.start("/app/", method="POST", end=False)
        total = 0
        while True:
            room = min(c.conn.local_flow_control_window(number), 16384)
            if room == 0:
                try:
                    if not c.turn() or c.streams[number].over:
                        break  # it has given up: the backend takes nothing
                except TimeoutError:
                    break
                continue
            c.conn.send_data(number, b"z" * room)
            c.flush()
            total += room
        assert total < 20_000_000


def test_a_reset_stream_frees_its_backend(served):
    s = served(raw=lambda conn: (conn.read_head(), conn.note("asked"),
                                 conn.sock.recv(1) or conn.note("closed")))
    with connect(s) as c:
        number = c.start("/app/")
        wait_for(lambda: s.backend.notes() == ["asked"], what="the request at the backend")
        c.conn.reset_stream(number)
        c.flush()
        wait_for(lambda: s.backend.notes() == ["asked", "closed"], what="the backend to be freed")
        assert c.request("/www/small").status == 200


def test_an_answer_before_the_upload_is_complete(served):
    """RFC 9113 section 8.1: the answer, then RST_STREAM with NO_ERROR."""
    def refuse(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
    with connect(served(raw=refuse)) as c:
        number = c.start("/app/", method="POST", end=False)
        c.send(number, b"x" * 20000)
        c.wait_for(lambda: c.streams[number].ended)
        stream = c.streams[number]
        assert (stream.status, stream.body) == (403, b"no")
        c.wait_for(lambda: stream.reset is not None)
        assert stream.reset == 0
        assert c.request("/www/small").status == 200


def test_a_backend_that_answers_too_early_is_not_asked_again(served):
    """It closes without a word as soon as it pleases: a POST would be lost on that connection."""
    def refuse(conn):
        conn.read_head()
        conn.note("asked")
        conn.send(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        conn.note("again" if conn.sock.recv(1 << 20).startswith(b"POST") else "not again")
    s = served(raw=refuse)
    with connect(s) as c:
        number = c.start("/app/", method="POST", end=False)
        c.wait_for(lambda: c.streams[number].status is not None)
        c.send(number, b"", end=True)
        assert c.request("/app/", method="POST", body=b"", headers=[("content-length", "0")]).status == 403
    assert "again" not in s.backend.notes()


def test_limits_of_bodies(served):
    s = served(more="route /tiny -> http://127.0.0.1:1/ { body-limit 1K }")
    with connect(s) as c:
        answer = c.request("/tiny", method="POST", body=b"x" * 2000,
                           headers=[("content-length", "2000")])
        assert answer.status == 413
        assert c.request("/www/small").status == 200


def test_a_cut_answer_resets_only_its_stream(served):
    def cut(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    with connect(served(raw=cut)) as c:
        stream = c.request("/app/")
        assert stream.reset == 2  # INTERNAL_ERROR
        assert c.request("/www/small").status == 200


@pytest.mark.parametrize("pseudo,headers,status", [
    ([(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/a/../../b")],
     [], 400),
    ([(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/%00")], [],
     400),
    ([(":method", "GET"), (":scheme", "https"), (":authority", "a@b"), (":path", "/")], [], 400),
    ([(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")],
     [("host", "b.example")], 400),
    ([(":method", "GET"), (":scheme", "ftp"), (":authority", "a.example"), (":path", "/")], [], 400),
    ([(":method", "GET"), (":scheme", "https"), (":path", "/www/small")], [("host", "a.example")],
     200),
    ([(":method", "TRACE"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")], [],
     405),
    ([(":method", "OPTIONS"), (":scheme", "https"), (":authority", "a.example"), (":path", "*")], [],
     204),
    ([(":method", "CONNECT"), (":authority", "a.example:443")], [], 405),
    # Of a protocol that nobody knows (RFC 9220 section 3).
    ([(":method", "CONNECT"), (":protocol", "connect-udp"), (":scheme", "https"), (":authority", "a.example"),
      (":path", "/app/")], [], 501),
    ([(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", "a.example"),
      (":path", "/app/")], [("content-length", "0")], 400),
    ([(":method", "GET"), (":scheme", "https"), (":authority", "a.example"),
      (":path", "/" + "x" * 9000)], [], 414),
    ([(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")],
     [(f"x-{i}", "v" * 500) for i in range(60)], 431),
])
def test_what_is_answered_with_a_status_of_ours(served, pseudo, headers, status):
    with connect(served(), validate=False) as c:
        number = c.start(pseudo=pseudo, headers=headers)
        assert c.wait(number).status == status
        assert c.request("/www/small").status == 200


def test_a_flood_of_pings_ends_the_connection(served):
    s = served()
    with connect(s) as c:
        try:
            for _ in range(200):
                for _ in range(50):
                    c.conn.ping(b"12345678")
                c.flush()
        except (ConnectionError, OSError):
            pass
        else:
            c.read_end()
    wait_for(lambda: s.stats()["h2_floods"] == 1, what="the flood to be counted")
    assert client.fetch(f"https://127.0.0.1:{s.port}/www/small", host="a.example").status == 200


def test_rapid_resets_end_the_connection(served):
    s = served()
    with connect(s) as c:
        try:
            for _ in range(5000):
                number = c.start("/app/")
                c.conn.reset_stream(number)
                c.flush()
        except (ConnectionError, OSError):
            pass
        else:
            c.read_end()
    wait_for(lambda: s.stats()["connections_open"] == 0, what="the connection to be gone")
    assert s.stats()["h2_streams"] < 2000


def test_streams_survive_a_reload_and_idle_connections_end(served):
    s = served(raw=lambda conn: (conn.read_head(), conn.note("asked"), conn.sock.settimeout(10),
                                 conn.sock.recv(1)))
    with connect(s) as c, connect(s) as idle:
        number = c.start("/app/")
        wait_for(s.backend.notes, what="the request at the backend")
        assert idle.request("/www/small").status == 200
        s.write(s.text.replace("site b.example", "timeout idle 1s\nsite b.example"))
        s.reload()
        assert idle.request("/www/small").status == 200
        assert idle.read_end().error_code == 0
        assert not c.streams[number].over


def test_a_stream_that_is_given_up_says_nothing_of_another(served):
    """A frame of it waits for room in the connection's buffer when it ends, because it is too slow,
    and the next streams come before there is any."""
    def serve(conn):
        while head := conn.read_head():
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + head.split(b" ")[1][-1:] * 1000000)

    s = served(raw=serve, more="timeout send 500ms")
    with connect(s, window=1 << 20) as c:
        c.conn.increment_flow_control_window(1 << 26)
        for letters in ("abcdefghijkl", "mnopqrstuvwx"):
            numbers = {c.start(f"/app/{letter}"): letter.encode() for letter in letters}
            time.sleep(1)
            numbers.update({c.start(f"/app/{letter}"): letter.encode() for letter in letters.upper()})
            for number, letter in numbers.items():
                assert c.wait(number).body.strip(letter) == b""
