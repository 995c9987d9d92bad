"""Who may come in, and how often: access by address, rates, requests at a time, passwords."""

import base64
import collections
import crypt
import json
import os
import pathlib
import re
import time

import pytest
from lab import wait_for

ACCESS = """\
listen 127.0.0.1:@port@ plain
access deny 127.0.0.9
access allow all
site a.example {
    route /open/ -> status 204
    route /office/ -> status 204 { access allow 127.0.0.2 127.0.1.0/24 }
    route /back/ -> http://127.0.0.1:@port_back@ { access deny all }
}
site b.example { access deny 127.0.0.2 ; route /x -> status 204 }
"""


def ask(s, path, source, host="a.example"):
    return s.get(path, host=host, source=(source, 0)).status


@pytest.mark.parametrize("path,source,status", [
    ("/open/", "127.0.0.1", 204), ("/open/", "127.0.0.9", 403), ("/office/", "127.0.0.2", 204),
    ("/office/", "127.0.1.77", 204), ("/office/", "127.0.0.1", 403), ("/office/../open/", "127.0.0.1", 204),
    ("/open/../office/", "127.0.0.1", 403), ("/open/%2e%2e/office/", "127.0.0.1", 403),
    ("/office", "127.0.0.1", 403), ("/office", "127.0.0.2", 301), ("/none", "127.0.0.9", 403)])
def test_the_rules_of_the_place_that_the_path_leads_to(sluice, backend, path, source, status):
    s = sluice(ACCESS, port_back=backend.http(lambda r: (200, {}, b"")).port)
    assert ask(s, path, source) == status


def test_rules_of_a_site_replace_the_outer_ones_and_hold_for_paths_without_a_route(sluice, backend):
    origin = backend.http(lambda r: (200, {}, b""))
    s = sluice(ACCESS, port_back=origin.port)
    assert ask(s, "/x", "127.0.0.9", "b.example") == 204
    assert ask(s, "/x", "127.0.0.2", "b.example") == 403
    assert ask(s, "/none", "127.0.0.2", "b.example") == 403
    assert ask(s, "/none", "127.0.0.1", "b.example") == 404
    assert ask(s, "/", "127.0.0.9", "c.example") == 403
    assert ask(s, "/back/", "127.0.0.1") == 403
    assert s.stats()["access_denied"] == 4
    assert not origin.requests()


def test_a_question_about_the_server_itself_meets_the_guards_too(sluice):
    s = sluice(ACCESS.replace("site b.example {", "site b.example { rate-limit 1/h ;"), port_back=1)

    def options(host, source):
        with s.client(source=(source, 0)) as c:
            return c.request("OPTIONS", "*", host=host).status
    assert [options(h, "127.0.0.9") for h in ("a.example", "b.example", "c.example")] == [403, 204, 403]
    assert [options(h, "127.0.0.2") for h in ("a.example", "b.example", "c.example")] == [204, 403, 204]
    assert options("b.example", "127.0.0.9") == 429


def test_a_denied_upload_is_not_read(sluice, backend):
    s = sluice(ACCESS, port_back=backend.http(lambda r: (200, {}, b"")).port)
    with s.client() as c:
        c.send(b"POST /back/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000000\r\n"
               b"Expect: 100-continue\r\n\r\n")
        r = c.response()
        assert (r.status, r.interim, r.keep_alive) == (403, [], False)


def test_a_reload_changes_the_rules_for_the_next_request(sluice, backend):
    s = sluice(ACCESS, port_back=backend.http(lambda r: (200, {}, b"")).port)
    with s.client() as c:
        assert c.request("GET", "/open/", host="a.example").status == 204
        s.write(ACCESS.replace("access allow all", "access deny all"))
        s.reload()
        assert c.request("GET", "/open/", host="a.example").status == 403


RATE = """\
listen 127.0.0.1:@port@ plain
rate-limit 5/h burst 4
site a.example {
    route /free/ -> status 204 { rate-limit off }
    route /login -> status 204 { rate-limit 1/h }
    route / -> status 204
    route /more/ -> status 204
}
site b.example -> status 204
"""


