"""Forward authentication: another server is asked, and whatever goes wrong keeps the client out."""

import contextlib
import time

import h2_client
import pytest
from lab import wait_for

CONF = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls http2
certificate default @cert@
timeout connect 2s read 2s
site a.example {
    auth forward http://127.0.0.1:@port_auth@/verify copy Remote-User X-Groups
    route / -> http://127.0.0.1:@port_back@
    route /open/ -> status 204 { auth off }
    route /down/ -> http://127.0.0.1:@port_back@ { auth forward http://127.0.0.1:1/ }
    route /root/ -> http://127.0.0.1:@port_back@ { auth forward http://127.0.0.1:@port_auth@ }
}
"""


def verify(request):
    """What is wanted stands in the cookie."""
    want = request.header("cookie") or "200"
    if want == "hang":
        time.sleep(30)
    if want == "cut":
        return b"HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nshort"
    headers = [("X-Want", want)]
    if want == "200":
        headers += [("Remote-User", "ann"), ("X-Groups", "a"), ("X-Groups", "b"), ("X-Secret", "1")]
    if want == "302":
        headers += [("Location", "https://sso.example/?rd=1"), ("Set-Cookie", "s=1; Path=/")]
    if want == "401":
        headers += [("WWW-Authenticate", "Bearer"), ("Connection", "X-Want")]
    status = int(want.split("-")[0])
    return status, headers, b"x" * int(want.split("-")[1]) if "-" in want else b"who are you?"


@pytest.fixture
def auth(backend):
    return backend.http(verify)


@pytest.fixture
def origin(backend):
    return backend.http(lambda r: (200, {}, r.body or b"hello"))


@pytest.fixture
def site(sluice, auth, origin):
    return sluice(CONF, port_auth=auth.port, port_back=origin.port)


def test_2xx_goes_on_with_the_named_headers_and_not_with_forged_ones(site, auth, origin):
    r = site.get("/a%2Fb?c=d", method="POST", body=b"payload" * 10000, headers=[
        ("Remote-User", "root"), ("X-Groups", "wheel"), ("X-Secret", "mine"), ("X-Original-URI", "/"),
        ("X-Forwarded-For", "9.9.9.9"), ("Authorization", "Bearer t")])
    assert (r.status, r.body) == (200, b"payload" * 10000)
    asked, = auth.requests()
    assert (asked.method, asked.target, asked.body) == ("GET", "/verify", b"")
    assert asked.header("x-original-method") == "POST" and asked.all("x-original-uri") == ["/a%2Fb?c=d"]
    assert asked.header("host") == "a.example" and asked.header("authorization") == "Bearer t"
    assert asked.header("x-forwarded-for") == "127.0.0.1" and asked.header("x-forwarded-proto") == "http"
    assert not asked.header("content-length") and not asked.header("content-type")
    got, = origin.requests()
    assert got.all("remote-user") == ["ann"] and got.all("x-groups") == ["a", "b"]
    assert got.header("x-secret") == "mine" and got.header("authorization") == "Bearer t"
    assert got.header("x-request-id") == asked.header("x-request-id")


@pytest.mark.parametrize("target", [
    "/public/../root/x?q=/../", "/public/%2e%2E/root/x?q=/../", "/./root/./x?q=/../",
    "http://a.example/root/x?q=/../", "http://a.example/public/../root/x?q=/../"])
def test_it_judges_the_path_that_is_served(site, auth, origin, target):
    with site.client() as c:
        assert c.request("GET", target, host="a.example").status == 200
    # In HTTP/2 a path is all there is.
    paths = [target] if target.startswith("/") else []
    with h2_client.H2Client("127.0.0.1", site.ports["port_tls"], validate=False) as c:
        for path in paths:
            assert c.request(path).status == 200
    served = [r.target for r in origin.requests()]
    assert served == ["/root/x?q=/../"] * (1 + len(paths))
    assert [r.header("x-original-uri") for r in auth.requests()] == served


@pytest.mark.parametrize("want,status", [("401", 401), ("403", 403), ("302", 302), ("307", 307)])
def test_its_refusal_is_the_clients_answer(site, origin, want, status):
    with site.client() as c:
        for method in ("GET", "HEAD", "POST"):
            r = c.request(method, "/x", host="a.example", headers=[("Cookie", want)])
            assert r.status == status and r.keep_alive
            assert r.body == (b"" if method == "HEAD" else b"who are you?")
        if want == "302":
            assert r.header("location") == "https://sso.example/?rd=1" and r.header("set-cookie") == "s=1; Path=/"
        if want == "401":
            assert r.header("www-authenticate") == "Bearer" and not r.header("x-want")
    assert not origin.requests()
    assert site.stats()["auth_refused"] == 3


@pytest.mark.parametrize("status,expected", [(200, 200), (403, 403)])
@pytest.mark.parametrize("pause", [0, 0.2])
def test_an_answer_whose_body_never_ends_is_known_by_its_head(sluice, backend, origin, status, expected, pause):
    def endless(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 %d X\r\nRemote-User: ann\r\nTransfer-Encoding: chunked\r\n\r\n" % status)
        with contextlib.suppress(OSError):
            while True:
                conn.send(b"1000\r\n" + b"x" * 4096 + b"\r\n" if not pause else b"1\r\nx\r\n")
                time.sleep(pause)
    s = sluice(CONF, port_auth=backend.raw(endless).port, port_back=origin.port)
    began = time.monotonic()
    assert s.get("/x", timeout=20).status == expected
    assert time.monotonic() - began < 12


def test_a_question_that_would_be_too_large_keeps_the_client_out(site, auth, origin):
    """Two more fields than the client may have: the proxy refuses its own question, and lives."""
    seen = [site.get("/x", headers=[(f"X-A{i}", "1") for i in range(n)]).status for n in (97, 98, 99)]
    long = [("X-Long", "x" * 8000), ("X-Longer", "x" * 8000)]
    seen += [site.get("/x", headers=[*long, ("X-Rest", "x" * n)]).status for n in range(150, 380, 10)]
    assert set(seen) == {200, 431, 502}
    assert site.get("/x").status == 200
    assert "child ended" not in site.log
    assert site.stats()["requests_bad"] == seen.count(431), "a question of ours is not the client's doing"
    assert len(origin.requests()) == len(auth.requests())


def test_a_trusted_peer_says_nothing_of_the_request_itself(sluice, auth, origin):
    s = sluice(CONF + "trusted 127.0.0.1\n", port_auth=auth.port, port_back=origin.port)
    assert s.get("/x", headers=[("X-Forwarded-Uri", "/open/"), ("X-Forwarded-Method", "OPTIONS")]).status == 200
    asked, = auth.requests()
    assert asked.header("x-original-uri") == "/x"
    assert not asked.header("x-forwarded-uri") and not asked.header("x-forwarded-method")


@pytest.mark.parametrize("want,status", [
    ("500", 502), ("404", 502), ("304", 502), ("400", 502), ("503", 502), ("hang", 504), ("cut", 502)])
def test_anything_else_keeps_the_client_out(site, origin, want, status):
    r = site.get("/x", headers=[("Cookie", want)])
    assert r.status == status
    assert not origin.requests()
    assert site.get("/x").status == 200


def test_a_server_that_is_down_keeps_everybody_out(site, origin):
    assert site.get("/down/x").status == 502
    assert not origin.requests()
    assert site.get("/open/x").status == 204
    assert site.get("/x").status == 200
    assert site.stats()["auth_failed"] == 1


def test_an_answer_that_is_too_long_is_left_out(site):
    r = site.get("/x", headers=[("Cookie", "403-8000")])
    assert (r.status, len(r.body)) == (403, 8000)
    r = site.get("/x", headers=[("Cookie", "403-9000")])
    assert (r.status, r.body) == (403, b"")
    r = site.get("/x", headers=[("Cookie", "403-1000000")])
    assert (r.status, r.body) == (403, b"")
    assert site.get("/x", headers=[("Cookie", "201-1000000")]).status == 200


def test_without_a_path_the_root_is_asked(site, auth):
    assert site.get("/root/x").status == 200
    assert [r.target for r in auth.requests()] == ["/"]


def test_the_connection_to_it_is_kept(site, auth):
    with site.client() as c:
        assert all(c.request("GET", "/x", host="a.example").status == 200 for _ in range(20))
    assert auth.connections() <= 2 and len(auth.requests()) == 20


def test_a_client_that_leaves_while_it_is_asked(site):
    for _ in range(5):
        c = site.client()
        c.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nCookie: hang\r\n\r\n")
        c.reset()
    wait_for(lambda: site.stats()["connections_open"] == 0, what="no connection")
    assert site.get("/x").status == 200


def test_http2_and_an_upload(site, origin, box):
    from lab import run
    body = box.write("body", b"y" * 300000)
    out = run("curl", "-sk", "--http2", "-w", "%{http_version} %{http_code}", "-o", box.path("out"), "--data-binary",
              f"@{body}", "--connect-to", f"::127.0.0.1:{site.ports['port_tls']}", "https://a.example/x")
    assert out.stdout == "2 200" and box.path("out").read_bytes() == b"y" * 300000
    out = run("curl", "-sk", "--http2", "-w", "%{http_version} %{http_code}", "-o", "/dev/null", "-H", "Cookie: 401",
              "--connect-to", f"::127.0.0.1:{site.ports['port_tls']}", "https://a.example/x")
    assert out.stdout == "2 401"


@pytest.mark.parametrize("trust, status", [("upstream-ca {ca}", 200), ("upstream-verify off", 200), ("", 502)])
def test_a_server_behind_tls_is_believed_as_the_place_says(sluice, backend, origin, certs, trust, status):
    auth = backend.https(verify, certs.make("localhost"))
    s = sluice(f"""listen 127.0.0.1:@port@ plain
site a.example {{
    {trust.format(ca=certs.ca)}
    auth forward https://localhost:{auth.port}/verify copy Remote-User
    route / -> http://{origin.address}
}}
""")
    assert s.get("/x").status == status
    if status == 200:
        assert [r.target for r in auth.requests()] == ["/verify"]
        assert origin.requests()[0].header("remote-user") == "ann"
        assert s.get("/x", headers=[("Cookie", "401")]).status == 401
        assert s.stats()["upstream_tls"] >= 1
    else:
        assert auth.requests() == origin.requests() == []
    if "off" in trust:
        s.wait_log("the certificate of an authentication server is not verified")


def test_the_authorities_may_be_those_of_a_route_without_a_server(sluice, backend, certs):
    auth = backend.https(verify, certs.make("localhost"))
    s = sluice(f"""listen 127.0.0.1:@port@ plain
site a.example {{
    route / -> status 204 {{ upstream-ca {certs.ca} ; auth forward https://localhost:{auth.port} }}
    route /other -> status 204 {{ auth forward https://localhost:{auth.port} }}
}}
""")
    assert (s.get("/").status, s.get("/other").status) == (204, 502)
    s.reload()
    assert (s.get("/").status, s.get("/other").status) == (204, 502)
