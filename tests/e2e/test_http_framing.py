"""Framing: what the two ends could read differently is refused, and everything else is framed anew.

Every row is sent over a raw socket; in the end the backend must have seen exactly the requests that
the proxy understood, never one that was hidden in another's body.
"""

import pytest

CONF = "listen 127.0.0.1:@port@ plain\nsite * -> http://127.0.0.1:@port_back@\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"

# name, the head's lines after "POST / HTTP/1.1", what follows the head
REFUSED = [
    ("length and encoding", b"Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    ("encoding and length", b"Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n"),
    ("two lengths", b"Host: a\r\nContent-Length: 5\r\nContent-Length: 6", b"hello"),
    ("length with sign", b"Host: a\r\nContent-Length: +5", b"hello"),
    ("length in hex", b"Host: a\r\nContent-Length: 0x5", b"hello"),
    ("length with underscore", b"Host: a\r\nContent-Length: 1_0", b"hello"),
    ("length empty", b"Host: a\r\nContent-Length: ", b"hello"),
    ("length list", b"Host: a\r\nContent-Length: 5, 6", b"hello"),
    ("length overflows", b"Host: a\r\nContent-Length: 18446744073709551621", b"hello"),
    ("chunked twice", b"Host: a\r\nTransfer-Encoding: chunked, chunked", b"0\r\n\r\n"),
    ("chunked and other", b"Host: a\r\nTransfer-Encoding: gzip, chunked", b"0\r\n\r\n"),
    ("chunked with tab", b"Host: a\r\nTransfer-Encoding: \x0bchunked", b"0\r\n\r\n"),
    ("encoding empty", b"Host: a\r\nTransfer-Encoding:", b"0\r\n\r\n"),
    ("chunked with parameter", b"Host: a\r\nTransfer-Encoding: chunked;a=b", b"0\r\n\r\n"),
    ("identity", b"Host: a\r\nTransfer-Encoding: identity", b""),
    ("blank before colon", b"Host: a\r\nTransfer-Encoding : chunked", b"0\r\n\r\n"),
    ("folded line", b"Host: a\r\nX: 1\r\n Transfer-Encoding: chunked", b"0\r\n\r\n"),
    ("bare line feed", b"Host: a\r\nX: 1\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    ("bare carriage return", b"Host: a\r\nX: 1\rTransfer-Encoding: chunked", b"0\r\n\r\n"),
    ("NUL in a value", b"Host: a\r\nX: 1\x002", b""),
    ("empty field name", b"Host: a\r\n: 1", b""),
    ("no Host", b"X: 1", b""),
    ("two Hosts", b"Host: a\r\nHost: b", b""),
    ("Host with user", b"Host: u@a", b""),
    ("Host with path", b"Host: a/b", b""),
]

BAD_CHUNKS = [
    ("size with sign", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("size empty", b"\r\nhello\r\n0\r\n\r\n"),
    ("size with blank", b" 5\r\nhello\r\n0\r\n\r\n"),
    ("size too long", b"00000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("line feed only", b"5\nhello\r\n0\r\n\r\n"),
    ("data too long", b"5\r\nhelloo\r\n0\r\n\r\n"),
    ("line feed behind data", b"5\r\nhello\n0\r\n\r\n"),
    ("carriage return in extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ("NUL in extension", b"5;a\x00b\r\nhello\r\n0\r\n\r\n"),
    ("bad trailer", b"5\r\nhello\r\n0\r\nbad trailer\r\n\r\n"),
]

BAD_ANSWERS = [
    ("length and encoding", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    ("negative length", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"),
    ("folded line", b"HTTP/1.1 200 OK\r\nX: 1\r\n Y: 2\r\nContent-Length: 0\r\n\r\n"),
    ("bare line feeds", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
    ("no status", b"HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n"),
    ("other protocol", b"ICY 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("status of four digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
    ("unasked upgrade", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    ("not HTTP at all", b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n\r\n"),
]


@pytest.fixture
def origin(backend):
    return backend.http(lambda r: (200, {"X-Length": str(len(r.body))}, r.target.encode()))


@pytest.mark.parametrize("lines,rest", [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_a_head_that_can_be_read_two_ways_is_refused(sluice, origin, lines, rest):
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        c.send(b"POST / HTTP/1.1\r\n" + lines + b"\r\n\r\n" + rest + SMUGGLED)
        assert c.response().status == 400
        assert c.eof()
    assert s.get("/after").body == b"/after"
    assert [r.target for r in origin.requests()] == ["/after"]


@pytest.mark.parametrize("body", [r[1] for r in BAD_CHUNKS], ids=[r[0] for r in BAD_CHUNKS])
def test_a_broken_chunk_is_refused(sluice, origin, body):
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + SMUGGLED)
        assert c.response().status == 400
        assert c.eof()
    assert s.get("/after").body == b"/after"
    assert [r.target for r in origin.requests()] == ["/after"]


@pytest.mark.parametrize("answer", [r[1] for r in BAD_ANSWERS], ids=[r[0] for r in BAD_ANSWERS])
def test_a_broken_answer_is_502_and_its_connection_is_not_used_again(sluice, backend, answer):
    def serve(conn):
        while conn.read_head():
            conn.note(str(conn.number))
            conn.send(answer if conn.number == 1 else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        assert c.request("POST", "/", body=b"").status == 502
        assert c.request("GET", "/").body == b"ok"
    assert origin.notes() == ["1", "2"]


def test_a_body_in_chunks_arrives_in_chunks_of_ours(sluice, origin):
    s = sluice(CONF, port_back=origin.port)
    body = b"5;ext=1\r\nhello\r\n1\r\n \r\n6\r\nworld!\r\n0\r\nX-Trailer: 1\r\n\r\n"
    with s.client() as c:
        c.send(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        assert c.response().header("x-length") == "12"
        assert c.request("GET", "/y").body == b"/y"
    first = origin.requests()[0]
    assert first.body == b"hello world!"
    assert first.all("transfer-encoding") == ["chunked"] and not first.all("content-length")
    assert "ext" not in first.raw_head.decode("latin-1")


@pytest.mark.parametrize("step", [1, 2, 7])
def test_a_request_in_pieces_is_the_same_request(sluice, origin, step):
    s = sluice(CONF, port_back=origin.port)
    whole = (b"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
             b"a\r\n0123456789\r\n3;x\r\nabc\r\n0\r\n\r\n" b"GET /q HTTP/1.1\r\nHost: a\r\n\r\n")
    with s.client() as c:
        for at in range(0, len(whole), step):
            c.send(whole[at:at + step])
        assert c.response().header("x-length") == "13"
        assert c.response().body == b"/q"


def test_equal_lengths_collapse_to_one(sluice, origin):
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello")
        assert c.response().status == 200
    assert origin.requests()[0].all("content-length") == ["5"]


def test_a_request_in_a_body_stays_a_body(sluice, origin):
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        assert c.request("POST", "/outer", body=SMUGGLED).status == 200
        assert c.request("GET", "/body-on-get", body=SMUGGLED).status == 200
    assert [r.target for r in origin.requests()] == ["/outer", "/body-on-get"]
    assert all(r.body == SMUGGLED for r in origin.requests())


def test_bytes_behind_an_answer_never_reach_the_next_request(sluice, backend):
    def serve(conn):
        while conn.read_head():
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                      b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned")
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        for _ in range(5):
            assert c.request("GET", "/").body == b"ok"
    assert origin.connections() == 5


def test_an_interim_answer_is_not_passed_on(sluice, backend):
    def serve(conn):
        while conn.read_head():
            conn.send(b"HTTP/1.1 102 Processing\r\nLink: </a>\r\n\r\n"
                      b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        response = c.request("GET", "/")
        assert (response.body, response.interim) == (b"ok", [])


@pytest.mark.parametrize("method,status", [("TRACE", 405), ("CONNECT", 405)])
def test_methods_that_are_not_for_a_proxy(sluice, origin, method, status):
    s = sluice(CONF, port_back=origin.port)
    target = "a.example:80" if method == "CONNECT" else "/"
    with s.client() as c:
        c.send(f"{method} {target} HTTP/1.1\r\nHost: a.example:80\r\n\r\n".encode())
        assert c.response().status == status
    assert origin.requests() == []


def test_a_head_without_end_is_431(sluice, origin):
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Filler: 0123456789abcdef0123456789\r\n" * 1000)
        assert c.response().status == 431
    with s.client() as c:
        c.send(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert c.response().status == 414


@pytest.mark.parametrize("cut", ["length", "chunked"])
def test_an_answer_cut_off_is_seen_to_be_cut_off(sluice, backend, cut):
    heads = {"length": b"Content-Length: 100\r\n\r\nhalf", "chunked": b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"}

    def serve(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\n" + heads[cut])
    origin = backend.raw(serve)
    s = sluice(CONF, port_back=origin.port)
    with s.client() as c:
        with pytest.raises((ConnectionError, AssertionError)):
            c.request("GET", "/")
