"""Heads: header rules, who the client is, request ids, a backend's words about its own place."""

import json
import re

import h2_client
import pytest
from lab import wait_for

CONF = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls
certificate default @cert@
log access @dir@/access.log json
header request  X-Outer outer
header response X-Top "$request_method $uri"
site a.example {
    header response X-Site $server_name
    header response remove Server
    route / -> http://127.0.0.1:@port_back@/ {
        header request  Host inner.example
        header request  X-Outer $http_x_outer
        header request  X-Said "$scheme://$host$request_uri $remote_addr $http_x_said"
        header request  remove Cookie
        header request  add X-Id $request_id
        header response add X-Route yes
    }
    route /files/ -> dir @dir@/files { header response Cache-Control "max-age=60" }
    route /gone/ -> status 410 { header response X-Gone yes }
}
site b.example -> http://127.0.0.1:@port_back@
"""


@pytest.fixture
def origin(backend):
    return backend.http(lambda r: (200, {"Server": "secret", "X-Target": r.target}, b"hello"))


@pytest.fixture
def files(box):
    box.write("files/a.txt", "text")


@pytest.fixture
def site(sluice, files, origin):
    return sluice(CONF, port_back=origin.port)


def test_rules_of_a_request(site, origin):
    site.get("/x%20y?z=1", headers=[("Cookie", "a=b"), ("X-Said", "hello"), ("X-Outer", "mine")])
    seen = origin.requests()[-1]
    assert seen.all("host") == ["inner.example"]
    assert seen.header("x-outer") == "mine"
    assert seen.header("x-said") == "http://a.example/x%20y?z=1 127.0.0.1 hello"
    assert seen.all("cookie") == []
    assert seen.all("x-id") == seen.all("x-request-id")
    assert re.fullmatch("[0-9a-f]{32}", seen.header("x-id"))


def test_an_empty_value_removes_the_field(site, origin):
    site.get("/")
    assert origin.requests()[-1].all("x-outer") == []


def test_rules_of_an_answer(site):
    r = site.get("/x%20y?z=1")
    assert (r.header("x-top"), r.header("x-site"), r.header("x-route")) == ("GET /x y", "a.example", "yes")
    assert r.all("server") == [] and r.body == b"hello"
    assert site.get("/", host="b.example").header("server") == "secret"


def test_what_a_path_decodes_to_is_no_second_field(site):
    r = site.get("/x%0d%0aSet-Cookie:%20a=b")
    assert r.header("x-top") == "GET /x%0D%0ASet-Cookie: a=b" and r.all("set-cookie") == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_answers_of_our_own_follow_the_rules(site, method):
    r = site.get("/files/a.txt", method=method)
    assert (r.status, r.header("cache-control"), r.header("x-site")) == (200, "max-age=60", "a.example")
    assert r.body == (b"text" if method == "GET" else b"")
    r = site.get("/gone/", method=method)
    assert (r.status, r.header("x-gone"), r.header("x-top")) == (410, "yes", f"{method} /gone/")
    r = site.get("/", host="c.example", method=method)
    assert (r.status, r.header("x-top"), r.all("x-site")) == (421, f"{method} /", [])


def test_ids_are_logged_and_cannot_be_forged(site, box, origin):
    site.get("/", headers=[("X-Request-Id", "forged")])
    seen = origin.requests()[-1].all("x-request-id")
    assert len(seen) == 1 and seen != ["forged"]
    wait_for(lambda: box.path("access.log").read_text().count("\n") == 1, what="the line")
    line = json.loads(box.path("access.log").read_text())
    assert line["request_id"] == seen[0] and line["client"] == "127.0.0.1"


def test_a_trusted_peer_names_the_client(sluice, box, files, origin):
    s = sluice("trusted 127.0.0.1 192.0.2.0/24\n" + CONF, port_back=origin.port)
    s.get("/", host="b.example", headers=[
        ("X-Forwarded-For", "203.0.113.66, 198.51.100.7, 192.0.2.9"), ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "www.example"), ("X-Request-Id", "theirs")])
    seen = origin.requests()[-1]
    assert seen.all("x-real-ip") == ["198.51.100.7"]
    assert seen.all("x-forwarded-for") == ["203.0.113.66, 198.51.100.7, 192.0.2.9, 127.0.0.1"]
    assert seen.all("x-forwarded-proto") == ["https"]
    assert seen.all("x-forwarded-host") == ["www.example"]
    assert seen.all("x-request-id") == ["theirs"]
    wait_for(lambda: box.path("access.log").read_text().count("\n") == 1, what="the line")
    line = json.loads(box.path("access.log").read_text())
    assert (line["client"], line["request_id"]) == ("198.51.100.7", "theirs")


def test_others_name_nobody(sluice, files, origin):
    s = sluice("trusted 192.0.2.0/24\n" + CONF, port_back=origin.port)
    s.get("/", host="b.example", headers=[("X-Forwarded-For", "192.0.2.9"), ("X-Forwarded-Proto", "https")])
    seen = origin.requests()[-1]
    assert (seen.all("x-real-ip"), seen.all("x-forwarded-for")) == (["127.0.0.1"], ["127.0.0.1"])
    assert seen.all("x-forwarded-proto") == ["http"]


MOVED = """\
listen 127.0.0.1:@port@ plain
site a.example {
    route /app/ -> http://127.0.0.1:@port_back@/inner/
    route /root/ -> http://127.0.0.1:@port_back@/
    route /same/ -> http://127.0.0.1:@port_back@/same/
    route /off/ -> http://127.0.0.1:@port_back@/inner/ { rewrite off }
    route /told/ -> http://127.0.0.1:@port_back@/inner/ { header request Host app.internal }
    route / -> http://127.0.0.1:@port_back@
    route /on/ -> http://127.0.0.1:@port_back@ { rewrite on }
}
"""


@pytest.fixture
def moved(sluice, backend):
    """A backend that redirects to where the query says, and its proxy."""
    origin = backend.http(lambda r: (302, [("Location", r.target.partition("?")[2].replace("BACK", r.header("x-back"))),
                                           ("Set-Cookie", "a=b; Path=/inner/"),
                                           ("X-Prefix", r.header("x-forwarded-prefix", "none"))], b""))
    s = sluice(MOVED, port_back=origin.port)
    s.back = f"http://127.0.0.1:{origin.port}"
    return s


@pytest.mark.parametrize("path,location,expected,prefix", [
    ("/app/", "/inner/x", "/app/x", "/app"), ("/app/", "BACK/inner/x", "/app/x", "/app"),
    ("/app/", "http://a.example/inner/x", "http://a.example/app/x", "/app"),
    ("/app/", "http://b.example/inner/x", "http://b.example/inner/x", "/app"),
    ("/told/", "http://app.internal/inner/x", "/told/x", "/told"),
    ("/told/", "http://b.example/inner/x", "http://b.example/inner/x", "/told"),
    ("/root/", "/x", "/root/x", "/root"), ("/same/", "/same/x", "/same/x", "none"),
    ("/off/", "/inner/x", "/inner/x", "/off"), ("/", "BACK/x", "BACK/x", "none"),
    ("/on/", "BACK/on/x", "/on/x", "none"), ("/on/", "BACK/x", "BACK/x", "none")])
def test_a_redirect_leads_where_the_client_can_go(moved, path, location, expected, prefix):
    r = moved.get(f"{path}?{location}", headers=[("X-Back", moved.back)])
    assert r.header("location") == expected.replace("BACK", moved.back)
    assert r.header("x-prefix") == prefix
    assert r.header("set-cookie") == (f"a=b; Path={path}" if path in ("/app/", "/told/") else
                                      "a=b; Path=/root/inner/" if path == "/root/" else "a=b; Path=/inner/")


ANSWERS = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls http2
certificate default @cert@
error-page 404 502 @dir@/pages/all.html
error-page 421 @dir@/pages/large.txt
header response X-Rule yes
site a.example {
    hsts 365d subdomains
    error-page 404 410 @dir@/pages/a.json
    route /gone/ -> status 410
    route /dead/ -> http://127.0.0.1:@port_dead@
    route /back/ -> http://127.0.0.1:@port_back@
}
site b.example { hsts 0s ; header response remove Strict-Transport-Security ; route / -> status 204 }
"""


