"""The cache: what is served from the store, what is asked of the backend again, what is never stored."""

import json
import multiprocessing
import re
import subprocess
import threading
import time

import pytest
from codings import undo
from h2_client import H2Client
from lab import wait_for
from servers import CLOSE, http_server

CONF = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls http2
certificate default @cert@
site * {
    cache on
    route /coded/  -> http://@backend@/ { compress on }
    route /static/ -> http://@backend@/ { cache static }
    route /bare/   -> http://@backend@/ { header request remove Cookie }
    route /made/   -> http://@backend@/ { header request X-Who "$http_x_user!" }
    route /off/    -> http://@backend@/ { cache off }
    route /short/  -> http://@backend@/ { cache on default-ttl 1s }
    route /login/  -> http://@backend@/ { auth basic @dir@/users }
    route /who/    -> http://@backend@/ { auth forward http://@backend@/auth copy X-User }
    route /        -> http://@backend@
}
"""
BIG = bytes(range(256)) * 4096
TEXT = ("\n".join(f"line {i} of a page, {i * i}" for i in range(8000))).encode()
CACHED = ("Cache-Control", "max-age=3600")
ENDING = (b"X-End: cut\r\n", b"X-End: endless\r\n", b"X-End: chunks\r\n")
counts = {}
lock = threading.Lock()
gate = multiprocessing.Event()  # the second answer of /swr waits for it
gate.set()


def count(request):
    key = request.target
    with lock:
        counts[key] = counts.get(key, 0) + 1
        return counts[key]


def special(name, request, n):
    """Answers that are more than a head and a body; None: it is an ordinary one."""
    if name == "cut":
        return b"HTTP/1.1 200 OK\r\nX-End: cut\r\nCache-Control: max-age=3600\r\nContent-Length: 100\r\n\r\nshort"
    if name == "lying":
        return b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nContent-Length: 3\r\n\r\nlonger"
    if name == "endless":
        return b"HTTP/1.1 200 OK\r\nX-End: endless\r\nCache-Control: max-age=3600\r\nConnection: close\r\n\r\nuntil the end"
    if name == "broken-chunks":
        return (b"HTTP/1.1 200 OK\r\nX-End: chunks\r\nCache-Control: max-age=3600\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3\r\nabc\r\nzz\r\n")
    if name == "chunked":
        return (b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nContent-Type: text/css\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
                + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in
                           (TEXT[i:i + 1000] for i in range(0, len(TEXT), 1000))) + b"0\r\n\r\n")
    if name == "auth":
        return b"HTTP/1.1 200 OK\r\nX-User: joe\r\nContent-Length: 0\r\n\r\n"
    if name == "trailed":
        return (b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nTrailer: X-Sum\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n")
    if name == "swr" and n == 2:
        gate.wait(10)
    return None


def answer(request):
    n = count(request)
    name = request.target.split("?")[0].strip("/").split("/")[-1]
    body = f"{n} {request.header('host')} {request.target}".encode()
    asked = request.header("if-none-match") or request.header("if-modified-since")
    if result := special(name, request, n):
        return result
    if name == "etag":
        fields = [("Cache-Control", "max-age=1"), ("ETag", '"v1"'), ("X-N", str(n))]
        return (304, fields, b"") if asked == '"v1"' else (200, fields, b"tagged")
    if name == "confirmed":  # never fresh
        fields = [("Cache-Control", "max-age=0"), ("ETag", '"v1"')]
        return (304, fields, b"") if asked == '"v1"' else (200, fields, b"tagged")
    if name == "mistaken":  # answers about something else than what it was asked about
        fields = [("Cache-Control", "max-age=0"), ("ETag", f'"v{n}"')]
        return (304, [CACHED, ("ETag", f'"v{n}"')], b"") if asked else (200, fields, body)
    if name == "beyond" and request.header("range"):
        return 416, [CACHED, ("Content-Range", "bytes */6")], b"outside"
    if name == "dear":  # never fresh, and still worth keeping
        good = 200, [("Cache-Control", "max-age=0, stale-if-error=60")], b"good"
        return good if n == 1 else (503, [], b"bad")
    if name == "changing":
        return 200, [("Cache-Control", "max-age=1"), ("ETag", f'"v{n}"')], body
    if name == "swr":
        # Dates are whole seconds: what lives for one may be stale when it comes.
        life = 1 if n == 1 else 3600
        return 200, [("Cache-Control", f"max-age={life}, stale-while-revalidate=60"), ("ETag", f'"v{n}"')], body
    if name == "error":
        good = 200, [("Cache-Control", "max-age=1, stale-if-error=60")], b"good"
        return good if n == 1 else (503, [], b"bad")
    if name == "close":
        return (200, [("Cache-Control", "max-age=1")], b"good") if n == 1 else CLOSE
    if name == "strict":
        good = 200, [("Cache-Control", "max-age=1, must-revalidate")], b"good"
        return good if n == 1 else (503, [], b"bad")
    if name == "big":
        return 200, [CACHED, ("ETag", '"big"')], BIG
    if name == "text":
        return 200, [CACHED, ("Content-Type", "text/html"), ("ETag", '"strong"')], TEXT
    if name == "vary":
        return 200, [CACHED, ("Vary", "X-Kind")], (request.header("x-kind") or "none").encode() + body
    if name == "sized":
        return 200, [CACHED], b"s" * int(request.target.partition("?")[2])
    if name == "vary-on":
        names = request.target.partition("?")[2]
        return 200, [CACHED, ("Vary", names)], (request.header(names) or "none").encode()
    if name.isdigit():  # what a strange request was answered with
        return int(name), [("Content-Type", "text/css"), ("Last-Modified", "Sat, 01 Jan 2000 00:00:00 GMT")], body
    if name == "says-nothing":
        return 200, [("Content-Type", "text/html")], body
    if name == "style":
        return 200, [("Content-Type", "text/css")], body
    if name == "cookie":
        return 200, [CACHED, ("Set-Cookie", "id=1")], body
    if name == "private":
        return 200, [("Cache-Control", "max-age=3600, private")], body
    if name == "gone":
        return 404, [CACHED], body
    if name == "moved":
        return 201, [("Location", "/cached")], b""
    if name == "listed":
        return 200, [("Cache-Control", 'max-age=3600, no-cache="X-Secret"'), ("X-Secret", "1"), ("X-Open", "1")], body
    return 200, [CACHED, ("X-Echo", request.header("x-forwarded-host") or "")], body


class Once:
    """A connection that ends with its first answer."""

    def __init__(self, conn):
        self.conn, self.answered = conn, False

    def __getattr__(self, name):
        return getattr(self.conn, name)

    def read_head(self):
        return b"" if self.answered else self.conn.read_head()

    def send(self, data):
        self.conn.send(data)
        self.answered = any(data.startswith(b"HTTP/1.1 200 OK\r\n" + name) for name in ENDING)


def serve(conn):
    http_server(answer)(Once(conn))


@pytest.fixture
def origin(backend):
    return backend.raw(serve)


@pytest.fixture
def site(sluice, origin, box):
    box.write("users", "joe:{PLAIN}\n".replace("{PLAIN}", "$2y$05$abcdefghijklmnopqrstuuVWd4mpM1U7bRqZmHdvBN8CuzgLhXHJC"))
    return sluice(CONF, backend=origin.address)


def said(response):
    values = [v for v in response.all("cache-status") if v.startswith("Sluice")]
    assert len(values) == 1, values
    return values[0]


def is_hit(response):
    return said(response).startswith("Sluice; hit; ttl=") and response.header("age") is not None


def asked(origin, path):
    return [r for r in origin.requests() if r.target == path]


def test_a_second_request_is_answered_from_the_store(site, origin):
    first = site.get("/cached")
    assert said(first) == "Sluice; fwd=uri-miss; fwd-status=200; stored" and first.header("age") is None
    second = site.get("/cached")
    assert is_hit(second) and second.body == first.body
    for name in ("date", "cache-control", "content-length", "x-echo"):
        assert second.all(name) == first.all(name)
    assert len(asked(origin, "/cached")) == 1
    stats = site.stats()
    assert (stats["cache_hits"], stats["cache_misses"], stats["cache_stored"]) == (1, 1, 1)
    assert stats["cache_bytes"] == len(first.body) and stats["cache_memory"] > len(first.body)


def test_both_protocols_and_both_schemes(site, origin):
    site.get("/cached", tls=True, port=site.ports["port_tls"])
    assert is_hit(site.get("/cached", tls=True, port=site.ports["port_tls"]))
    assert not is_hit(site.get("/cached"))  # another scheme is another place
    with H2Client("127.0.0.1", site.ports["port_tls"], "a.example") as c:
        response = c.request("/cached")
        assert response.status == 200 and response.header("cache-status").startswith("Sluice; hit")
        big = c.request("/big")
        again = c.request("/big")
        assert big.body == again.body == BIG and again.header("cache-status").startswith("Sluice; hit")
    assert len(asked(origin, "/cached")) == 2


def test_large_answers_and_chunked_ones(site):
    for path in ("/big", "/chunked"):
        first = site.get(path)
        with site.client() as c:
            for _ in range(3):
                again = c.request("GET", path)
                assert is_hit(again) and again.body == first.body
                assert again.header("content-length") == str(len(first.body))


def test_a_hit_of_16_kb_is_one_send_and_one_record(site, box):
    """Head and body together, under the library's eyes and the kernel's: 22 bytes make a record of TLS 1.3."""
    path = "/sized?15900"
    trace = box.path("trace")
    clients = [(site.client(), 0), (site.client(site.ports["port_tls"], tls=True, sni="a.example"), 22)]
    sizes = []
    for c, _ in clients:
        c.request("GET", path)
    with subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=sendto,sendmsg,write,writev", "-s", "0", "-o", trace,
                           "-p", str(site.children()["proxy"])]) as tracer:
        try:
            # Attached when it sees something.
            wait_for(lambda: site.get("/cached") and trace.exists() and "sendto" in trace.read_text(), 20, "strace")
            for c, more in clients:
                hit = c.request("GET", path)
                assert is_hit(hit) and len(hit.body) == 15900
                sizes.append(len(hit.raw_head) + 4 + len(hit.body) + more)
                c.close()
            wait_for(lambda: f"= {sizes[-1]}\n" in trace.read_text(), what="the last send")
        finally:
            tracer.terminate()  # it lets go: a sanitizer looks for leaks at the end
    sent = [int(n) for n in re.findall(r" = (\d{4,})$", trace.read_text(), re.M)]
    assert sent == sizes and max(sizes) <= 16384 + 22


def test_head_is_answered_from_get_and_is_not_stored(site, origin):
    assert said(site.get("/cached", method="HEAD")) == "Sluice; fwd=uri-miss; fwd-status=200"
    first = site.get("/cached")
    with site.client() as c:
        c.send(b"HEAD /cached HTTP/1.1\r\nHost: a.example\r\n\r\n")
        head = c.response(head=True)
        assert is_hit(head) and head.header("content-length") == str(len(first.body))
        assert is_hit(c.request("GET", "/cached"))
    assert [r.method for r in asked(origin, "/cached")] == ["HEAD", "GET"]


def test_parts_and_conditions_are_answered_from_the_store(site, origin):
    site.get("/big")
    part = site.get("/big", headers=[("Range", "bytes=256-511")])
    assert (part.status, part.body) == (206, BIG[256:512]) and is_hit(part)
    assert part.header("content-range") == f"bytes 256-511/{len(BIG)}"
    assert site.get("/big", headers=[("Range", "bytes=0-1"), ("If-Range", '"no"')]).body == BIG
    beyond = site.get("/big", headers=[("Range", f"bytes={len(BIG)}-")])
    assert (beyond.status, beyond.body) == (416, b"")
    same = site.get("/big", headers=[("If-None-Match", 'W/"big"')])
    assert (same.status, same.body) == (304, b"") and is_hit(same)
    assert len(asked(origin, "/big")) == 1


def test_several_parts_are_answered_from_the_store(site, origin):
    site.get("/big")
    with site.client() as c:
        parts = c.request("GET", "/big", headers=[("Range", "bytes=0-3,5000-5003,-2")])
        boundary = parts.header("content-type").removeprefix("multipart/byteranges; boundary=").encode()
        assert parts.status == 206 and is_hit(parts) and parts.header("content-range") is None
        pieces = [p.split(b"\r\n\r\n", 1) for p in parts.body.split(b"--" + boundary)[1:-1]]
        assert [body[:-2] for _, body in pieces] == [BIG[:4], BIG[5000:5004], BIG[-2:]]
        assert b"Content-Range: bytes 5000-5003/1048576" in pieces[1][0]
        near = c.request("GET", "/big", headers=[("Range", "bytes=0-3,4-9")])
        assert (near.header("content-range"), near.body) == ("bytes 0-9/1048576", BIG[:10])
        assert c.request("GET", "/big", headers=[("Range", "bytes=0-400000,500000-")]).status == 200
    assert len(asked(origin, "/big")) == 1


def test_stale_answers_are_validated(site, origin):
    first = site.get("/etag")
    time.sleep(1.1)
    again = site.get("/etag")
    assert again.body == first.body == b"tagged" and again.header("x-n") == "2"
    assert said(again).startswith("Sluice; fwd=stale; fwd-status=304") and again.status == 200
    assert is_hit(site.get("/etag"))
    time.sleep(1.1)
    client = site.get("/etag", headers=[("If-None-Match", '"v1"')])
    assert client.status == 304
    assert [r.header("if-none-match") for r in asked(origin, "/etag")] == [None, '"v1"', '"v1"']
    assert site.stats()["cache_validated"] == 2


def test_who_wants_nothing_stored_takes_nothing_out_that_is_confirmed(site, origin):
    for fields in ([], [("Cache-Control", "no-store")], []):
        assert site.get("/confirmed", headers=fields).body == b"tagged"
    assert [r.header("if-none-match") for r in asked(origin, "/confirmed")] == [None, '"v1"', '"v1"']


def test_a_304_about_something_else_freshens_nothing(site, origin):
    """RFC 9111 section 4.3.4: neither what is stored nor an empty 304 is what the client asked for."""
    assert site.get("/mistaken").body.startswith(b"1 ")
    whole = site.get("/mistaken", headers=[("If-None-Match", '"v2"')])
    assert (whole.status, whole.body[:2], whole.header("etag")) == (200, b"3 ", '"v3"')
    assert [r.header("if-none-match") for r in asked(origin, "/mistaken")] == [None, '"v1"', None]


def test_what_one_range_was_answered_with_is_not_everybodys(site):
    """Denial of service by poisoning: the range is not in the key."""
    assert site.get("/beyond", headers=[("Range", "bytes=9-")]).status == 416
    assert site.get("/beyond").status == 200


def test_a_changed_answer_takes_the_place_of_the_stale_one(site):
    site.get("/changing")
    time.sleep(1.1)
    second = site.get("/changing")
    assert second.body.startswith(b"2 ") and said(second) == "Sluice; fwd=stale; fwd-status=200; stored"
    assert site.get("/changing").body == second.body


def test_a_stale_answer_is_served_while_it_is_validated(site, origin):
    site.get("/swr")
    time.sleep(1.1)
    gate.clear()
    try:
        stale = [site.get("/swr") for _ in range(5)]
    finally:
        gate.set()
    assert all(r.body.startswith(b"1 ") and "stale-while-revalidate" in said(r) for r in stale)
    wait_for(lambda: site.get("/swr").body.startswith(b"2 "), what="the new answer")
    assert len(asked(origin, "/swr")) == 2


@pytest.mark.parametrize("path", ["/error", "/close"])
def test_a_stale_answer_is_better_than_an_error(site, path):
    site.get(path)
    time.sleep(1.1)
    for _ in range(2):
        stale = site.get(path)
        assert (stale.status, stale.body) == (200, b"good") and "the backend fails" in said(stale)


def test_what_is_never_fresh_is_kept_for_the_time_of_an_error(site):
    site.get("/dear")
    rescued = site.get("/dear")
    assert (rescued.status, rescued.body) == (200, b"good") and rescued.header("age") is not None


def test_a_backend_that_fails_is_left_alone_for_a_moment(site, origin):
    site.get("/error")
    time.sleep(1.1)
    for _ in range(10):
        assert site.get("/error").body == b"good"
    assert len(asked(origin, "/error")) == 2
    time.sleep(2.1)
    site.get("/error")
    assert len(asked(origin, "/error")) == 3


def test_must_revalidate_rather_errs(site):
    site.get("/strict")
    time.sleep(1.1)
    assert site.get("/strict").status == 503


def test_a_backend_that_is_away(site, origin):
    site.get("/cached")
    site.get("/etag")
    time.sleep(1.1)
    origin.stop()
    assert is_hit(site.get("/cached"))
    away = site.get("/etag")
    assert (away.status, away.body) == (200, b"tagged") and said(away).startswith("Sluice; fwd=stale")
    assert site.get("/other").status == 502


@pytest.mark.parametrize("path,why", [
    ("/cookie", "set-cookie"), ("/private", "private"), ("/says-nothing", "nothing says"),
    ("/endless", "no length"), ("/off/cached", None), ("/static/says-nothing", "nothing says")])
def test_what_is_not_stored_says_why(site, path, why):
    for _ in range(2):
        response = site.get(path)
        if why is None:
            assert response.all("cache-status") == []
        else:
            assert why in said(response) and "stored" not in said(response)
    assert site.stats()["cache_stored"] == 0


TOLD = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls
certificate default @cert@
trusted 127.0.0.1
site a {
    cache on
    route / -> http://@backend@ { header request pass X_Key ; header request X-Scheme $scheme }
}
"""


