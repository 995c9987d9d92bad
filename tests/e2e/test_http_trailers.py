"""Trailers, both ways, over HTTP/1.1 and HTTP/2: what goes on, to whom, and what never does."""

import time

import pytest
from codings import undo
from h2_client import H2Client
from h2_frames import LAST, block, frame
from lab import wait_for

CONF = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls http2
certificate default @cert@
site * {
    route /        -> http://@backend@
    route /buffer  -> http://@backend@ { body-buffer 64K }
    route /spill   -> http://@backend@ { body-buffer 4K ; request-buffering on spill 1M }
    route /ahead   -> http://@backend@ { buffers 64 32K }
    route /zip     -> http://@backend@ { compress on }
    route /cache/  -> http://@backend@ { cache on }
    route /ruled   -> http://@backend@ {
        header request  remove X-User
        header request  X-Set 1
        header response remove X-Inner
    }
}
"""
CHUNKED = b"POST %s HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n%s\r\n"
HELLO = b"5\r\nhello\r\n0\r\n"
GRPC = [("grpc-status", "0"), ("grpc-message", "fine")]
# What is no trailer, in either direction.
FORBIDDEN = ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: b.example", "Connection: close",
             "Trailer: x", "TE: trailers", "Upgrade: websocket", "Content-Type: text/html",
             "Content-Encoding: gzip", "Content-Range: bytes 0-1/2", "Set-Cookie: a=b", "Cookie: a=b",
             "Authorization: Basic x", "Proxy-Authorization: x", "WWW-Authenticate: Basic",
             "X-Forwarded-For: 192.0.2.1", "X-Real-IP: 192.0.2.1", "Forwarded: for=192.0.2.1",
             "X-Request-Id: 1", "Range: bytes=0-0", "If-Match: x", "Expect: 100-continue",
             "Max-Forwards: 1", "Cache-Control: no-store", "Location: /", "X-Accel-Redirect: /x",
             "Proxy: http://e"]


def pairs(lines):
    return [tuple(line.split(": ", 1)) for line in lines]


def text(fields):
    return "".join(f"{n}: {v}\r\n" for n, v in fields).encode()


def send_trailers(fields, more=b"", body=b"5\r\nhello\r\n"):
    """A backend's answer with these trailers, whatever it is asked."""
    def answer(request):
        return (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + more + b"\r\n" + body +
                b"0\r\n" + text(fields) + b"\r\n")
    return answer


@pytest.fixture
def echo(backend):
    """Answers with the trailers of the request."""
    return backend.http(lambda r: send_trailers(r.trailers)(r))


# --- requests of HTTP/1.1 -------------------------------------------------------------------------

@pytest.mark.parametrize("path", [b"/", b"/buffer", b"/spill"])
def test_trailers_of_a_request_reach_the_backend(sluice, echo, path):
    s = sluice(CONF, backend=echo.address)
    with s.client() as c:
        c.send(CHUNKED % (path, b"Trailer: X-Sum, Host\r\n") + HELLO + b"X-Sum:  12 \r\nX-Sum:3\r\n\r\n" +
               CHUNKED % (path, b"") + HELLO + b"\r\n")
        assert c.response().status == c.response().status == 200
    first, second = echo.requests()
    assert first.body == second.body == b"hello"
    assert first.trailers == [("X-Sum", "12"), ("X-Sum", "3")]
    assert first.all("trailer") == ["X-Sum"]
    assert first.all("transfer-encoding") == ["chunked"] and first.all("content-length") == []
    assert second.trailers == [] and second.all("trailer") == []
    # Without trailers a stored body has a length.
    assert second.all("content-length") == ([] if path == b"/" else ["5"])


def test_trailers_come_as_slowly_as_they_like(sluice, echo):
    s = sluice(CONF, backend=echo.address)
    with s.client() as c:
        for byte in CHUNKED % (b"/", b"TE: trailers\r\nConnection: TE\r\n") + HELLO + b"A:b\r\n\r\n":
            c.send(bytes([byte]))
        assert c.response().trailers == [("A", "b")]


def test_trailers_as_large_as_may_be(sluice, echo):
    """They are larger than what the buffer towards the backend keeps free."""
    s = sluice(CONF, backend=echo.address)
    large = [(f"x-{i}", "v" * 1000) for i in range(8)]
    body = b"x" * 39_000
    with s.client() as c:
        for path in (b"/", b"/spill", b"/ahead"):
            c.send(CHUNKED % (path, b"TE: trailers\r\nConnection: TE\r\n") + b"%x\r\n" % len(body) + body +
                   b"\r\n0\r\n" + text(large) + b"\r\n")
            assert c.response().trailers == large
    assert [r.trailers for r in echo.requests()] == [large] * 3


