"""The rules for a proxy's heads, framing and paths, a row each; test_http_framing.py has the others.

All rows of a table go to one daemon, and what fails is told together.
"""

import re

import pytest
from lab import wait_for

CONF = """\
listen 127.0.0.1:@port@ plain
site a.example {
    route /private/ -> status 403
    route /app/ -> http://127.0.0.1:@port_back@/inner/
    route / -> http://127.0.0.1:@port_back@
}
"""
GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a.example\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BEHIND = b"GET /behind HTTP/1.1\r\nHost: a.example\r\n\r\n"

# rule, what is sent, the status
FRAMING = [
    ("an encoding in HTTP/1.0", b"POST / HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("the encoding twice", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("an empty element before the encoding", POST + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", 400),
    ("a tab before the encoding", POST + b"Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n", 400),
    ("two blanks before the encoding", POST + b"Transfer-Encoding:  chunked\r\n\r\n0\r\n\r\n", 400),
    ("a blank behind the encoding", POST + b"Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n", 400),
    ("an encoding in quotes", POST + b"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400),
    ("a length with minus", POST + b"Content-Length: -0\r\n\r\n", 400),
    ("a length with leading zeros", POST + b"Content-Length: 005\r\n\r\nhello", 400),
    ("a length of two zeros", POST + b"Content-Length: 00\r\n\r\n", 400),
    ("a length with two blanks before", POST + b"Content-Length:  5\r\n\r\nhello", 400),
    ("a length with a blank behind", POST + b"Content-Length: 5 \r\n\r\nhello", 400),
    ("a length with a fraction", POST + b"Content-Length: 5.0\r\n\r\nhello", 400),
    ("a length list of equals", POST + b"Content-Length: 5, 5\r\n\r\nhello", 400),
    ("a length in other digits", POST + b"Content-Length: \xd9\xa5\r\n\r\nhello", 400),
    ("a length of one more than 63 bits", POST + b"Content-Length: 9223372036854775808\r\n\r\n", 400),
    ("a chunk size of 64 bits", CHUNKED + b"ffffffffffffffff\r\n", 400),
    ("a chunk size with minus", CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", 400),
    ("a chunk size with a blank behind", CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n", 400),
    ("a chunk size with an underscore", CHUNKED + b"0_5\r\nhello\r\n0\r\n\r\n", 400),
    ("a chunk extension without a name", CHUNKED + b"5;\r\nhello\r\n0\r\n\r\n", 400),
    ("a chunk extension that is no token", CHUNKED + b"5;a[=b\r\nhello\r\n0\r\n\r\n", 400),
    ("a chunk extension with an open quote", CHUNKED + b"5;a=\"b\r\nhello\r\n0\r\n\r\n", 400),
    ("a chunk extension with a line feed", CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n", 400),
    ("a chunk extension of 300 bytes", CHUNKED + b"5;" + b"a" * 300 + b"\r\nhello\r\n0\r\n\r\n", 400),
    ("data behind chunk data", CHUNKED + b"5\r\nhello0\r\n\r\n", 400),
    ("a trailer folded", CHUNKED + b"0\r\nA: b\r\n c\r\n\r\n", 400),
    ("a trailer without colon", CHUNKED + b"0\r\nGET /smuggled HTTP/1.1\r\n\r\n", 400),
    ("a trailer with a blank before the colon", CHUNKED + b"0\r\nA : b\r\n\r\n", 400),
    ("trailers of 9 KB", CHUNKED + b"0\r\nA: " + b"b" * 9000 + b"\r\n\r\n", 431),
]

LINES = [
    ("a second empty line before a request", b"\r\n\r\n" + GET + b"\r\n", 400),
    ("a carriage return before a request", b"\r" + GET + b"\r\n", 400),
    ("a line feed before a request", b"\n" + GET + b"\r\n", 400),
    ("a blank before a request", b" " + GET + b"\r\n", 400),
    ("a line feed behind the request line", b"GET / HTTP/1.1\nHost: a.example\r\n\r\n", 400),
    ("a line feed behind a field", GET + b"X: y\n\r\n", 400),
    ("a line feed for the empty line", GET + b"\n", 400),
    ("a carriage return in the request line", b"GET /\r HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a carriage return in a name", GET + b"X\rY: z\r\n\r\n", 400),
    ("a blank line of blanks", GET + b" \r\n\r\n", 400),
    ("a first field that is folded", b"GET / HTTP/1.1\r\n Host: a.example\r\n\r\n", 400),
    ("a folded field with a tab", GET + b"X: y\r\n\tz\r\n\r\n", 400),
    ("a tab before the colon", GET + b"X\t: y\r\n\r\n", 400),
    ("a name with a blank", GET + b"X Y: z\r\n\r\n", 400),
    ("a name with parentheses", GET + b"X(Y): z\r\n\r\n", 400),
    ("a name above 7 bits", GET + b"X\xc3\xa9: y\r\n\r\n", 400),
    ("a name with NUL", GET + b"X\0: y\r\n\r\n", 400),
    ("a line without colon", GET + b"X\r\n\r\n", 400),
    ("a value with escape", GET + b"X: \x1b[2J\r\n\r\n", 400),
    ("a value with DEL", GET + b"X: \x7f\r\n\r\n", 400),
    ("two types", POST + b"Content-Type: a/b\r\nContent-Type: a/c\r\nContent-Length: 0\r\n\r\n", 400),
    ("Host empty", b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ("Host twice and equal", GET + b"host: a.example\r\n\r\n", 400),
    ("Host as a list", b"GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n", 400),
    ("Host with a blank", b"GET / HTTP/1.1\r\nHost: a.example b\r\n\r\n", 400),
    ("Host with a scheme", b"GET / HTTP/1.1\r\nHost: http://a.example\r\n\r\n", 400),
    ("Host with a fragment", b"GET / HTTP/1.1\r\nHost: a.example#x\r\n\r\n", 400),
    ("Host with a backslash", b"GET / HTTP/1.1\r\nHost: a.example\\x\r\n\r\n", 400),
    ("Host with a port of letters", b"GET / HTTP/1.1\r\nHost: a.example:http\r\n\r\n", 400),
    ("Host with a port too high", b"GET / HTTP/1.1\r\nHost: a.example:65536\r\n\r\n", 400),
    ("Host with an open bracket", b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
    ("Host above 7 bits", b"GET / HTTP/1.1\r\nHost: \xc3\xa9.example\r\n\r\n", 400),
    ("Host of 300 bytes", b"GET / HTTP/1.1\r\nHost: " + b"a" * 300 + b"\r\n\r\n", 400),
    ("a target of another host", b"GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a target of another port", b"GET http://a.example:81/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a target with a user", b"GET http://u@a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a target without a host", b"GET http:///x HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a target of another scheme", b"GET ftp://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("an authority for a target", b"GET a.example:80 HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("an asterisk for GET", b"GET * HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("no target", b"GET HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a target with a control character", b"GET /\x01 HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a target with a tab", b"GET /a\tb HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a target with a blank", b"GET /a b HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a target with DEL", b"GET /\x7f HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a target above 7 bits", b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a target with a fragment", b"GET /#x HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a backslash in the path", b"GET /a\\b HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("two blanks behind the method", b"GET  / HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a tab behind the method", b"GET\t/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a blank behind the version", b"GET / HTTP/1.1 \r\nHost: a.example\r\n\r\n", 400),
    ("a method that is no token", b"G[T / HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("a method without end", b"A" * 60000, 400),
    ("a TLS handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ("the version in lower case", b"GET / http/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("no version", b"GET /\r\nHost: a.example\r\n\r\n", 400),
    ("a version of two digits", b"GET / HTTP/1.10\r\nHost: a.example\r\n\r\n", 400),
    ("version 0.9", b"GET / HTTP/0.9\r\nHost: a.example\r\n\r\n", 505),
    ("version 1.2", b"GET / HTTP/1.2\r\nHost: a.example\r\n\r\n", 505),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("101 fields", GET + b"X: y\r\n" * 100 + b"\r\n", 431),
    ("a field of 9 KB", GET + b"X: " + b"y" * 9000 + b"\r\n\r\n", 431),
    ("an expectation that nobody knows", POST + b"Expect: 200-ok\r\nContent-Length: 0\r\n\r\n", 417),
    ("Connection with something that is no token", GET + b"Connection: a b\r\n\r\n", 400),
    ("Connection with 40 names", GET + b"Connection: " + b"a, " * 40 + b"\r\n\r\n", 400),
    ("CONNECT with a body", b"CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\nContent-Length: 5\r\n\r\nhello", 405),
    ("TRACE with a body", b"TRACE / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello", 405),
]

PATHS = [(f"{path} is not a path", b"GET " + path.encode() + b" HTTP/1.1\r\nHost: a.example\r\n\r\n", 400)
         for path in ("/..", "/../x", "/a/../../x", "/%2e%2e/x", "/.%2e/x", "/%2E./x", "/a/%2e%2e/%2e%2e/x",
                      "/a//../../../x", "/%00", "/a%00b", "/%", "/%4", "/%zz", "/a%g0")]


@pytest.fixture
def origin(backend):
    return backend.http(lambda r: (200, {"X-Target": r.target}, r.body))


@pytest.mark.parametrize("table", [FRAMING, LINES, PATHS], ids=["framing", "lines", "paths"])
def test_what_breaks_a_rule_is_refused(sluice, origin, table):
    """And its connection closed."""
    s = sluice(CONF, port_back=origin.port)
    wrong = []
    for rule, sent, status in table:
        with s.client() as c:
            c.send(sent + BEHIND)
            response = c.response()
            ends = c.eof()
            if response.status != status or not ends:
                wrong.append((rule, response.status, ends))
    assert wrong == []
    assert s.get("/alive").status == 200
    assert {r.target for r in origin.requests()} <= {"/alive"}


# rule, what is sent, what the backend is to see: names and values, None for a field that is not there
FORWARDED = [
    ("a host in the target becomes Host", b"GET http://a.example/x HTTP/1.1\r\nHost: A.example:80\r\n\r\n",
     {"host": "A.example:80"}),
    ("HTTP/1.0 without Host still gets one", b"GET http://a.example/x HTTP/1.0\r\n\r\n", {"host": "a.example"}),
    ("TE keeps trailers", GET + b"TE: gzip, trailers;q=1, trailers\r\n\r\n", {"te": "trailers", "connection": "TE"}),
    ("TE without trailers goes", GET + b"TE: deflate\r\n\r\n", {"te": None}),
    ("Connection cannot take away what others rely on",
     GET + b"Connection: Host, Cookie, Authorization, X-Forwarded-For, Content-Type, Range\r\nCookie: a=b\r\n"
     b"Authorization: c\r\nContent-Type: d/e\r\nRange: bytes=0-\r\n\r\n",
     {"host": "a.example", "cookie": "a=b", "authorization": "c", "content-type": "d/e", "range": "bytes=0-",
      "x-forwarded-for": "127.0.0.1"}),
    ("Connection cannot take away a length", POST + b"Connection: Content-Length\r\nContent-Length: 5\r\n\r\nhello",
     {"content-length": "5"}),
    ("Connection takes what it lists, whatever its case", GET + b"Connection: x-ONE, X-Two\r\nX-one: 1\r\nX-TWO: 2\r\n\r\n",
     {"x-one": None, "x-two": None}),
    ("h2c is not asked of a backend", GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
     {"upgrade": None, "http2-settings": None}),
    ("Expect is answered here", POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
     {"expect": None, "content-length": "5"}),
    ("names with dots and underscores go", GET + b"X_Forwarded_For: 1\r\nContent.Length: 2\r\nX-Keep: 3\r\n\r\n",
     {"x_forwarded_for": None, "content.length": None, "x-keep": "3"}),
    ("a proxy's own credentials go", GET + b"Proxy-Authorization: x\r\nProxy: y\r\n\r\n",
     {"proxy-authorization": None, "proxy": None}),
    ("two equal types pass", GET + b"Content-Type: a/b\r\nContent-Type: a/b\r\n\r\n", {"content-type": "a/b"}),
    ("a body on GET is passed on", GET + b"Content-Length: 5\r\n\r\nhello", {"content-length": "5"}),
    ("one empty line before a request", b"\r\n" + GET + b"\r\n", {"host": "a.example"}),
    ("bytes above 7 bits in a value", GET + b"X: \xc3\xa9\t\xff\r\n\r\n", {"x": "\xc3\xa9\t\xff"}),
]


def test_what_keeps_the_rules_is_passed_on_by_the_rules(sluice, origin):
    s = sluice(CONF, port_back=origin.port)
    wrong = []
    for number, (rule, sent, fields) in enumerate(FORWARDED):
        with s.client() as c:
            c.send(sent)
            status = c.response().status
        request = origin.requests()[number]
        got = {name: request.header(name) for name in fields}
        if status != 200 or got != fields or len(request.all("host")) != 1:
            wrong.append((rule, status, got))
    assert wrong == []


def test_dropped_names_are_told(sluice, origin):
    s = sluice(CONF, port_back=origin.port)
    s.get("/", headers=[("X_Y", "1"), ("X.Z", "2")])
    wait_for(lambda: re.search(r"names dropped\" fields=2 host=a\.example", s.log), what="the log line")


def test_names_that_a_route_lets_through(sluice, origin):
    conf = CONF.replace("site a.example {", "site a.example {\n header request pass X_Y").replace(
        "inner/", "inner/ { header request pass Soap.Action ; header request remove X_Y }")
    s = sluice(conf, port_back=origin.port)
    sent = [("x_Y", "1"), ("SOAP.Action", "2"), ("X_Z", "3"), ("X-Y", "4")]
    s.get("/", headers=sent)
    s.get("/app/", headers=sent)
    names = ("x_y", "soap.action", "x_z", "x-y")
    assert [[r.header(n) for n in names] for r in origin.requests()] == [["1", None, None, "4"], [None, "2", None, "4"]]
    wait_for(lambda: re.search(r"names dropped\" fields=[12] host=a\.example", s.log), what="the log line")


def test_a_refused_method_names_the_allowed_ones(sluice, origin):
    s = sluice(CONF, port_back=origin.port)
    assert "GET" in s.get("/", method="TRACE").header("allow")


# path, what answers it: 403 the private route, otherwise the target at the backend
ONE_SPELLING = [
    ("/private/", 403), ("//private/", 403), ("/private//x", 403), ("/%70rivate/", 403), ("/./private/", 403),
    ("/%2e/private/", 403), ("/x/../private/", 403), ("/x/%2e%2e/private/x", 403), ("/privat%65/?a", 403),
    ("/private/..", "/"), ("/private/%2e%2e/y", "/y"), ("/privatex/", "/privatex/"),
    ("/private%2fx", "/private%2fx"), ("/PRIVATE/", "/PRIVATE/"), ("/private%5cx", "/private%5cx"),
    ("/%2570rivate/", "/%2570rivate/"), ("/%252e%252e/x", "/%252e%252e/x"),
    ("/app/%2e%2e/private/", 403), ("/app/a/../b", "/inner/b"), ("/app/..;/x", "/inner/..;/x"),
    ("/app/%2f..%2f", "/inner/%2f..%2f"), ("/a?/../private/", "/a?/../private/"), ("/a%3f/b", "/a%3f/b"),
    ("/a%0d%0aX:%20y", "/a%0d%0aX:%20y"), ("/?a\\b", "/?a\\b"),
]


def test_one_spelling_decides_and_is_forwarded(sluice, origin):
    s = sluice(CONF, port_back=origin.port)
    wrong = []
    for path, expected in ONE_SPELLING:
        response = s.get(path)
        got = response.header("x-target") or response.status
        if got != expected:
            wrong.append((path, got))
    assert wrong == []


# route, what stands encoded in its path, the status
ENCODED = [
    ("/any", "%2f", 200), ("/any", "%3B", 200), ("/some", "%2F", 400), ("/some", "%5c", 400), ("/some", "%3b", 200), ("/some", "%252F", 200),
    ("/some", "%41", 200), ("/all", "%2f", 400), ("/all", "%5C", 400), ("/all", "%3B", 400), ("/all", "%252f", 400), ("/all", "%3F", 400),
    ("/all", "%23", 400), ("/all", "x?%2F", 200), ("/all", "%20", 200),
]


def test_characters_that_a_route_does_not_want_encoded(sluice, origin):
    s = sluice("""listen 127.0.0.1:@port@ plain
encoded refuse slash backslash semicolon percent question hash
site a.example {
    route /any/ -> http://127.0.0.1:@port_back@ { encoded allow }
    route /some/ -> http://127.0.0.1:@port_back@ { encoded refuse slash backslash }
    route / -> http://127.0.0.1:@port_back@
}
""", port_back=origin.port)
    wrong = []
    for route, escape, status in ENCODED:
        response = s.get(f"{route}/x{escape}y")
        if response.status != status or response.keep_alive != (status == 200):
            wrong.append((route, escape, response))
    assert wrong == []