def test_what_is_stored_says_nothing_of_who_asked(sluice, backend):
    """Fields that a place lets through and that trusted peers name, and heads that a backend does not like."""
    asked = []

    def tell(request):
        asked.append(request)
        if request.target == "/by-key":
            return 200, [CACHED, ("Vary", "X_Key")], (request.header("x_key") or "none").encode()
        if request.target == "/scheme":
            return 200, [CACHED], (request.header("x-forwarded-scheme") or "none").encode()
        return (400 if request.header("x-odd") else 200), [CACHED], b"page"
    s = sluice(TOLD, backend=backend.http(tell).address)
    for key in ("alice", "bob"):
        assert s.get("/by-key", host="a", headers=[("X_Key", key)]).body == key.encode()
    assert [s.get("/scheme", host="a", headers=h).body for h in ([("X-Forwarded-Scheme", "http")], [])] == [b"none"] * 2
    assert s.get("/page", host="a", headers=[("X-Odd", "1")]).status == 400
    assert s.get("/page", host="a").status == 200


def test_an_answer_that_is_fetched_anew_in_the_background_is_of_the_same_scheme(sluice, backend):
    def tell(request):
        n = count(request)
        life = 1 if n == 1 else 3600
        fields = [("Cache-Control", f"max-age={life}, stale-while-revalidate=60")]
        return 200, fields, f"{n} {request.header('x-scheme')}".encode()
    s = sluice(TOLD, backend=backend.http(tell).address)
    options = {"host": "a", "tls": True, "port": s.ports["port_tls"]}
    assert s.get("/again", **options).body == b"1 https"
    wait_for(lambda: s.get("/again", **options).body.startswith(b"2 "), what="the new answer")
    assert s.get("/again", **options).body == b"2 https"


