"""Requests of HTTP/2 that would be others in HTTP/1.1: the backend sees what was meant, or nothing.

In HTTP/2 any byte can stand in any field (RFC 9113 section 10.3); written out as text, some begin
another line, another field or another request.
"""

import re
from concurrent.futures import ThreadPoolExecutor

from h2_frames import DATA, END_HEADERS, END_STREAM, HEADERS, LAST, Connection, block, frame, pseudo, request
from smuggling import HIDING, SMUGGLED

CONF = """\
listen 127.0.0.1:@port@ tls http2
certificate default @cert@
site * -> http://127.0.0.1:@port_back@
"""
SECOND = SMUGGLED.decode()
LINE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+: ?([\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
ODD = [chr(b) for b in (*range(0x21), 0x7F)]
SPLITS = ["\r\n", "\n", "\r", "\r\n ", "\n\t", "\0", "\r\n\r\n", "\x0b\n", "\x85", "\xad\r\n"]


def _field_cases():
    for odd in ODD:
        yield f"a name with {odd!r}", [(f"transfer{odd}encoding", "chunked")], {}
        yield f"a name that begins with {odd!r}", [(f"{odd}transfer-encoding", "chunked")], {}
        yield f"a name that ends in {odd!r}", [(f"transfer-encoding{odd}", "chunked")], {}
    for name in ("Transfer-Encoding", "transfer-encoding:", "transfer-encoding: chunked", "transfer-encoding: chunked\r\nx",
                 "x: y\r\ntransfer-encoding", ":transfer-encoding", "transfer-encoding\0", "host", "Host", "content-length\r\nx",
                 "content-length: 0\r\n\r\nGET /smuggled HTTP/1.1\r\nx", "transfer\xe9encoding", "", ":", "x\"y", "x(y", "x=y"):
        yield f"the name {name!r}", [(name, "chunked")], {}
    for split in SPLITS:
        for value in ("b{}transfer-encoding: chunked", "b{}content-length: 0", "b{}{}" + SECOND, "{}transfer-encoding: chunked",
                      "b{}host: b.example", "b{}"):
            yield f"a value with {split!r}: {value[:20]}", [("x", value.replace("{}", split))], {}
        yield f"a cookie with {split!r}", [("cookie", "a=b"), ("cookie", f"c{split}transfer-encoding: chunked")], {}


def _line_cases():
    for odd in [*ODD, *SPLITS, "\xe9", "#", "\\"]:
        yield f"a path with {odd!r}", [], {"path": f"/x{odd}HTTP/1.1{odd}y"}
    for split in [*SPLITS, " "]:
        yield f"a method with {split!r}", [], {"method": f"GET{split}/smuggled HTTP/1.1{split}x:"}
        yield f"a path with a request behind {split!r}", [], {"path": f"/ HTTP/1.1{split}Host: a.example{split}{split}{SECOND}"}
        yield f"an authority with {split!r}", [], {"authority": f"a.example{split}transfer-encoding: chunked"}
        yield f"a scheme with {split!r}", [], {"scheme": f"https{split}x: y"}
    for path in ("", "smuggled", "*", "http://b.example/smuggled", "//b.example/..", "/../smuggled", "/%2e%2e/smuggled", "/%00",
                 "?x", "a.example:443"):
        yield f"the path {path!r}", [], {"path": path}
    for authority in ("", "u@a.example", "a.example/smuggled", "a.example#x", "a.example?x", "a.example, b.example",
                      "a.example:x", "a.example:99999", "[::1", "http://a.example", "\xe9.example", "a.example\\x"):
        yield f"the authority {authority!r}", [], {"authority": authority}
    for method in ("GET /smuggled", "get\t", "", "G(T", "CONNECT", "TRACE", "PRI"):
        yield f"the method {method!r}", [], {"method": method}
    for scheme in ("", "ftp", "https://a.example/smuggled?", "https x"):
        yield f"the scheme {scheme!r}", [], {"scheme": scheme}


def _framing_cases():
    for name, value in (("transfer-encoding", "chunked"), ("transfer-encoding", "identity"), ("transfer-encoding", ""),
                        ("connection", "close"), ("connection", "content-length"), ("keep-alive", "1"),
                        ("proxy-connection", "keep-alive"), ("upgrade", "h2c"), ("te", "chunked"), ("te", "trailers, chunked")):
        yield f"{name}: {value!r}", [(name, value)], {"method": "POST"}
    for value in ("0", "4", "5", "999", "+48", "-1", "0x30", "48, 48", "48 ", " 48", "048", "", "48\r\n", "1e2", "48.0", "\xd9\xa5",
                  "18446744073709551664"):
        yield f"the length {value!r}", [("content-length", value)], {"method": "POST"}
    for first, second in (("48", "0"), ("0", "48"), ("48", "48"), ("48", "+48")):
        yield f"the lengths {first} and {second}", [("content-length", first), ("content-length", second)], {"method": "POST"}
    for hosts in (["b.example"], ["a.example", "b.example"], ["a.example", "a.example"], ["a.example\r\nx: y"], ["a.example "]):
        yield f"the hosts {hosts}", [("host", h) for h in hosts], {}


def _pseudo_cases():
    head = pseudo("POST")
    for name, value in (*head, (":status", "200"), (":smuggled", "1"), (":protocol", "websocket")):
        yield f"{name} behind the others", [(name, value)], {}
        yield f"{name} behind a field", [("x", "y"), (name, value)], {}
        yield f"no {name}", [], {"head": [h for h in head if h[0] != name and value]}


def cases():
    """(name, frames): each body holds a request, for a backend that reads another length."""
    for name, fields, changes in (*_field_cases(), *_line_cases(), *_framing_cases(), *_pseudo_cases()):
        yield name, (request(1, fields, END_HEADERS, **{"method": "POST", **changes} if "head" not in changes else changes) +
                     frame(DATA, END_STREAM, 1, HIDING))
    for trailers in ([("transfer-encoding", "chunked")], [("content-length", "0")], [("x", "a\r\nb: c")], [(":path", "/smuggled")],
                     [("host", "b.example")]):
        yield f"the trailers {trailers}", (request(1, [], END_HEADERS, method="POST") + frame(DATA, 0, 1, HIDING) +
                                           frame(HEADERS, LAST, 1, block(trailers)))


def converse(port, sent):
    """True when the request was answered or refused, and the connection still serves or has said why not."""
    with Connection(port) as c:
        c.send(sent)
        c.until(lambda: 1 in c.ended or 1 in c.resets or c.goaway)
        refused = bool(c.goaway or c.resets.get(1, "NO_ERROR") != "NO_ERROR" or c.statuses.get(1, 0) >= 400)
        if not c.goaway:
            c.send(request(3, path="/tail"))
            c.until(lambda: 3 in c.ended or c.goaway)
        return refused, c.goaway or c.statuses.get(3)


def wrong(r):
    lines = r.raw_head.decode("latin-1").split("\r\n")
    lengths, encodings = r.all("content-length"), r.all("transfer-encoding")
    if r.target == "/tail":
        return bool(r.body or lengths or encodings) or r.method != "GET"
    return (not re.fullmatch(r"[A-Z]+ /[!\"$-\[\]-~]* HTTP/1\.1", lines[0]) or not all(map(LINE.fullmatch, lines[1:])) or
            "smuggled" in r.target or r.body != HIDING or r.all("host") not in (["a.example"], ["b.example"]) or
            (encodings, lengths) not in (([], [str(len(r.body))]), (["chunked"], [])) or
            any(re.sub("[^a-z]", "", n.lower()) == "transferencoding" and n.lower() != "transfer-encoding" for n, _ in r.headers))


def test_no_request_becomes_another_one(sluice, backend):
    origin = backend.http(lambda r: (200, {}, b""))
    s = sluice(CONF, port_back=origin.port)
    table = list(cases())
    assert len(table) >= 200
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda case: converse(s.port, case[1]), table))
    assert [(name, r) for (name, _), r in zip(table, results) if r[1] not in (200, "PROTOCOL_ERROR")] == []
    seen = origin.requests()
    assert [r.raw_head + r.body for r in seen if wrong(r)] == []
    passed = [name for (name, _), (refused, _) in zip(table, results) if not refused]
    assert len([r for r in seen if r.target != "/tail"]) == len(passed) < len(table) / 4, passed