@pytest.fixture
def pages(sluice, box, backend):
    box.write("pages/all.html", "<p>nothing</p>")
    box.write("pages/large.txt", "0123456789abcdef" * 4096)
    box.write("pages/a.json", '{"gone":true}')
    origin = backend.http(lambda r: (404, {"Strict-Transport-Security": "max-age=1"}, b"the backend's"))
    return sluice(ANSWERS, port_back=origin.port)


@pytest.mark.parametrize("host,path,status,kind,body", [
    ("a.example", "/x", 404, "application/json", b'{"gone":true}'),
    ("a.example", "/gone/", 410, "application/json", b'{"gone":true}'),
    ("a.example", "/dead/", 502, "text/html; charset=utf-8", b"<p>nothing</p>"),
    ("c.example", "/", 421, "text/plain; charset=utf-8", b"0123456789abcdef" * 4096)],
                         ids=("json", "status", "dead", "large"))
@pytest.mark.parametrize("tls", [False, True])
def test_pages_stand_for_our_own(pages, host, path, status, kind, body, tls):
    with pages.client(tls=tls, sni="a.example" if tls else None,
                      port=pages.ports["port_tls" if tls else "port"]) as c:
        for method in ("GET", "HEAD", "GET"):
            r = c.request(method, path, host=host)
            assert (r.status, r.header("content-type"), r.header("x-rule")) == (status, kind, "yes")
            assert r.header("content-length") == str(len(body))
            assert r.body == (b"" if method == "HEAD" else body)