@pytest.mark.parametrize("path", ["/cut", "/broken-chunks"])
def test_a_body_that_is_cut_is_not_stored(site, path):
    for _ in range(2):
        with site.client() as c:
            c.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            with pytest.raises((AssertionError, ConnectionError)):
                c.response(timeout=3)
    assert site.stats()["cache_objects"] == 0


def test_a_length_that_lies_is_not_stored(site):
    assert site.get("/lying").body == b"lon"
    assert not is_hit(site.get("/lying"))
    assert site.stats()["cache_objects"] == 0


def test_an_oversized_answer_is_not_stored(sluice, backend):
    origin = backend.http(answer)
    site = sluice("listen 127.0.0.1:@port@ plain\ncache on\ncache memory 1M\nsite * -> http://@backend@\n",
                  backend=origin.address)
    for _ in range(2):
        response = site.get("/big")
        assert response.body == BIG and "too large" in said(response)
    assert site.stats()["cache_memory"] == 0


def test_variants(site, origin):
    for kind in ("a", "b", "a", "b"):
        assert site.get("/vary", headers=[("X-Kind", kind)]).body.startswith(kind.encode())
    assert said(site.get("/vary")).startswith("Sluice; fwd=vary-miss")
    assert len(asked(origin, "/vary")) == 3