def test_a_body_with_a_length_is_whole_when_the_stream_ends_and_not_before(sluice, backend):
    """RFC 9113 section 8.1.1: what comes behind it makes the request malformed."""
    origin = backend.http(lambda r: (200, {}, r.body))
    s = sluice(CONF, port_back=origin.port)
    for n, (length, body) in enumerate([("0", b""), ("5", b"hello")]):
        def post(number):
            return (request(number, [("content-length", length)], END_HEADERS, method="POST") +
                    (frame(DATA, 0, number, body) if body else b""))
        with Connection(s.port) as c:
            c.send(post(1))
            assert c.alive()
            c.send(request(3, path="/tail"))
            c.until(lambda: 3 in c.ended)
            assert 1 not in c.statuses and len(origin.requests()) == 3 * n + 1
            c.send(frame(DATA, 0, 1, b"more"))
            c.until(lambda: 1 in c.resets)
            assert c.resets == {1: "PROTOCOL_ERROR"}
            c.send(post(5))
            assert c.alive()
            c.send(frame(DATA, END_STREAM, 5))
            c.until(lambda: 5 in c.ended)
            c.send(post(7) + frame(HEADERS, LAST, 7, block([("x", "y")])))
            c.until(lambda: 7 in c.ended)
            assert [c.bodies.get(k, b"") for k in (5, 7)] == [body, body]
        assert [(r.body, r.all("content-length")) for r in origin.requests()[3 * n + 1:]] == [(body, [length])] * 2


def test_a_request_that_does_not_end_is_not_waited_for_forever(sluice, backend):
    origin = backend.http(lambda r: (200, {}, r.body))
    s = sluice("timeout idle 1s\n" + CONF, port_back=origin.port)
    with Connection(s.port) as c:
        c.send(request(1, [("content-length", "0")], END_HEADERS, method="POST"))
        c.until(lambda: 1 in c.ended)
        assert c.statuses == {1: 408} and origin.requests() == []
