"""The life of connections: keep-alive on both sides, pipelining, time-outs, early answers, clients and
backends that go away, and back-pressure.
"""

import os
import pathlib
import re
import socket
import threading
import time

import pytest
from h2_client import H2Client
from lab import wait_for

CONF = "listen 127.0.0.1:@port@ plain\nsite * -> http://127.0.0.1:@port_back@\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MEMORY_GROWTH_MAX_KIB = 4096


def with_top(*lines):
    return "".join(line + "\n" for line in lines) + CONF


@pytest.fixture
def echo(backend):
    return backend.http(lambda r: (200, {}, f"{r.method} {r.target} ".encode() + r.body))


# keep-alive and pipelining

def test_many_requests_share_one_connection_on_both_sides(sluice, echo):
    s = sluice("threads 1\n" + CONF, port_back=echo.port)
    with s.client() as c:
        for i in range(50):
            response = c.request("GET", f"/{i}")
            assert response.body == f"GET /{i} ".encode() and response.keep_alive
    assert echo.connections() == 1
    assert s.stats()["upstream_reused"] == 49


def test_pipelined_requests_are_answered_in_order(sluice, echo):
    s = sluice(CONF, port_back=echo.port)
    with s.client() as c:
        c.send(b"".join(b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" % i
                        for i in range(200)))
        for i in range(200):
            assert c.response().body == f"POST /{i} abc".encode()


def test_a_client_that_wants_to_close_is_closed(sluice, echo):
    s = sluice(CONF, port_back=echo.port)
    with s.client() as c:
        assert not c.request("GET", "/", headers=[("Connection", "close")]).keep_alive
        assert c.eof()


@pytest.mark.parametrize("keep", [False, True])
def test_http_1_0(sluice, backend, keep):
    origin = backend.http(lambda r: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                          if r.target == "/chunked" else (200, {}, r.header("host").encode()))
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        c.send(b"GET /chunked HTTP/1.0\r\nHost: a\r\n\r\n")
        response = c.response()
        assert response.body == b"hello" and not response.all("transfer-encoding")
    with s.client() as c:
        c.send(b"GET / HTTP/1.0\r\n" + (b"Connection: keep-alive\r\n" if keep else b"") + b"\r\n")
        assert c.response().body.startswith(b"127.0.0.1")
        if keep:
            c.send(b"GET / HTTP/1.0\r\n\r\n")
            assert c.response().status == 200
        assert c.eof()


def test_an_answer_that_ends_with_its_connection_gets_chunks(sluice, backend):
    def serve(conn):
        conn.read_head()
        conn.send(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 100000)
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        for _ in range(2):
            response = c.request("GET", "/")
            assert response.chunked and response.body == b"x" * 100000


def test_head_has_no_body_and_keeps_its_length(sluice, backend):
    origin = backend.http(lambda r: (200, {"Content-Length": "1000"}, b"y" * 1000))
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        assert c.request("HEAD", "/").header("content-length") == "1000"
        assert len(c.request("GET", "/").body) == 1000


def test_many_uploads_that_are_reset_at_once(sluice, backend):
    """More of them than finished requests are kept: each is freed while its own end is still under way."""
    origin = backend.raw(lambda conn: (conn.read_head(), conn.sock.recv(1 << 20), time.sleep(1)))
    s = sluice("threads 1\n" + CONF, port_back=origin.port)
    clients = [s.client() for _ in range(64)]
    for c in clients:
        c.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 5000)
    wait_for(lambda: s.stats()["upstream_connects"] == 64)
    for c in clients:
        c.reset()
    wait_for(lambda: s.stats()["connections_open"] == 0)
    assert s.stats()["connections_accepted"] == 64, "another process than before"


# what is not answered by the backend

def test_expect_100_continue_is_answered_here(sluice, backend):
    def serve(conn):
        head = conn.read_head()
        conn.note(head.decode("latin-1"))
        conn.read_exact(5)
        conn.send(OK)
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        c.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert c.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        c.send(b"hello")
        assert c.response().body == b"ok"
    assert "expect" not in origin.notes()[0].lower()