def test_variants_of_what_the_proxy_itself_says(site):
    """The backend chose by the client's address or by what another field was turned into: whoever
    comes next is somebody else, although it sent the same."""
    for path in ("/vary-on?X-Forwarded-For", "/vary-on?X-Real-IP", "/vary-on?X-Request-Id", "/made/vary-on?X-Who"):
        for user in "ab":
            response = site.get(path, headers=[("X-User", user)])
            assert 'detail="vary"' in said(response), path
    assert site.get("/made/vary-on?X-Who", headers=[("X-User", "a"), ("X-Who", "b!")]).body == b"a!"
    site.get("/vary-on?X-Forwarded-Proto")
    assert is_hit(site.get("/vary-on?X-Forwarded-Proto"))  # the key has it
    assert site.get("/who/vary-on?X-User", headers=[("X-User", "evil")]).body == b"joe"
    assert 'detail' in said(site.get("/who/vary-on?X-User"))


def test_a_field_that_a_rule_takes_away_makes_no_variants(site, origin):
    for who in "abc":
        assert site.get("/bare/vary-on?Cookie", headers=[("Cookie", who)]).body == b"none"
        assert site.get("/vary-on?Cookie", headers=[("Cookie", who)]).body == who.encode()
    assert len(asked(origin, "/vary-on?Cookie")) == 4


