"""Requests made to be read two ways: the backend reads what the proxy read, or nothing at all."""

import re
from concurrent.futures import ThreadPoolExecutor

from client import RawClient
from smuggling import BODIES, cases

CONF = "listen 127.0.0.1:@port@ plain\nsite * -> http://127.0.0.1:@port_back@\n"
TAIL = b"GET /tail HTTP/1.1\r\nHost: a.example\r\n\r\n"
LINE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+: ?[\t\x20-\x7e\x80-\xff]*")

LEGAL = [
    b"Content-Length: 5\r\n\r\nhello",
    b"content-length:5\r\n\r\nhello",
    b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"transfer-encoding:CHUNKED\r\n\r\n1\r\nh\r\n0004;a=b;c=\"d;\\\"\"\r\nello\r\n00\r\nX: y\r\n\r\n",
    b"X-Content-Length: 7\r\nContent-Length: 5\r\n\r\nhello",
    b"X: Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
    b"Connection: Content-Length, Transfer-Encoding\r\nContent-Length: 5\r\n\r\nhello",
    b"TE: chunked\r\nTrailer: X\r\nContent-Length: 5\r\n\r\nhello",
    b"Content-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
]


def converse(port, request):
    """All that is answered to the request and one behind it."""
    got = b""
    with RawClient("127.0.0.1", port, timeout=10) as c:
        c.send(request + TAIL)
        while not got.endswith(b"/tail"):
            try:
                data = c.sock.recv(65536)
            except TimeoutError:
                return got + b" ... and nothing more"
            except ConnectionResetError:
                return got
            if not data:
                return got
            got += data
    return got


def wrong_at_client(answer):
    """Refused and closed, or both answered."""
    statuses = re.findall(rb"HTTP/1\.1 (\d\d\d) ", answer)
    if answer.endswith(b"/tail"):
        return statuses != [b"200", b"200"]
    return statuses not in ([b"400"], [b"200", b"400"], [b"431"])


def wrong_at_backend(request):
    lines = request.raw_head.decode("latin-1").split("\r\n")
    lengths, encodings = request.all("content-length"), request.all("transfer-encoding")
    if request.target == "/tail":
        return bool(request.body or lengths or encodings)
    return (lines[0] not in ("POST /outer HTTP/1.1", "POST /legal HTTP/1.1") or request.body not in BODIES or
            not all(map(LINE.fullmatch, lines[1:])) or len(request.all("host")) != 1 or
            (encodings, lengths) not in (([], [str(len(request.body))]), (["chunked"], [])))


def test_no_request_is_read_two_ways(sluice, backend):
    origin = backend.http(lambda r: (200, {}, r.target.encode()))
    s = sluice(CONF, port_back=origin.port)
    table = cases()
    assert len(table) >= 800
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda case: converse(s.port, case[1]), table))
    bad = [(name, answer) for (name, _), answer in zip(table, answers) if wrong_at_client(answer)]
    assert bad == []
    seen = origin.requests()
    assert [r.raw_head + r.body for r in seen if wrong_at_backend(r)] == []
    passed = sum(answer.endswith(b"/tail") for answer in answers)
    assert [r.target for r in seen].count("/tail") == passed > 0


def test_legal_framings_pass(sluice, backend):
    origin = backend.http(lambda r: (200, {}, r.target.encode()))
    s = sluice(CONF, port_back=origin.port)
    for lines in LEGAL:
        answer = converse(s.port, b"POST /legal HTTP/1.1\r\nHost: a.example\r\n" + lines)
        assert answer.endswith(b"/tail") and not wrong_at_client(answer), lines
    bodies = [r.body for r in origin.requests() if r.target == "/legal"]
    assert bodies == [b"hello"] * len(LEGAL)
    assert not any(map(wrong_at_backend, origin.requests()))