def test_a_burst_then_429_with_the_time_until_the_next_one(sluice):
    s = sluice(RATE)
    assert [ask(s, "/", "127.0.0.1") for _ in range(5)] == [204] * 4 + [429]
    r = s.get("/more/", host="b.example")
    assert r.status == 429 and 0 < int(r.header("retry-after")) <= 720
    assert [ask(s, "/login", "127.0.0.1") for _ in range(2)] == [204, 429]
    assert [ask(s, "/free/x", "127.0.0.1") for _ in range(10)] == [204] * 10
    assert ask(s, "/", "127.0.0.2") == 204
    assert s.stats()["rate_limited"] == 3


def test_a_reload_forgets_no_count(sluice):
    s = sluice(RATE)
    assert [ask(s, "/", "127.0.0.1") for _ in range(5)][-1] == 429
    s.write("log level debug\n" + RATE)
    s.reload()
    assert ask(s, "/", "127.0.0.1") == 429
    s.write(RATE.replace("5/h burst 4", "100/s"))
    s.reload()
    wait_for(lambda: ask(s, "/", "127.0.0.1") == 204, what="the new limit")


CONNECTIONS = """\
listen 127.0.0.1:@port@ plain
connection-limit 3
site a.example {
    route / -> http://127.0.0.1:@port_back@
    route /one/ -> http://127.0.0.1:@port_back@ { connection-limit 1 }
}
"""


def test_as_many_requests_at_a_time_as_the_limit_says(sluice, backend):
    def answer(request):
        if request.method == "GET":
            time.sleep(60)
        return 200, {}, b""

    origin = backend.http(answer)
    s = sluice(CONNECTIONS, port_back=origin.port)
    clients = [s.client() for _ in range(4)]
    for c in clients[:3]:
        c.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    wait_for(lambda: len(origin.requests()) == 3, what="three requests under way")
    r = clients[3].request("GET", "/", host="a.example")
    assert (r.status, r.header("retry-after"), r.keep_alive) == (429, "1", True)
    assert s.get("/", source=("127.0.0.2", 0), method="PUT").status == 200
    clients[0].close()
    wait_for(lambda: clients[3].request("PUT", "/", host="a.example").status == 200,
             what="the place of a client that left")
    assert clients[3].request("PUT", "/one/", host="a.example").status == 200
    for c in clients[1:]:
        c.close()
    wait_for(lambda: s.stats()["connections_open"] == 0, what="no connection")
    assert all(s.get("/", method="PUT").status == 200 for _ in range(8))


BASIC = """\
listen 127.0.0.1:@port@ plain
site a.example {
    auth basic @dir@/staff realm "Staff \\"only\\""
    route / -> http://127.0.0.1:@port_back@
    route /open/ -> status 204 { auth off }
    route /pass/ -> http://127.0.0.1:@port_back@ { auth basic @dir@/staff pass }
    route /other/ -> http://127.0.0.1:@port_back@ { auth basic @dir@/others }
}
log access @dir@/access.log json
"""


def hashed(kind, password, **options):
    return crypt.crypt(password, crypt.mksalt(kind, **options))


@pytest.fixture
def staff(box):
    box.write("staff", f"ann:{hashed(crypt.METHOD_BLOWFISH, 'secret', rounds=16)}\n"
              f"bob:{hashed(crypt.METHOD_SHA512, 'wörd')}\n", 0o600)
    box.write("others", f"zoe:{hashed(crypt.METHOD_SHA256, 'x')}\n", 0o600)