def test_other_statuses_and_fields_that_are_not_stored(site):
    site.get("/gone")
    gone = site.get("/gone")
    assert gone.status == 404 and is_hit(gone)
    assert site.get("/listed").header("x-secret") == "1"
    again = site.get("/listed")
    assert is_hit(again) and again.header("x-secret") is None and again.header("x-open") == "1"


def test_static_and_default_ttl(site, origin):
    site.get("/static/style")
    assert is_hit(site.get("/static/style"))
    assert not is_hit(site.get("/static/style?v=2"))
    site.get("/short/says-nothing")
    assert is_hit(site.get("/short/says-nothing"))
    time.sleep(1.1)
    assert not is_hit(site.get("/short/says-nothing"))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"])
def test_a_change_invalidates(site, method):
    site.get("/cached")
    assert said(site.get("/cached", method=method, body=b"x")).startswith("Sluice; fwd=method")
    assert not is_hit(site.get("/cached"))
    assert is_hit(site.get("/cached"))
    site.get("/moved", method=method, body=b"x")  # Location: /cached
    assert not is_hit(site.get("/cached"))


def test_a_failed_change_invalidates_nothing(site):
    site.get("/gone")
    site.get("/gone", method="POST", body=b"x")
    assert is_hit(site.get("/gone"))


