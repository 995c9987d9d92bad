"""Requests for a container that is not there yet, goes away, comes back, or moves.

The proxy process alone, so that the test says what lxc would say, and when.
"""

import pytest
from lab import wait_for
from proxy_alone import Host

CONF = """\
listen 127.0.0.1:@port@ plain
bridge lxcbr0 10.0.3.1/24
container web { image busybox ; address 10.0.3.101 }
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def host(box):
    hosts = []

    def make(back, top=""):
        hosts.append(Host(box, f"{CONF}{top}\nsite * -> web:{back}\n"))
        return hosts[-1]
    yield make
    for h in hosts:
        h.stop()


@pytest.fixture
def origin(backend):
    return backend.http(lambda r: (200, {}, b"ok"))


def test_a_container_nobody_has_told_of_yet_is_waited_for(host, origin):
    h = host(origin.port)
    answer = h.ask()
    h.wait_waiting(1)
    h.container("running", 7, "127.0.0.1")
    assert answer().body == b"ok"
    assert h.stats()["requests_waiting"] == 0


@pytest.mark.parametrize("before", ["stopped", "starting", "frozen", "stopping", "absent"])
def test_requests_wait_until_it_runs(host, origin, before):
    h = host(origin.port)
    h.container(before, 0, "127.0.0.1")
    answers = [h.ask() for _ in range(20)]
    h.wait_waiting(20)
    h.container("running", 7, "127.0.0.1")
    assert [a().body for a in answers] == [b"ok"] * 20


def test_who_waits_in_vain_gets_504_and_who_comes_later_502(host, origin):
    h = host(origin.port, "timeout connect 700ms")
    h.container("stopped")
    assert h.ask()().status == 504
    wait_for(lambda: h.ask()().status == 502, what="502 at once")
    assert h.stats()["requests_waiting"] == 0


def test_a_server_that_starts_later_than_its_container(host, backend):
    origin = backend.http(lambda r: (200, {}, b"ok"))
    origin.stop()
    h = host(origin.port)
    h.container("running", 7, "127.0.0.1")
    answer = h.ask()
    h.wait_waiting(1)
    origin.start()
    assert answer().body == b"ok"


def test_the_address_moves_and_requests_follow(host, backend):
    def serve(text):
        return lambda r: (200, {}, text)
    one = backend.http(serve(b"one"), host="127.0.0.1")
    two = backend.http(serve(b"two"), host="127.0.0.2", port=one.port)
    h = host(one.port)
    h.container("running", 7, "127.0.0.1")
    with h.client() as c:
        assert c.request("GET", "/").body == b"one"
        h.container("running", 8, "127.0.0.2")
        wait_for(lambda: c.request("GET", "/").body == b"two", what="the new address")
    assert two.connections() >= 1


def test_a_get_that_its_container_died_under_is_sent_to_the_next_one(host, backend):
    def mute(conn):
        conn.read_head()
        conn.note("asked")
        conn.sock.recv(1)
    one = backend.raw(mute, host="127.0.0.1")
    backend.http(lambda r: (200, {}, b"two"), host="127.0.0.2", port=one.port)
    h = host(one.port)
    h.container("running", 7, "127.0.0.1")
    answer = h.ask()
    wait_for(lambda: one.notes() == ["asked"], what="the request")
    h.container("stopped")
    h.wait_waiting(1)
    h.container("running", 8, "127.0.0.2")
    assert answer().body == b"two"


def test_a_get_that_a_dying_container_closed_twice_waits_for_the_news(host, backend):
    def serve(conn):
        if conn.number == 1:
            conn.read_head()
            conn.send(OK)
        conn.read_head()
        conn.note("closed")
    one = backend.raw(serve)
    backend.http(lambda r: (200, {}, b"two"), host="127.0.0.2", port=one.port)
    h = host(one.port, "threads 1")
    h.container("running", 7, "127.0.0.1")
    assert h.ask()().body == b"ok"
    answer = h.ask()
    wait_for(lambda: one.notes() and h.stats()["requests_waiting"] == 1, what="the wait for news")
    h.container("stopped")
    h.container("running", 8, "127.0.0.2")
    assert answer().body == b"two"


def test_a_get_that_is_closed_twice_without_news_is_502(host, backend):
    def serve(conn):
        if conn.number == 1:
            conn.read_head()
            conn.send(OK)
        conn.read_head()
        conn.note("closed")
    origin = backend.raw(serve)
    h = host(origin.port)
    h.container("running", 7, "127.0.0.1")
    assert h.ask()().body == b"ok"
    assert h.ask()().status == 502
    assert 2 <= len(origin.notes()) <= 9


def test_a_post_that_its_container_died_under_is_502(host, backend):
    def mute(conn):
        conn.read_head()
        conn.note("asked")
        conn.sock.recv(1)
    one = backend.raw(mute)
    h = host(one.port)
    h.container("running", 7, "127.0.0.1")
    answer = h.ask("POST")
    wait_for(lambda: one.notes() == ["asked"], what="the request")
    h.container("stopped")
    assert answer().status == 502


def test_the_body_of_a_waiting_request_is_not_read(host, backend):
    def serve(conn):
        conn.read_head()
        conn.read_exact(5)
        conn.send(OK)
    origin = backend.raw(serve)
    h = host(origin.port)
    h.container("stopped")
    with h.client() as c:
        c.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        h.wait_waiting(1)
        c.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            c.sock.recv(1)
        c.sock.settimeout(10)
        h.container("running", 7, "127.0.0.1")
        assert c.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        c.send(b"hello")
        assert c.response().body == b"ok"


def test_a_client_that_leaves_no_longer_waits(host, origin):
    h = host(origin.port)
    h.container("stopped")
    with h.client() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        h.wait_waiting(1)
    h.wait_waiting(0)


def test_a_server_restarting_by_itself_is_given_a_moment(host, backend):
    origin = backend.http(lambda r: (200, {}, b"ok"))
    h = host(origin.port, "timeout connect 10s")
    h.container("running", 7, "127.0.0.1")
    assert h.ask()().body == b"ok"
    origin.stop()
    answer = h.ask()
    h.wait_waiting(1)
    origin.start()
    assert answer().body == b"ok"
