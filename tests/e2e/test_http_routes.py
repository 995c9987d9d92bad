"""Routes, targets and heads: what goes to the backend, what is redirected, what nobody answers."""

import re

import pytest
from lab import wait_for

CONF = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls
listen 127.0.0.1:@port_http@
certificate default @cert@
site a.example {
    route /jenkins/ -> http://127.0.0.1:@port_back@/inner/
    route /keep/ -> http://127.0.0.1:@port_back@
    route = /old -> redirect 301 /new
    route /moved/ -> redirect 307 https://other.example/
    route /gone/ -> status 410
    route /.well-known/acme-challenge/ -> dir @dir@/acme
}
site *.w.example -> http://127.0.0.1:@port_back@
"""


@pytest.fixture
def origin(backend):
    return backend.http(lambda r: (200, {"X-Target": r.target, "Set-Cookie": "a=1", "Connection": "X-Hop",
                                         "X-Hop": "1", "X-Accel-Redirect": "/etc"}, b"hello"))


@pytest.fixture
def site(sluice, box, origin):
    box.write("acme/token", "proof")
    return sluice(CONF, port_back=origin.port)


@pytest.mark.parametrize("path,target", [
    ("/jenkins/", "/inner/"), ("/jenkins/a?b=c", "/inner/a?b=c"), ("/jenkins/a%2Fb//c", "/inner/a%2Fb//c"),
    ("/jenkins/x/../y", "/inner/y"), ("/jenkins/%2e%2e/jenkins/z", "/inner/z"), ("/keep/a%20b", "/keep/a%20b"),
    ("/keep/?", "/keep/?")])
def test_the_path_that_the_backend_sees(site, path, target):
    assert site.get(path).header("x-target") == target


@pytest.mark.parametrize("path,status", [
    ("/jenkinsx", 404), ("/", 404), ("/gone/x", 410), ("/jenkins/%00", 400), ("/../x", 400)])
def test_what_is_answered_here(site, path, status):
    assert site.get(path).status == status


@pytest.mark.parametrize("method,path,status,location", [
    ("GET", "/jenkins", 301, "/jenkins/"), ("HEAD", "/jenkins?a=1", 301, "/jenkins/?a=1"),
    ("POST", "/jenkins", 308, "/jenkins/"), ("GET", "/old", 301, "/new"),
    ("GET", "/moved/x", 307, "https://other.example/")])
def test_redirects(site, method, path, status, location):
    response = site.get(path, method=method)
    assert response.status == status
    assert response.header("location").removeprefix("http://a.example").endswith(location)


@pytest.mark.parametrize("host,status", [
    ("a.example", 200), ("A.EXAMPLE:8080", 200), ("a.example.", 200), ("x.w.example", 200), ("w.example", 421),
    ("b.example", 421)])
def test_which_site_answers(site, host, status):
    assert site.get("/keep/", host=host).status == status


def test_forged_and_hop_by_hop_fields_do_not_pass(site, origin):
    response = site.get("/keep/", headers=[
        ("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil"),
        ("X-Forwarded-Port", "1"), ("X-Real-IP", "6.6.6.6"), ("Forwarded", "for=6.6.6.6"),
        ("X-Forwarded-Server", "evil"), ("X_Real_IP", "6.6.6.6"), ("Proxy", "http://evil"),
        ("Connection", "X-Drop, X-Forwarded-For, Host"), ("X-Drop", "1"), ("Keep-Alive", "1"),
        ("Proxy-Connection", "close"), ("TE", "gzip"), ("Upgrade", "h2c"), ("X-Stays", "1")])
    request = origin.requests()[0]
    assert request.all("x-forwarded-for") == ["127.0.0.1"]
    assert request.all("x-real-ip") == ["127.0.0.1"]
    assert request.all("x-forwarded-proto") == ["http"]
    assert request.all("x-forwarded-host") == ["a.example"]
    assert request.all("x-forwarded-port") == [str(site.port)]
    assert request.all("host") == ["a.example"]
    assert request.all("x-stays") == ["1"]
    for name in ("forwarded", "x_real_ip", "proxy", "x-drop", "keep-alive", "proxy-connection", "upgrade",
                 "x-forwarded-server"):
        assert not request.all(name), name
    assert response.all("set-cookie") == ["a=1"]
    assert not response.all("x-hop") and not response.all("x-accel-redirect")


def test_the_scheme_and_port_of_tls(site, origin):
    site.get("/keep/", tls=True, port=site.ports["port_tls"])
    request = origin.requests()[0]
    assert request.all("x-forwarded-proto") == ["https"]
    assert request.all("x-forwarded-port") == [str(site.ports["port_tls"])]


@pytest.mark.parametrize("method,status", [("GET", 301), ("POST", 308)])
def test_a_listener_that_redirects(site, method, status):
    port = site.ports["port_http"]
    response = site.get("/jenkins/a%20b?c=d", method=method, port=port)
    assert response.status == status
    assert response.header("location") == f"https://a.example:{site.ports['port_tls']}/jenkins/a%20b?c=d"


def test_a_challenge_is_served_where_all_else_is_redirected(site):
    port = site.ports["port_http"]
    assert site.get("/.well-known/acme-challenge/token", port=port).body == b"proof"
    assert site.get("/.well-known/acme-challenge/none", port=port).status == 404
    assert site.get("/.well-known/acme-challenge/token", port=port, host="x.w.example").status == 301
    assert site.get("/.well-known/other", port=port).status == 301


def test_options_of_the_server_itself(site):
    with site.client() as c:
        c.send(b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert c.response().status == 204
        assert c.request("GET", "/keep/").status == 200


def test_the_access_log_is_written_and_reopened(sluice, box, origin):
    box.write("acme/token", "proof")
    log = box.path("log")
    log.mkdir(mode=0o755, exist_ok=True)
    s = sluice(CONF + "log access @dir@/log/access.log json\n", port_back=origin.port)
    s.get("/keep/one", headers=[("User-Agent", 'quote " and \\ ')])
    file = log / "access.log"
    wait_for(lambda: "/keep/one" in file.read_text(), what="the line")
    assert re.search(r'"status":\s*200', file.read_text())
    file.rename(log / "access.log.1")
    s.process.send_signal(10)
    wait_for(file.exists, what="the new file")
    # The proxy gets the new one a moment after the parent has made it.
    wait_for(lambda: s.get("/keep/between") and "/keep/between" in file.read_text(), what="the switch")
    s.get("/keep/two")
    wait_for(lambda: "/keep/two" in file.read_text(), what="the line in the new file")
    assert "/keep/two" not in (log / "access.log.1").read_text()


def test_idle_connections_and_downloads_outlive_a_reload(sluice, backend):
    size = 32 << 20

    def serve(conn):
        while conn.read_head():
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            conn.send(b"x" * size)
    origin = backend.raw(serve)
    conf = "listen 127.0.0.1:@port@ plain\nsite * {\n  route /big -> http://127.0.0.1:@port_back@\n  route /s -> status @code@\n}\n"
    s = sluice(conf, port_back=origin.port, code=201)
    with s.client() as idle, s.client() as busy:
        assert idle.request("GET", "/s").status == 201
        busy.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        busy.read_until(b"\r\n\r\n")
        s.variables["code"] = 202
        s.write(conf)
        s.reload()
        assert idle.request("GET", "/s").status == 202
        assert len(busy.recv(size)) == size
        assert busy.request("GET", "/s").status == 202


def test_listeners_come_and_go_with_a_reload(sluice):
    one = "listen 127.0.0.1:@port@ plain\nsite * -> status 204\n"
    s = sluice(one)
    s.write("listen 127.0.0.1:@port2@ plain\n" + one)
    s.reload()
    assert s.get("/", port=s.ports["port2"]).status == 204
    s.write(one)
    s.reload()
    assert s.get("/").status == 204

    def refused():
        try:
            s.client(s.ports["port2"]).close()
        except ConnectionRefusedError:
            return True
        return False
    wait_for(refused, what="the dropped listener to refuse")