def test_compressed_answers_are_stored_compressed(site, origin):
    path = "/coded/text"
    for coding in ("gzip", "br", "gzip", "br", None):
        response = site.get(path, headers=[("Accept-Encoding", coding)] if coding else [])
        assert response.header("content-encoding") == coding
        if coding:
            assert undo(coding, response.body) == (TEXT, True)
            assert response.header("etag") == 'W/"strong"'
        assert "accept-encoding" in response.tokens("vary")
    assert is_hit(site.get(path, headers=[("Accept-Encoding", "gzip")]))
    assert len(asked(origin, "/text")) == 3
    assert site.stats()["compressed"] == 2
    same = site.get(path, headers=[("Accept-Encoding", "br"), ("If-None-Match", 'W/"strong"')])
    assert same.status == 304


def test_the_access_log_says_what_became_of_a_request(sluice, origin, box):
    log = box.path("access.log")
    log.touch()
    log.chmod(0o666)
    site = sluice(CONF.replace("site *", f"log access {log} json\nsite *", 1).replace(
        "    route /login/  -> http://@backend@/ { auth basic @dir@/users }\n", ""), backend=origin.address)
    site.get("/cached")
    site.get("/cached")
    site.get("/cached", method="POST", body=b"x")
    site.get("/off/cached")
    for path in ("/etag", "/changing", "/error", "/swr"):
        site.get(path)
    time.sleep(1.1)
    for path in ("/etag", "/changing", "/error", "/swr"):
        site.get(path)
    expected = [("/cached", "miss"), ("/cached", "hit"), ("/cached", "bypass"), ("/off/cached", None),
                *((p, "miss") for p in ("/etag", "/changing", "/error", "/swr")),
                ("/etag", "revalidated"), ("/changing", "expired"), ("/error", "stale"), ("/swr", "stale")]
    lines = lambda: [json.loads(line) for line in log.read_text().splitlines()]  # noqa: E731
    wait_for(lambda: len(lines()) >= len(expected), what="the access log")
    # The threads write on their own.
    assert sorted(((line["target"], line.get("cache")) for line in lines()), key=str) == sorted(expected, key=str)