def test_answers_of_backends_stay(pages):
    r = pages.get("/back/")
    assert (r.status, r.body) == (404, b"the backend's")


def test_what_cannot_be_understood_is_answered_plainly(pages):
    with pages.client() as c:
        c.send(b"GET /x HTTP/1.1\r\n\r\n")
        assert c.response().status == 400


REFUSED = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls http2
certificate default @cert@
timeout idle 400ms
error-page 400 @dir@/pages/all.html
header response X-Top "$remote_addr $host$request_uri$http_x_evil"
site a.example { hsts 1d ; header response X-Site $server_name ; route / -> status 204 }
site * { header response X-Site other ; header response remove Server ; route / -> status 204 }
"""


@pytest.mark.parametrize("sent, status", [
    (b"GET /secret HTTP/1.1\r\nHost: a.example\r\nX-Evil: b\r\nX : y\r\n\r\n", 400), (b"\x16\x03\x01", 400),
    (b"GET / HTTP/1.1\r\nHost: a.example\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: a.example\r\nX-Evil: b\r\n", 408), (b"GET / HTTP/1.2\r\n", 505)],
                         ids=("malformed", "TLS", "too many", "cut", "version"))
def test_a_refused_head_is_answered_by_the_rules_of_its_place(sluice, box, sent, status):
    """What the connection says, never what the head does."""
    box.write("pages/all.html", "<p>nothing</p>")
    s = sluice(REFUSED)
    for tls, sni, site, hsts in ((False, None, "other", []), (True, "a.example", "a.example", ["max-age=86400"]),
                                 (True, "c.example", "other", []), (True, None, "other", [])):
        with s.client(tls=tls, sni=sni, port=s.ports["port_tls" if tls else "port"]) as c:
            c.send(sent)
            r = c.response()
            assert (r.status, r.header("x-top"), r.header("x-site")) == (status, "127.0.0.1", site)
            assert r.all("strict-transport-security") == hsts
            assert b"nothing" not in r.body and b"secret" not in r.raw_head
            assert c.eof()
    with h2_client.H2Client("127.0.0.1", s.ports["port_tls"], validate=False) as c:
        r = c.request(headers=[("host", "another.example")])
        assert (r.status, r.header("x-site")) == (400, "a.example")
        assert r.header("strict-transport-security") == "max-age=86400"


def test_hsts_stands_in_tls_answers_alone(pages):
    def hsts(path, host="a.example"):
        r = pages.get(path, host=host, tls=True, port=pages.ports["port_tls"])
        return r.all("strict-transport-security")
    for path in ("/x", "/gone/", "/dead/", "/back/", "/%00", "/../"):
        assert hsts(path) == ["max-age=31536000; includeSubDomains"]
    assert pages.get("/x").all("strict-transport-security") == []
    assert hsts("/", "b.example") == hsts("/%00", "b.example") == []
    r = pages.get("*", method="OPTIONS", tls=True, port=pages.ports["port_tls"])
    assert r.status == 204 and r.all("strict-transport-security")


def test_a_page_is_read_again_at_a_reload(pages, box):
    box.write("pages/a.json", '{"gone":false}')
    assert pages.get("/gone/").body == b'{"gone":true}'
    pages.reload()
    assert pages.get("/gone/").body == b'{"gone":false}'
    box.path("pages/a.json").unlink()
    pages.reload(ok=False)
    assert pages.get("/gone/").body == b'{"gone":false}'


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n"


@pytest.fixture
def hinting(sluice, backend):
    """A backend that hints twice, waits for a word, and answers."""
    def serve(conn):
        while conn.read_head():
            conn.send(b"HTTP/1.1 102 Processing\r\n\r\n" + HINTS + HINTS.replace(b"a.css", b"b.css"))
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    return sluice("listen 127.0.0.1:@port@ plain\nlisten 127.0.0.1:@port_tls@ tls http2\n"
                  "certificate default @cert@\nheader response X-Rule yes\n"
                  "site * -> http://127.0.0.1:@port_back@\n", port_back=backend.raw(serve).port)


def test_early_hints_are_passed_on(hinting):
    with hinting.client() as c:
        for _ in range(2):
            r = c.request("GET", "/")
            assert (r.status, r.body, r.header("x-rule")) == (200, b"ok", "yes")
            assert [(i.status, i.headers) for i in r.interim] == [
                (103, [("Link", "</a.css>; rel=preload")]), (103, [("Link", "</b.css>; rel=preload")])]
        c.send(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        r = c.response()
        assert (r.body, r.interim) == (b"ok", [])


def test_early_hints_by_http2(hinting):
    with h2_client.H2Client("127.0.0.1", hinting.ports["port_tls"]) as c:
        stream = c.request("/")
        assert (stream.status, stream.body) == (200, b"ok")
        assert [(i[":status"], i["link"]) for i in stream.interim] == [
            ("103", "</a.css>; rel=preload"), ("103", "</b.css>; rel=preload")]