@pytest.mark.parametrize("what, status", [
    (b"X: " + b"y" * 9000 + b"\r\n\r\n", 431), (b"X: y\r\n" * 65 + b"\r\n", 431),
    (b"X : y\r\n\r\n", 400), (b" X: y\r\n\r\n", 400), (b"X: y\r\n z\r\n\r\n", 400), (b"X: y\n\r\n", 400),
    (b"X: \0\r\n\r\n", 400), (b": y\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", 400)],
    ids=["too long", "too many", "blank", "folded first", "folded", "LF", "NUL", "no name", "a request"])
@pytest.mark.parametrize("path", [b"/", b"/spill"])
def test_bad_trailers_are_refused(sluice, backend, path, what, status):
    b = backend.http(lambda r: (200, {}, b""))
    s = sluice(CONF, backend=b.address)
    with s.client() as c:
        c.send(CHUNKED % (path, b"") + HELLO + what + b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert c.response().status == status
        assert c.eof()
    assert s.get("/alive").status == 200
    assert [r.target for r in b.requests()] == ["/alive"]


def test_what_is_no_trailer_is_dropped_from_a_request(sluice, echo):
    s = sluice(CONF, backend=echo.address)
    with s.client() as c:
        c.send(CHUNKED % (b"/", b"Connection: X-Hop, TE\r\nTE: trailers\r\n") + HELLO +
               text(pairs(FORBIDDEN + ["X-Hop: 1", "X_Under: 1", "X.Dot: 1", "X-Good: 1"])) + b"\r\n" +
               b"GET /next HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert c.response().trailers == [("X-Good", "1")]
        assert c.response().status == 200
    first, second = echo.requests()
    assert first.trailers == [("X-Good", "1")]
    assert first.all("te") == ["trailers"] and first.all("connection") == ["TE"]
    assert first.all("host") == second.all("host") == ["a.example"]
    assert second.target == "/next" and second.body == b""


def test_a_header_rule_holds_for_trailers(sluice, echo):
    s = sluice(CONF, backend=echo.address)
    with s.client() as c:
        c.send(CHUNKED % (b"/ruled", b"TE: trailers\r\nConnection: TE\r\n") + HELLO +
               b"X-User: admin\r\nx-set: 2\r\nX-Inner: 3\r\nX-Rest: 4\r\n\r\n")
        assert c.response().trailers == [("X-Rest", "4")]
    assert echo.requests()[0].trailers == [("X-Inner", "3"), ("X-Rest", "4")]


# --- answers to HTTP/1.1 --------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/", "/ahead", "/zip"])
def test_trailers_of_an_answer_reach_who_asks_for_them(sluice, backend, path):
    body = b"text " * 2000
    more = b"Trailer: grpc-status\r\nContent-Type: text/plain\r\n"
    b = backend.http(send_trailers(GRPC, more, b"%x\r\n%s\r\n" % (len(body), body)))
    s = sluice(CONF, backend=b.address)
    asks = [("TE", "trailers"), ("Connection", "TE"), ("Accept-Encoding", "gzip")]
    with s.client() as c:
        for headers, trailers in ((asks, GRPC), ([], []), (asks[2:], []), (asks, GRPC)):
            r = c.request("GET", path, headers=headers)
            coding = r.header("content-encoding")
            assert (undo(coding, r.body)[0] if coding else r.body) == body
            assert bool(coding) == (path == "/zip" and headers != [])
            assert r.trailers == trailers
            assert r.all("trailer") == (["grpc-status"] if trailers else [])
        assert c.request("HEAD", path, headers=asks).all("trailer") == []


def test_an_answer_to_http_1_0_has_no_trailers(sluice, backend):
    b = backend.http(send_trailers(GRPC, b"Trailer: grpc-status\r\n"))
    s = sluice(CONF, backend=b.address)
    with s.client() as c:
        c.send(b"GET / HTTP/1.0\r\nHost: a.example\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
        r = c.response()
        assert r.body == b"hello" and r.all("trailer") == []


def test_what_is_no_trailer_is_dropped_from_an_answer(sluice, backend):
    fields = pairs(FORBIDDEN + ["X-Hop: 1", "X_Under: 1", "X-Good: 1"])
    b = backend.http(send_trailers(fields, b"Connection: x-hop\r\n"))
    s = sluice(CONF, backend=b.address)
    good = [("X_Under", "1"), ("X-Good", "1")]
    asks = [("TE", "trailers"), ("Connection", "TE")]
    with s.client() as c:
        assert c.request("GET", "/", headers=asks).trailers == good
        assert c.request("GET", "/", headers=asks).trailers == good
    with H2Client("127.0.0.1", s.ports["port_tls"]) as c:
        assert c.request().trailers == [(n.lower(), v) for n, v in good]


@pytest.mark.parametrize("bad", [b"X: " + b"y" * 9000 + b"\r\n\r\n", b"X: y\r\n" * 65 + b"\r\n", b"X : y\r\n\r\n",
                                 b"HTTP/1.1 200 OK\r\n\r\n", b"X: y\n\r\n"])
@pytest.mark.parametrize("path", ["/", "/ahead", "/zip"])
def test_bad_trailers_of_a_backend_are_502(sluice, backend, bad, path):
    """Its connection is not used again."""
    b = backend.http(lambda r: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n" +
                     HELLO + bad)
    s = sluice(CONF, backend=b.address)
    asks = [("TE", "trailers"), ("Connection", "TE"), ("Accept-Encoding", "gzip")]
    with s.client() as c, H2Client("127.0.0.1", s.ports["port_tls"]) as h2:
        assert c.request("GET", path, headers=asks).status == 502
        # Who does not want any is not told of fields that are too many.
        assert c.request("GET", path).status == (200 if bad.startswith(b"X: y\r\n") else 502)
        assert h2.request(path).status == h2.request(path).status == 502
    numbers = [r.connection for r in b.requests()]
    assert len(numbers) == 4 and len(set(numbers)) >= 3


@pytest.mark.parametrize("path", ["/", "/ahead", "/zip"])
def test_bad_trailers_behind_what_is_out_cut_the_answer(sluice, backend, path):
    """The client sees that it is not complete."""
    def serve(conn):
        while conn.read_head():
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n5\r\nhello\r\n")
            time.sleep(0.3)
            conn.send(b"0\r\nX : y\r\n\r\n")
    b = backend.raw(serve)
    s = sluice(CONF, backend=b.address)
    with s.client() as c:
        with pytest.raises((ConnectionError, AssertionError)):
            c.request("GET", path, headers=[("TE", "trailers"), ("Connection", "TE")])
    with H2Client("127.0.0.1", s.ports["port_tls"]) as c:
        r = c.request(path)
        assert (r.status, r.body, r.ended) == (200, b"hello", False) and r.reset is not None
    assert b.connections() == 2


def test_a_cache_keeps_no_trailers(sluice, backend):
    b = backend.http(send_trailers(GRPC, b"Trailer: grpc-status\r\nCache-Control: max-age=100\r\n"))
    s = sluice(CONF, backend=b.address)
    with s.client() as c:
        for trailers in (GRPC, [], []):
            r = c.request("GET", "/cache/x", headers=[("TE", "trailers"), ("Connection", "TE")])
            assert r.body == b"hello" and r.trailers == trailers
            assert r.all("trailer") == (["grpc-status"] if trailers else [])
    assert len(b.requests()) == 1


# --- HTTP/2 ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/", "/buffer", "/spill", "/ahead", "/zip"])
def test_a_call_as_grpc_makes_it(sluice, backend, path):
    """Request trailers, an answer whose status stands in its trailers, and one that has no body."""
    more = b"Content-Type: application/grpc\r\nTrailer: grpc-status, grpc-message\r\n"
    b = backend.http(lambda r: send_trailers(GRPC + r.trailers, more,
                                             b"" if r.body == b"none" else b"3\r\nabc\r\n")(r))
    s = sluice(CONF, backend=b.address)
    with H2Client("127.0.0.1", s.ports["port_tls"]) as c:
        for body, sum_ in ((b"some", "1"), (b"none", "2"), (b"x" * 50_000, "3")):
            number = c.start(path, "POST", headers=[("te", "trailers")], end=False)
            assert c.send(number, body)
            c.send_trailers(number, [("x-sum", sum_)])
            r = c.wait(number)
            assert (r.status, r.body) == (200, b"" if body == b"none" else b"abc")
            assert r.trailers == GRPC + [("x-sum", sum_)]
            assert r.header("trailer") == "grpc-status,grpc-message"
    for request in b.requests():
        assert request.all("te") == ["trailers"] and request.all("transfer-encoding") == ["chunked"]
        assert len(request.trailers) == 1


def test_trailers_wait_for_the_window(sluice, backend):
    body = b"x" * 100_000
    b = backend.http(send_trailers(GRPC, b"", b"%x\r\n%s\r\n" % (len(body), body)))
    s = sluice(CONF, backend=b.address)
    with H2Client("127.0.0.1", s.ports["port_tls"], window=1000, acknowledge=False) as c:
        number = c.start()
        stream = c.streams[number]
        c.wait_for(lambda: len(stream.body) == 1000)
        assert stream.trailers is None
        c.conn.increment_flow_control_window(1_000_000, number)
        c.conn.increment_flow_control_window(1_000_000)
        c.flush()
        assert c.wait(number).body == body and stream.trailers == GRPC


def test_trailers_behind_a_body_that_is_out_already(sluice, backend):
    def serve(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        time.sleep(0.3)
        conn.send(b"0\r\nX-Late: 1\r\n")
        time.sleep(0.3)
        conn.send(b"\r\n")
        conn.sock.recv(1)

    b = backend.raw(serve)
    s = sluice(CONF, backend=b.address)
    with H2Client("127.0.0.1", s.ports["port_tls"]) as c:
        r = c.request()
        assert (r.body, r.trailers, r.ended) == (b"hello", [("x-late", "1")], True)


def test_a_body_with_a_length_has_no_trailers(sluice, echo):
    s = sluice(CONF, backend=echo.address)
    with H2Client("127.0.0.1", s.ports["port_tls"]) as c:
        number = c.start("/", "POST", headers=[("content-length", "5")], end=False)
        assert c.send(number, b"hello")
        c.send_trailers(number, [("x-sum", "1")])
        assert c.wait(number).status == 200
    assert echo.requests()[0].body == b"hello" and echo.requests()[0].trailers == []
    assert echo.requests()[0].all("content-length") == ["5"]


@pytest.mark.parametrize("fields", [[(":path", "/")], [("X-Upper", "1")], [("x", "a\r\nb: c")], [("x\r\ny", "z")],
                                    [("x y", "z")], [("connection", "x")], [("transfer-encoding", "chunked")]])
def test_trailers_that_break_a_rule_reset_their_stream(sluice, backend, fields):
    b = backend.http(lambda r: (200, {}, b""))
    s = sluice(CONF, backend=b.address)
    with H2Client("127.0.0.1", s.ports["port_tls"], validate=False) as c:
        number = c.start("/buffer", "POST", end=False)
        assert c.send(number, b"hello")
        c.sock.sendall(frame(1, LAST, number, block(fields)))
        assert c.wait(number).reset is not None
        assert c.request("/alive").status == 200
    assert [r.target for r in b.requests()] == ["/alive"]


@pytest.mark.parametrize("path", ["/", "/buffer"])
@pytest.mark.parametrize("fields", [[(f"x-{i}", "y" * 1000) for i in range(9)], [("x", "y")] * 65])
def test_trailers_that_are_too_many(sluice, backend, path, fields):
    b = backend.http(lambda r: (200, {}, b""))
    s = sluice(CONF, backend=b.address)
    with H2Client("127.0.0.1", s.ports["port_tls"]) as c:
        number = c.start(path, "POST", end=False)
        assert c.send(number, b"hello")
        c.send_trailers(number, fields)
        assert c.wait(number).status == 431
        assert c.request("/alive").status == 200
    assert [r.target for r in b.requests()] == ["/alive"]


def test_a_stored_request_is_repeated_with_its_trailers(sluice, backend):
    """The first backend takes all of it and closes without a word."""
    def serve(conn):
        head = conn.read_head()
        conn.note([conn.read_chunked().decode(), conn.trailers])
        if conn.number > 1 or b"GET" in head:
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            conn.sock.recv(1)

    b = backend.raw(serve)
    s = sluice(CONF, backend=b.address)
    with s.client() as c:
        c.send((CHUNKED % (b"/buffer", b"")).replace(b"POST", b"PUT") + HELLO + b"A: b\r\n\r\n")
        assert c.response().status == 200
    wait_for(lambda: len(b.notes()) == 2, what="the second try")
    assert b.notes() == [["hello", [["A", "b"]]]] * 2