def test_only_if_cached(site):
    only = [("Cache-Control", "only-if-cached")]
    assert site.get("/cached", headers=only).status == 504
    site.get("/cached")
    assert is_hit(site.get("/cached", headers=only))


# --- poisoning and deception ---------------------------------------------------------------------


def test_what_is_not_in_the_key_does_not_reach_the_backend(site, origin):
    evil = [("X-Forwarded-Host", "evil"), ("X-Forwarded-Proto", "evil"), ("X-Forwarded-Port", "1"),
            ("X-Forwarded-Scheme", "evil"), ("Forwarded", "host=evil"), ("X-Original-URL", "/evil"),
            ("X-Rewrite-URL", "/evil"), ("X-HTTP-Method-Override", "DELETE"), ("X-HTTP-Method", "DELETE"),
            ("X-Method-Override", "DELETE"), ("X_Forwarded_Host", "evil"),
            ("X-Original-URI", "/evil"), ("X-Host", "evil"), ("X-HTTP-Host-Override", "evil"),
            ("X-Original-Host", "evil"), ("X-URL-Scheme", "evil"), ("Front-End-Https", "evil"),
            ("X-Forwarded-Server", "evil"), ("X-Forwarded-Prefix", "/evil"), ("X-Real-IP", "evil")]
    response = site.get("/cached", headers=evil)
    assert response.header("x-echo") == "a.example"
    seen = asked(origin, "/cached")[0].raw_head
    assert b"evil" not in seen and b"DELETE" not in seen
    assert is_hit(site.get("/cached"))


def test_hosts_and_queries_are_told_apart(site):
    bodies = {site.get(path, host=host).body for host in ("a.example", "b.example", "a.example:81")
              for path in ("/cached", "/cached?", "/cached?a", "/cached?b", "/cached/", "/Cached")}
    assert len(bodies) == 18
    assert is_hit(site.get("/cached", host="A.EXAMPLE"))


@pytest.mark.parametrize("twin", ["/%63ached", "/cached%2f", "/cached;x=.css", "//cached", "/cached%3Fa"])
def test_paths_that_a_backend_may_tell_apart_are_told_apart(site, twin):
    site.get("/cached")
    assert not is_hit(site.get(twin))


def test_a_path_with_dots_is_one_with_what_the_backend_sees(site, origin):
    site.get("/cached")
    assert is_hit(site.get("/x/../cached"))
    assert [r.target for r in origin.requests()] == ["/cached"]


def test_a_name_does_not_make_a_page_static(site):
    """Deception: /account/x.css is stored for what it is, not for what it is called."""
    assert "nothing says" in said(site.get("/static/x.css/says-nothing"))
    assert not is_hit(site.get("/static/x.css/says-nothing"))