def login(name, password):
    return [("Authorization", "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode())]


@pytest.fixture
def basic(sluice, backend, staff):
    s = sluice(BASIC, port_back=backend.http(lambda r: (200, {}, repr(r.header("authorization")).encode())).port)
    return s


def test_who_knows_a_password_comes_in_and_the_backend_does_not_see_it(basic):
    for _ in range(3):
        r = basic.get("/", headers=login("ann", "secret"))
        assert (r.status, r.body) == (200, b"None")
    assert basic.get("/", headers=login("bob", "wörd")).status == 200
    assert basic.get("/open/x").status == 204
    r = basic.get("/pass/", headers=login("ann", "secret"))
    assert r.status == 200 and b"Basic" in r.body
    assert basic.get("/other/", headers=login("zoe", "x")).status == 200
    log = basic.dir / "access.log"
    wait_for(lambda: log.read_text().count("\n") == 7, what="the access log")
    users = [json.loads(line).get("user") for line in log.read_text().splitlines()]
    assert collections.Counter(users) == {"ann": 4, "bob": 1, "zoe": 1, None: 1}


@pytest.mark.parametrize("headers", [
    (), login("ann", "Secret"), login("ann", ""), login("nobody", "secret"), login("zoe", "x"),
    [("Authorization", "Basic")], [("Authorization", "Basic YW5u")], [("Authorization", "Bearer x")],
    login("ann", "secret") * 2])
def test_everyone_else_gets_401(basic, headers):
    r = basic.get("/x", headers=headers)
    assert r.status == 401
    assert r.all("www-authenticate") == ['Basic realm="Staff \\"only\\"", charset="UTF-8"']
    assert basic.get("/none/", headers=headers).status == 401
    assert not basic.get("/", headers=login("ann", "secret")).header("www-authenticate")


def test_an_upload_waits_for_the_password(basic):
    with basic.client() as c:
        r = c.request("POST", "/", host="a.example", headers=login("bob", "wörd"), body=b"x" * 100000)
        assert r.status == 200
        r = c.request("POST", "/", host="a.example", headers=login("bob", "no"), body=b"x" * 1000)
        assert r.status == 401 and r.keep_alive


def test_a_client_that_leaves_while_its_password_is_checked(basic):
    clients = [basic.client() for _ in range(6)]
    for c in clients:
        c.send(f"GET / HTTP/1.1\r\nHost: a.example\r\nAuthorization: {login('ann', 'no')[0][1]}\r\n\r\n".encode())
        c.reset()
    assert basic.get("/", headers=login("ann", "secret")).status == 200
    wait_for(lambda: basic.stats()["connections_open"] == 0, what="no connection")


def test_a_reload_reads_the_file_again(basic, box):
    assert basic.get("/", headers=login("ann", "secret")).status == 200
    box.write("staff", f"ann:{hashed(crypt.METHOD_SHA256, 'new')}\n", 0o600)
    basic.reload()
    assert basic.get("/", headers=login("ann", "secret")).status == 401
    assert basic.get("/", headers=login("ann", "new")).status == 200
    box.write("staff", "ann:$apr1$x$y\n", 0o600)
    said = basic.reload(ok=False)
    assert re.search(r"sluice.conf:3:\d+: .*/staff:1: the password of \"ann\" is hashed with MD5 \(apr1\)", said)
    assert basic.get("/", headers=login("ann", "new")).status == 200
    os.unlink(box.path("staff"))
    assert "/staff" in basic.ctl("check", check=False).stderr


def _processor_ms(pid):
    """Of all threads of a process: unlike the clock's time, what others do does not count."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6


def test_a_name_that_nobody_has_takes_as_long(sluice, box):
    box.write("staff", f"ann:{hashed(crypt.METHOD_SHA512, 'secret', rounds=400000)}\n")
    box.write("others", f"zoe:{hashed(crypt.METHOD_SHA256, 'x')}\n")
    s = sluice(BASIC, port_back=1)
    proxy = s.children()["proxy"]

    def cost(name):
        before = _processor_ms(proxy)
        assert s.get("/", headers=login(name, "wrong")).status == 401
        return _processor_ms(proxy) - before
    known = cost("ann")
    assert known > 20
    assert known / 2 < cost("nobody") < known * 2


def test_with_many_passwords_to_check_the_rest_is_told_to_come_later(sluice, backend, box):
    box.write("staff", f"ann:{hashed(crypt.METHOD_SHA512, 'secret', rounds=500000)}\n")
    box.write("others", f"zoe:{hashed(crypt.METHOD_SHA256, 'x')}\n")
    s = sluice(BASIC, port_back=1)
    clients = []

    def full():
        clients.append(s.client(timeout=60))
        word = login("ann", len(clients))[0][1]
        clients[-1].send(f"GET / HTTP/1.1\r\nHost: a.example\r\nAuthorization: {word}\r\n\r\n".encode())
        return s.stats()["logins_refused"] >= 3
    wait_for(full, 20, "a full queue")
    assert s.get("/open/").status == 204
    answers = [c.response(timeout=60) for c in clients]
    assert sorted({r.status for r in answers}) == [401, 503]
    assert all(r.header("retry-after") for r in answers if r.status == 503)
