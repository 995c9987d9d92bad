"""Many requests for one thing that is missing: one of them asks the backend."""

import socket
import threading
import time

import pytest
from h2_client import H2Client
from lab import wait_for

CONF = """\
listen 127.0.0.1:@port@ plain
cache on
connections 5000
site * -> http://@backend@
"""
CACHED = ("Cache-Control", "max-age=3600")
BIG = b"0123456789abcdef" * 65536
counts = {}
lock = threading.Lock()


def answer(request):
    with lock:
        n = counts[request.target] = counts.get(request.target, 0) + 1
    if request.target == "/slow":
        time.sleep(1)
    elif request.target == "/late":
        time.sleep(3)
    elif request.target == "/private":
        time.sleep(1)
        return 200, [("Cache-Control", "private")], str(n).encode()
    elif request.target == "/error":
        time.sleep(1)
        return 503, [], b"no"
    elif request.target == "/vary":
        time.sleep(0.5)
        return 200, [CACHED, ("Vary", "X-Kind")], request.header("x-kind").encode()
    elif request.target == "/stale":
        if n > 1:
            time.sleep(1)
        if request.header("if-none-match"):
            return 304, [("Cache-Control", "max-age=60")], b""
        return 200, [("Cache-Control", "max-age=1"), ("ETag", '"a"')], b"stale"
    elif request.target == "/big":
        time.sleep(0.5)
        return 200, [CACHED], BIG
    return 200, [CACHED], b"body"


@pytest.fixture
def origin(backend):
    return backend.http(answer)


@pytest.fixture
def site(sluice, origin):
    return sluice(CONF, backend=origin.address)


def ask_all(site, n, path, headers=lambda i: ()):
    """n requests, each sent before the first answer can come; the clients, to be read."""
    clients = []
    for i in range(n):
        c = site.client(timeout=30)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers(i))
        c.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())
        clients.append(c)
    return clients


def answers(clients):
    result = [c.response(timeout=30) for c in clients]
    for c in clients:
        c.close()
    return result


def asked(origin, path):
    return sum(r.target == path for r in origin.requests())


def test_a_thousand_clients_make_one_request(site, origin):
    clients = ask_all(site, 1000, "/late")
    wait_for(lambda: site.stats()["cache_collapsed"] == 999, what="999 that wait")
    responses = answers(clients)
    assert all((r.status, r.body) == (200, b"body") for r in responses)
    assert asked(origin, "/late") == 1
    collapsed = [r for r in responses if "collapsed" in r.header("cache-status")]
    assert len(collapsed) == 999
    assert collapsed[0].header("cache-status").startswith("Sluice; fwd=uri-miss; collapsed; ttl=")


def test_a_large_answer_for_many(site, origin):
    responses = answers(ask_all(site, 30, "/big"))
    assert all(r.body == BIG for r in responses)
    assert asked(origin, "/big") == 1


def test_a_stale_answer_is_validated_once(site, origin):
    site.get("/stale", host="a")
    time.sleep(1.1)
    responses = answers(ask_all(site, 50, "/stale"))
    assert all((r.status, r.body) == (200, b"stale") for r in responses)
    assert asked(origin, "/stale") == 2


@pytest.mark.parametrize("path", ["/private", "/error"])
def test_what_cannot_be_stored_makes_nobody_wait_in_line(site, origin, path):
    before = time.monotonic()
    responses = answers(ask_all(site, 20, path))
    # The first one's second, and then all of the others at once.
    assert time.monotonic() - before < 12
    assert len(responses) == 20 and asked(origin, path) == 20
    if path == "/private":
        assert len({r.body for r in responses}) == 20
        waited = site.stats()["cache_collapsed"]
        answers(ask_all(site, 10, path))
        assert site.stats()["cache_collapsed"] == waited  # nobody waits any more