def test_an_error_that_a_request_provoked_is_not_everybodys(site):
    """Denial of service by poisoning: a request that the backend refuses takes nothing from others."""
    for status in (400, 403, 411, 413, 429, 431, 500, 502, 503):
        for path in (f"/static/{status}", f"/short/{status}", f"/{status}"):
            assert site.get(path).status == status
            assert not is_hit(site.get(path)), path


def test_fields_that_connection_names_choose_no_variant(site):
    """The backend does not get what Connection lists: nor may the variant be one of it."""
    listed = [("Connection", "X-Kind"), ("X-Kind", "evil")]
    assert site.get("/vary", headers=listed).body.startswith(b"none")
    assert is_hit(site.get("/vary"))
    assert site.get("/vary", headers=[("X-Kind", "evil")]).body.startswith(b"evil")


def test_a_head_with_a_body_is_not_asked_of_the_store(site):
    site.get("/cached")
    with site.client() as c:
        c.send(b"HEAD /cached HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1\r\n\r\nx")
        assert "fwd=bypass" in said(c.response(head=True))


def test_a_get_with_a_body_is_not_asked_of_the_store(site, origin):
    first = site.get("/cached", body=b"poison", method="GET")
    assert said(first) == 'Sluice; fwd=bypass; fwd-status=200'
    assert not is_hit(site.get("/cached"))
    assert is_hit(site.get("/cached"))
    assert not is_hit(site.get("/cached", body=b"poison", method="GET"))


def test_answers_to_somebody_are_nobody_elses(site):
    mine = [("Authorization", "Bearer me")]
    assert "authorization" in said(site.get("/cached", headers=mine))
    assert not is_hit(site.get("/cached"))


def test_who_is_logged_in_takes_nothing_from_others(site, origin):
    mine = [("Authorization", "Bearer me")]
    site.get("/etag")
    assert is_hit(site.get("/etag", headers=mine))
    time.sleep(1.1)
    assert site.get("/etag", headers=mine).body == b"tagged"
    again = site.get("/etag")  # still validated, not fetched anew
    assert "fwd-status=304" in said(again) and again.body == b"tagged"


def test_an_override_of_a_post_is_the_backends_business(site, origin):
    site.get("/cached", method="POST", body=b"x", headers=[("X-HTTP-Method-Override", "DELETE")])
    assert asked(origin, "/cached")[0].header("x-http-method-override") == "DELETE"


def test_answers_to_whom_another_server_names_are_not_stored(site, origin):
    for _ in range(2):
        response = site.get("/who/cached")
        assert response.status == 200 and "authorization" in said(response)
    assert [r.header("x-user") for r in asked(origin, "/cached")] == ["joe", "joe"]


def test_trailers_are_not_stored(site, origin):
    bodies = set()
    for _ in range(2):
        with site.client() as c:
            c.send(b"GET /trailed HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n")
            bodies.add(c.response().body)
    last = site.get("/trailed", host="a")
    assert bodies == {b"abc"} and is_hit(last) and last.header("trailer") is None
    assert len(asked(origin, "/trailed")) == 1


def test_a_guard_stands_before_the_store(site):
    assert site.get("/login/cached").status == 401
    assert site.get("/login/cached", headers=[("Authorization", "Basic eDp5")]).status == 401


def test_the_end_of_a_generation_keeps_the_store(site, origin):
    site.get("/cached")
    site.reload()
    assert is_hit(site.get("/cached"))
    for line in ("header request X-New yes", "rewrite on", "compress on"):
        site.write(CONF.replace("    cache on\n", f"    cache on\n    {line}\n"))
        site.reload()
        assert not is_hit(site.get("/cached")), line
        assert is_hit(site.get("/cached"))
    site.write(CONF.replace("cache on\n", "cache off\n", 1).replace("cache on default-ttl 1s", "cache off")
               .replace("cache static", "cache off"))
    site.reload()
    assert site.get("/cached").all("cache-status") == []
    wait_for(lambda: site.stats()["cache_memory"] == 0, what="an empty store")