def test_a_length_above_the_limit_is_413_before_a_byte_of_it(sluice, echo):
    s = sluice(with_top("body-limit 1K"), port_back=echo.port)
    with s.client() as c:
        c.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\nExpect: 100-continue\r\n\r\n")
        response = c.response()
        assert response.status == 413 and response.interim == []
    assert s.get("/", method="PUT", body=b"x" * 1024).status == 200
    assert len(echo.requests()) == 1


def test_a_refused_request_that_waits_for_100_ends_the_connection(sluice):
    """Nobody can tell whether its body still comes: what follows could be read as one."""
    s = sluice("listen 127.0.0.1:@port@ plain\nsite a { route /x/ -> status 204 }\n")
    for host in (b"a", b"nobody"):
        with s.client() as c:
            c.send(b"PUT / HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            response = c.response()
            assert response.status in (404, 421) and not response.keep_alive and response.interim == []
            assert c.eof()


def test_a_413_ends_the_connection_however_small_the_rest_is(sluice, echo):
    s = sluice(with_top("body-limit 1K"), port_back=echo.port)
    with s.client() as c:
        c.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n")
        response = c.response()
        assert response.status == 413 and not response.keep_alive
        assert c.eof()
    assert echo.requests() == []


def test_chunks_above_the_limit_are_413_on_the_way(sluice, echo):
    s = sluice(with_top("body-limit 1K"), port_back=echo.port)
    with s.client() as c:
        c.send(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        c.send(b"200\r\n" + b"x" * 512 + b"\r\n")
        c.send(b"400\r\n" + b"x" * 1024 + b"\r\n")
        assert c.response().status == 413
        assert c.eof()
    assert echo.requests() == []


def test_a_small_unread_body_does_not_cost_the_connection(sluice):
    s = sluice("listen 127.0.0.1:@port@ plain\nsite * -> status 403\n")
    with s.client() as c:
        for _ in range(3):
            assert c.request("POST", "/", body=b"x" * 20000).status == 403
        c.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
        assert not c.response().keep_alive


# time-outs

def test_a_head_that_stops_is_408(sluice, echo):
    s = sluice(with_top("timeout idle 400ms"), port_back=echo.port)
    with s.client() as c:
        c.send(b"GET / HTTP/1.1\r\nHo")
        assert c.response().status == 408
        assert c.eof()


def test_a_head_that_a_reload_overtakes_is_still_timed(sluice, echo):
    s = sluice(with_top("timeout idle 1s"), port_back=echo.port)
    with s.client() as c:
        c.send(b"GET / HTTP/1.1\r\nHo")
        wait_for(lambda: s.stats()["connections_open"] == 1, what="the connection")
        s.write(with_top("timeout idle 2s"))
        s.reload()
        s.write(with_top("timeout idle 3s"))
        s.reload()
        assert c.response().status == 408
        assert c.eof()


def test_a_connection_without_a_request_is_closed_silently(sluice, echo):
    s = sluice(with_top("timeout idle 400ms"), port_back=echo.port)
    with s.client() as c:
        assert c.request("GET", "/").status == 200
        assert c.eof()
    with s.client() as c:
        assert c.eof()


def test_a_site_says_how_long_its_clients_may_be_idle(sluice):
    s = sluice("""listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls http2
certificate default @cert@
site a.example { timeout idle 300ms ; route / -> status 204 }
site b.example { route /short -> status 204 { timeout idle 300ms }
                 route / -> status 204 }
""")
    with s.client() as c, s.client() as longer, H2Client("127.0.0.1", s.ports["port_tls"]) as framed:
        assert c.request("GET", "/").status == 204
        assert longer.request("GET", "/short", host="b.example").status == 204
        assert longer.request("GET", "/", host="b.example").status == 204
        assert framed.request("/short", authority="b.example").status == 204
        assert framed.read_end().error_code == 0
        assert c.eof()
        assert longer.request("GET", "/", host="b.example").status == 204


def test_a_body_that_stops_is_408(sluice, echo):
    s = sluice(with_top("timeout idle 400ms"), port_back=echo.port)
    with s.client() as c:
        c.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        assert c.response().status == 408
        assert c.eof()


def test_a_backend_that_says_nothing_is_504(sluice, backend):
    def serve(conn):
        conn.read_head()
        conn.sock.recv(1)
        conn.note("cancelled")
    origin = backend.raw(serve)
    s = sluice(with_top("timeout read 400ms"), port_back=origin.port)
    with s.client() as c:
        assert c.request("GET", "/").status == 504
        assert wait_for(lambda: origin.notes() == ["cancelled"], what="the request to be cancelled")
        assert c.request("GET", "/").status == 504


def test_a_backend_that_keeps_talking_is_never_timed_out(sluice, backend):
    def serve(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(8):
            time.sleep(0.1)
            conn.send(b"1\r\n.\r\n")
        conn.send(b"0\r\n\r\n")
    origin = backend.raw(serve)
    s = sluice(with_top("timeout read 400ms"), port_back=origin.port)
    assert s.get("/").body == b"." * 8


def test_a_backend_that_trickles_its_head_is_504(sluice, backend):
    """All of a head has the time-out once; hints before it are heads of their own."""
    def serve(conn):
        path = conn.read_head().split()[1].decode()
        for _ in range(4 if path == "/hints" else 0):
            time.sleep(0.3)
            conn.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")
        if path == "/trickle":
            for byte in b"HTTP/1.1 200 OK\r\nX-Pad: " + b"x" * 1000:
                conn.send(bytes([byte]))
                time.sleep(0.05)
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    s = sluice(with_top("timeout read 1s"), port_back=backend.raw(serve).port)
    assert s.get("/hints").body == b"ok"
    began = time.monotonic()
    assert s.get("/trickle").status == 504
    assert time.monotonic() - began < 20, "not for as long as a byte comes now and then"


def test_a_backend_that_takes_nothing_is_504(sluice, backend):
    def serve(conn):
        conn.read_head()
        wait_for(lambda: False if not gone.is_set() else True, timeout=20)
    gone = threading.Event()
    origin = backend.raw(serve)
    s = sluice(with_top("timeout send 400ms"), port_back=origin.port)
    size = 64 << 20
    with s.client(timeout=20) as c:
        c.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        writer = threading.Thread(target=_write_until_refused, args=(c.sock, size))
        writer.start()
        assert c.response().status == 504
        c.sock.shutdown(socket.SHUT_RDWR)
        writer.join()


def _write_until_refused(sock, n):
    try:
        while n > 0:
            n -= sock.send(b"x" * min(n, 65536))
    except OSError:
        pass


def test_a_client_that_takes_nothing_is_cut(sluice, backend):
    def serve(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        try:
            while True:
                conn.send(b"x" * 65536)
        finally:
            conn.note("cut")
    origin = backend.raw(serve)
    s = sluice(with_top("timeout send 400ms"), port_back=origin.port)
    with s.client() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert wait_for(lambda: origin.notes() == ["cut"], what="the download to be cut")


# dead backends

def test_a_dead_backend_is_502_for_its_own_route_only(sluice, backend, echo):
    dead = backend.http(lambda r: (200, {}, b""))
    dead.stop()
    s = sluice("listen 127.0.0.1:@port@ plain\nsite * {\n  route /dead/ -> http://127.0.0.1:@port_dead@\n"
               "  route / -> http://127.0.0.1:@port_back@\n}\n", port_back=echo.port, port_dead=dead.port)
    with s.client() as c:
        assert c.request("GET", "/dead/x").status == 502
        assert c.request("GET", "/x").body == b"GET /x "
        dead.start()
        assert c.request("GET", "/dead/x").status == 200


def test_a_name_that_does_not_resolve_is_502(sluice, echo):
    s = sluice("listen 127.0.0.1:@port@ plain\nsite a.example -> http://localhost:@port_back@\n"
               "site * -> http://no-such-name.invalid:80\n", port_back=echo.port)
    assert s.get("/x").body == b"GET /x "
    assert s.get("/", host="b.example", timeout=40).status in (502, 504)


def test_a_get_on_a_connection_that_just_closed_is_sent_once_more(sluice, backend):
    def serve(conn):
        conn.read_head()
        conn.send(OK)
        conn.read_head()
        conn.note("second request dropped")
    origin = backend.raw(serve)
    s = sluice("threads 1\n" + CONF, port_back=origin.port)
    with s.client() as c:
        assert c.request("GET", "/1").body == b"ok"
        assert c.request("GET", "/2").body == b"ok"
    assert origin.connections() == 2
    assert origin.notes() == ["second request dropped"]
    assert s.stats()["upstream_retries"] == 1


@pytest.mark.parametrize("method,status", [("GET", 200), ("POST", 502)])
def test_a_backend_that_dies_between_head_and_body(sluice, backend, method, status):
    def serve(conn):
        conn.read_head()
        conn.send(OK[:-2])
        if conn.number > 1:
            conn.send(OK[-2:])
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    assert s.get("/", method=method, body=b"").status == status


def test_a_head_without_its_body_is_passed_on_after_a_moment(sluice, backend):
    def serve(conn):
        conn.read_head()
        conn.send(OK[:-2])
        while not os.path.exists(go):
            time.sleep(0.02)
        conn.send(OK[-2:])
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    go = str(s.dir / "go")
    origin.stop()
    origin.start()
    with s.client() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        c.read_until(b"\r\n\r\n")
        pathlib.Path(go).touch()
        assert c.recv(2) == b"ok"


def test_a_get_is_sent_at_most_twice(sluice, backend):
    def serve(conn):
        conn.read_head()
        conn.note("seen")
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    assert s.get("/").status == 502
    assert origin.notes() == ["seen", "seen"]


def test_a_post_is_never_sent_twice(sluice, backend):
    def serve(conn):
        conn.read_head()
        conn.note("seen")
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    assert s.get("/", method="POST", body=b"").status == 502
    assert origin.notes() == ["seen"]


@pytest.mark.parametrize("last_words", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned"])
def test_an_idle_connection_that_speaks_or_closes_is_not_used_again(sluice, backend, last_words):
    def serve(conn):
        conn.read_head()
        conn.send(OK)
        if last_words:
            conn.send(last_words)
        else:
            conn.sock.shutdown(socket.SHUT_WR)
        try:
            while conn.sock.recv(100):
                pass
        finally:
            conn.note("closed")
    origin = backend.raw(serve)
    s = sluice("threads 1\n" + CONF, port_back=origin.port)
    with s.client() as c:
        for i in range(3):
            assert c.request("GET", "/").body == b"ok"
            wait_for(lambda: len(origin.notes()) == i + 1, what="the idle connection to be closed")
    assert origin.connections() == 3


def test_an_idle_connection_is_closed_before_the_backend_does(sluice, backend):
    """A backend that keeps it for a second would else close it in the moment of a POST, which then fails."""
    def serve(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok")
        began = time.monotonic()
        assert conn.sock.recv(100) == b""
        conn.note(time.monotonic() - began)
    origin = backend.raw(serve)
    s = sluice("threads 1\n" + CONF, port_back=origin.port)
    assert s.get("/").body == b"ok"
    wait_for(origin.notes, what="the idle connection to be closed")
    assert float(origin.notes()[0]) > 0.3


# answers before the request is complete

def test_an_early_answer_is_passed_on_while_the_client_still_sends(sluice, backend):
    def serve(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno")
        conn.sock.recv(1 << 20)
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        c.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 300000)
        response = c.response()
        assert (response.status, response.body) == (401, b"no")
        assert not response.keep_alive
    assert s.get("/").status == 401


# clients that leave

def test_a_client_that_leaves_cancels_its_request(sluice, backend):
    def serve(conn):
        conn.read_head()
        conn.note("began")
        assert conn.sock.recv(1) == b""
        conn.note("cancelled")
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for(lambda: origin.notes() == ["began"], what="the request")
    assert wait_for(lambda: origin.notes() == ["began", "cancelled"], what="the cancellation")
    wait_for(lambda: s.stats()["connections_open"] == 0, what="no open connection")


def test_a_client_that_has_half_closed_gets_its_answer(sluice, backend):
    """As nc does; also two requests on one connection, a body, and an answer that takes its time."""
    def serve(conn):
        while (head := conn.read_head()):
            body = conn.read_exact(5) if head.startswith(b"POST") else b""
            if b"/slow" in head:
                time.sleep(0.5)
                conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in range(5):
                    conn.send(b"1\r\nx\r\n")
                    time.sleep(0.8)
                conn.send(b"0\r\n\r\n")
            else:
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + (body or b"short"))

    s = sluice(CONF, port_back=backend.raw(serve).port)
    with s.client() as c, s.client() as slow:
        slow.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        slow.shutdown_write()
        c.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        c.shutdown_write()
        assert [c.response().body, c.response().body] == [b"short", b"hello"]
        assert c.eof()
        assert slow.response().body == b"xxxxx"
        assert slow.eof()


def test_an_upload_cut_off_is_not_a_request(sluice, backend):
    def serve(conn):
        conn.read_head()
        try:
            conn.read_exact(1000)
        except ConnectionError:
            conn.note("cut")
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        c.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
        wait_for(lambda: origin.connections() == 1, what="the upload to begin")
        c.reset()
    assert wait_for(lambda: origin.notes() == ["cut"], what="the upload to be cut")


# bodies

@pytest.mark.release
@pytest.mark.parametrize("tls", [False, True])
def test_a_slow_reader_slows_the_backend_and_memory_stays_flat(sluice, backend, tls):
    size = 64 << 20

    def serve(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        block = b"x" * (1 << 20)
        for i in range(size >> 20):
            conn.send(block)
            conn.note(str(i))
    origin = backend.raw(serve)
    s = sluice(CONF.replace("plain", "tls\ncertificate default @cert@" if tls else "plain"),
               port_back=origin.port)
    before = resident_kib(s.children()["proxy"])
    with s.client(tls=tls, sni="a.example" if tls else None) as c:
        c.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        c.read_until(b"\r\n\r\n")
        sent = wait_steady(lambda: len(origin.notes()))
        assert sent < size >> 20
        assert resident_kib(s.children()["proxy"]) - before < MEMORY_GROWTH_MAX_KIB
        assert len(c.recv(size)) == size


@pytest.mark.release
def test_a_slow_backend_slows_the_client_and_memory_stays_flat(sluice, backend):
    size = 64 << 20

    def serve(conn):
        conn.read_head()
        while not os.path.exists(go):
            time.sleep(0.02)
        conn.read_exact(size)
        conn.send(OK)
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    go = str(s.dir / "go")
    pathlib.Path(go).unlink(missing_ok=True)
    origin.stop()
    origin.start()
    before = resident_kib(s.children()["proxy"])
    sent = [0]
    with s.client(timeout=30) as c:
        c.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        writer = threading.Thread(target=_write_counted, args=(c.sock, size, sent))
        writer.start()
        assert wait_steady(lambda: sent[0]) < size
        assert resident_kib(s.children()["proxy"]) - before < MEMORY_GROWTH_MAX_KIB
        pathlib.Path(go).touch()
        assert c.response().body == b"ok"
        writer.join()


def _write_counted(sock, n, sent):
    block = b"x" * 65536
    while sent[0] < n:
        sent[0] += sock.send(block[:n - sent[0]])


def resident_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1])


def wait_steady(value, polls=40):
    seen = []

    def steady():
        seen.append(value())
        return len(seen) > polls and len(set(seen[-polls:])) == 1
    wait_for(steady, 20, "a steady value")
    return seen[-1]


def test_what_the_backend_says_is_passed_on_at_once(sluice, backend):
    def serve(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        conn.send(b"data: 1\n\n")
        while not os.path.exists(go):
            time.sleep(0.02)
        conn.send(b"data: 2\n\n")
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    go = str(s.dir / "go")
    origin.stop()
    origin.start()
    with s.client() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        c.read_until(b"data: 1\n\n")
        pathlib.Path(go).touch()
        c.read_until(b"data: 2\n\n")