def test_variants_do_not_wait_one_after_the_other(site, origin):
    before = time.monotonic()
    responses = answers(ask_all(site, 40, "/vary", lambda i: [("X-Kind", str(i))]))
    assert [r.body for r in responses] == [str(i).encode() for i in range(40)]
    assert time.monotonic() - before < 12  # one after the other: 20


def test_a_leader_that_leaves_hands_over(site, origin):
    leader = ask_all(site, 1, "/slow")[0]
    wait_for(lambda: asked(origin, "/slow") == 1, what="the leader's request")
    others = ask_all(site, 20, "/slow")
    wait_for(lambda: site.stats()["cache_collapsed"] == 20, what="20 that wait")
    leader.reset()
    responses = answers(others)
    assert all((r.status, r.body) == (200, b"body") for r in responses)
    assert asked(origin, "/slow") == 2


def test_one_who_waits_may_leave(site, origin):
    leader = ask_all(site, 1, "/slow")[0]
    wait_for(lambda: asked(origin, "/slow") == 1, what="the leader's request")
    others = ask_all(site, 19, "/slow")
    wait_for(lambda: site.stats()["cache_collapsed"] == 19, what="19 that wait")
    for c in others[:9]:
        c.close()
    assert all(r.body == b"body" for r in answers([leader, *others[9:]]))
    assert asked(origin, "/slow") == 1


def test_a_reload_meanwhile(site, origin):
    clients = ask_all(site, 20, "/slow")
    wait_for(lambda: site.stats()["cache_collapsed"] == 19, what="19 that wait")
    site.reload()
    assert all(r.body == b"body" for r in answers(clients))
    assert asked(origin, "/slow") == 1


def test_a_backend_that_dies_meanwhile(site, origin):
    clients = ask_all(site, 20, "/late")
    wait_for(lambda: site.stats()["cache_collapsed"] == 19, what="19 that wait")
    origin.stop()
    assert all(r.status == 502 for r in answers(clients))


def test_a_leader_that_takes_nothing_holds_nobody_for_long(sluice, origin):
    """Its answer stops where its window ends, and so does what would be stored."""
    s = sluice(CONF + "listen 127.0.0.1:@port_tls@ tls http2\ncertificate default @cert@\n", backend=origin.address)
    began = time.monotonic()
    with H2Client("127.0.0.1", s.ports["port_tls"], window=0) as leader:
        leader.start("/big", authority="a")
        wait_for(lambda: asked(origin, "/big") == 1, what="the leader's request")
        assert s.get("/big", host="a", timeout=40, tls=True, port=s.ports["port_tls"]).body == BIG
        assert s.stats()["cache_collapsed"] == 1
        assert time.monotonic() - began < 20, "not for timeout read, a minute"
        # What it got is stored: from here on nobody waits.
        assert "hit" in s.get("/big", host="a", tls=True, port=s.ports["port_tls"]).header("cache-status")


def test_who_waits_goes_on_waiting_for_a_backend_that_takes_its_time(sluice, backend):
    """Head, a few bytes and the rest come one after the other; nobody waits for the leader's client."""
    def serve(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nContent-Length: 20\r\n\r\n")
        for part in (b"0123456789", b"abcdefghij"):
            time.sleep(0.05 if part[0] == 48 else 1)
            conn.send(part)
        conn.note("asked")
    b = backend.raw(serve)
    s = sluice(CONF, backend=b.address)
    clients = ask_all(s, 4, "/parts")
    assert all(r.body == b"0123456789abcdefghij" for r in answers(clients))
    wait_for(lambda: b.notes(), what="the note")
    assert b.notes() == ["asked"]


def test_a_slow_leader_does_not_hold_the_others(site, origin):
    """Its answer is read ahead: the store has it while the client sleeps."""
    leader = socket.create_connection(("127.0.0.1", site.port))
    leader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    leader.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_for(lambda: asked(origin, "/big") == 1, what="the leader's request")
    responses = answers(ask_all(site, 10, "/big"))
    assert all(r.body == BIG for r in responses)
    assert asked(origin, "/big") == 1
    leader.close()
