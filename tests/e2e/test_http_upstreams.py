"""Routes with several targets: who gets a request, and what happens when one fails.

The proxy process alone, so that the test says what lxc would say, and when.
"""

import collections
import contextlib
import time

import pytest
from daemon import free_port
from lab import wait_for
from proxy_alone import Host

CONF = """\
listen 127.0.0.1:@port@ plain
timeout connect 5s
"""


@pytest.fixture
def host(box):
    hosts = []

    def make(targets, block="", top=""):
        words = " ".join(t if isinstance(t, str) else f"http://{t.address}" for t in targets)
        hosts.append(Host(box, f"{CONF}{top}\nsite * {{ route / -> {words} {{ {block} }} }}\n"))
        return hosts[-1]
    yield make
    for h in hosts:
        h.stop()


def named(backend, name):
    return backend.http(lambda r, name=name: (200, {}, name.encode()))


@pytest.fixture
def three(backend):
    return [named(backend, n) for n in "abc"]


def dead():
    return f"http://127.0.0.1:{free_port()}"


def ask(h, method="GET", path="/", fields="", body=b""):
    c = h.client(timeout=20)
    length = f"Content-Length: {len(body)}\r\n" if body or method in ("POST", "PUT") else ""
    c.send(f"{method} {path} HTTP/1.1\r\nHost: a\r\n{length}{fields}\r\n".encode() + body)
    answer = c.response()
    c.close()
    return answer


def spread(h, n, **kwargs):
    return collections.Counter(ask(h, **kwargs).body.decode() for _ in range(n))


def log(h):
    return open(h.errors.name).read()


def test_each_in_turn_whatever_the_thread(host, three):
    assert spread(host(three), 12) == {"a": 4, "b": 4, "c": 4}


def test_weights(host, three):
    h = host([f"http://{three[0].address} weight 3", three[1]])
    assert spread(h, 12) == {"a": 9, "b": 3}


def test_least_connections_passes_over_the_busy_one(host, backend):
    def slow(r):
        time.sleep(2 if r.target == "/slow" else 0)
        return (200, {}, b"slow")
    busy, idle = backend.http(slow), named(backend, "idle")
    h = host([busy, idle], "balance least-connections")
    c = h.client(timeout=20)
    for _ in range(4):
        if not busy.requests() or busy.requests()[-1].target != "/slow":
            c = h.client(timeout=20)
            c.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_for(lambda: busy.requests() or idle.requests(), what="the request")
    assert spread(h, 6) == {"idle": 6}
    assert c.response().status == 200


@pytest.mark.parametrize("what,fields", [
    ("client", lambda i: ""), ("header X-User", lambda i: f"x-uSER: {i}\r\n"),
    ("cookie sid", lambda i: f"Cookie: a=b; sid={i}; c=d\r\n")])
def test_hash_keeps_those_that_agree_together(host, three, what, fields):
    h = host(three, f"balance hash {what}")
    seen = {i: spread(h, 3, fields=fields(i)) for i in range(24)}
    assert all(len(s) == 1 for s in seen.values())
    targets = {next(iter(s)) for s in seen.values()}
    assert targets == {"a", "b", "c"} if "client" not in what else len(targets) == 1


def test_hash_of_the_client_is_that_of_the_client_whom_a_trusted_peer_names(host, three):
    h = host(three, "balance hash client", top="trusted 127.0.0.1")
    seen = {i: spread(h, 3, fields=f"X-Forwarded-For: 192.0.2.{i}\r\n")
            for i in range(24)}
    assert all(len(s) == 1 for s in seen.values())
    assert {next(iter(s)) for s in seen.values()} == {"a", "b", "c"}


def test_hash_of_the_client_believes_nobody_else(host, three):
    h = host(three, "balance hash client")
    seen = {next(iter(spread(h, 1, fields=f"X-Forwarded-For: 192.0.2.{i}\r\n"))) for i in range(24)}
    assert len(seen) == 1


def test_hash_of_the_uri_spreads(host, three):
    h = host(three, "balance hash uri")
    seen = {i: spread(h, 2, path=f"/x?{i}") for i in range(24)}
    assert all(len(s) == 1 for s in seen.values())
    assert {next(iter(s)) for s in seen.values()} == {"a", "b", "c"}


@pytest.mark.parametrize("method,size", [("GET", 0), ("POST", 10), ("POST", 200000)])
def test_a_refused_connection_goes_on_to_the_next(host, three, method, size):
    """Nothing was sent yet, so any method may; the body has not been taken."""
    h = host([dead(), three[0]])
    for _ in range(4):
        assert ask(h, method, body=b"x" * size).body == b"a"
    assert h.stats()["upstream_retries"] >= 2


def test_failures_take_a_target_out_and_an_answer_brings_it_back(host, backend, three):
    port = free_port()
    h = host([f"http://127.0.0.1:{port}", three[0]], "passive fail 2 in 10s for 3s")
    assert spread(h, 8) == {"a": 8}
    assert h.stats()["upstream_retries"] == 2
    assert "target is down" in log(h)
    again = backend.http(lambda r: (200, {}, b"z"), port=port)
    wait_for(lambda: ask(h).body == b"z", what="the target that came back")
    assert "target is up" in log(h)
    assert again.connections() >= 1


@pytest.mark.parametrize("slow", [True, False])
def test_a_target_that_is_back_begins_with_little(host, backend, three, slow):
    late = named(backend, "late")
    h = host([three[0], late], "passive fail 1 in 10s for 1s" + (" ; slow-start 1m" if slow else ""))
    assert spread(h, 10) == {"a": 5, "late": 5}  # who was never down has a full share
    late.stop()
    wait_for(lambda: "target is down" in (ask(h) and log(h)), what="the target to be out")
    late.start()
    wait_for(lambda: ask(h).body == b"late", what="the target to be back")
    assert 8 <= spread(h, 20)["a"] <= 12 if not slow else spread(h, 20)["a"] >= 15


@pytest.mark.parametrize("large", [False, True])
def test_an_answer_that_is_too_large_brings_a_target_back(host, backend, three, large):
    port = free_port()
    h = host([f"http://127.0.0.1:{port}", three[0]], "passive fail 1 in 10s for 1s")
    assert spread(h, 2) == {"a": 2}
    assert "target is down" in log(h)
    backend.http(lambda r: (302, [("Location", "/" + "z" * (70000 if large else 1))], b""), port=port)
    wait_for(lambda: ask(h).status == (502 if large else 302), what="the target to be tried")
    assert "target is up" in log(h)


@pytest.mark.parametrize("kind", ["long field", "large head", "many fields", "withheld body"])
def test_a_client_takes_no_target_out(host, backend, kind):
    """What it provokes with every server is no failure of them."""
    def serve(conn):
        if not conn.read_head():
            return
        if kind == "withheld body":
            conn.sock.settimeout(0.2)
            with contextlib.suppress(OSError):
                conn.sock.recv(100)
            return
        line = b"X-Echo: " + b"x" * (9000 if kind == "long field" else 5000) + b"\r\n"
        lines = line * (20 if kind == "large head" else 1) if kind != "many fields" else b"X: y\r\n" * 2000
        conn.send(b"HTTP/1.1 301 Moved\r\n" + lines + b"Content-Length: 0\r\n\r\n")
        conn.sock.recv(1)
    two = [backend.raw(serve) for _ in range(2)]
    h = host(two, "passive fail 1 in 10s for 60s")
    for _ in range(4):
        c = h.client(timeout=20)
        length = b"Content-Length: 5\r\n" if kind == "withheld body" else b""
        c.send(b"GET /x HTTP/1.1\r\nHost: a\r\n" + length + b"\r\n")
        assert c.response().status == 502
        c.close()
    assert "target is down" not in log(h)


def test_passive_off_keeps_trying(host, three):
    h = host([dead(), three[0]], "passive off")
    assert spread(h, 12) == {"a": 12}
    assert h.stats()["upstream_retries"] == 6
    assert "target is down" not in log(h)


def test_all_down_is_502_and_the_first_to_be_back_answers(host, backend):
    ports = [free_port(), free_port()]
    h = host([f"http://127.0.0.1:{p}" for p in ports], "passive fail 1 in 10s for 60s")
    assert ask(h).status == 502
    assert ask(h).status == 502
    assert "refuses connections" in log(h)
    backend.http(lambda r: (200, {}, b"back"), port=ports[1])
    assert [ask(h).body for _ in range(3)] == [b"back"] * 3


def test_not_more_than_two_extra_tries(host, three):
    h = host([dead(), dead(), dead(), dead(), three[0]], "passive off")
    answers = collections.Counter(ask(h).status for _ in range(5))
    assert answers[502] >= 1 and answers[200] >= 1


def test_the_budget_bounds_what_is_sent_again(host, three):
    h = host([dead(), three[0]], "passive off")
    # All under way together: the budget grows with time.
    asked = [h.ask() for _ in range(80)]
    answers = collections.Counter(answer().status for answer in asked)
    assert answers[502] > 5
    assert h.stats()["upstream_retries"] < 40


@pytest.mark.parametrize("method,status", [
    ("GET", 200), ("DELETE", 200), ("OPTIONS", 200), ("POST", 502), ("PATCH", 502)])
def test_only_the_idempotent_is_sent_again(host, backend, three, method, status):
    """RFC 9110 section 9.2.2: the first backend took the request and closed."""
    closing = backend.http(lambda r: backend.CLOSE)
    h = host([closing, three[0]])
    answers = [ask(h, method).status for _ in range(2)]
    assert sorted(answers) == sorted([200, status])
    assert len(closing.requests()) == 1


def test_a_body_that_was_taken_is_not_sent_again(host, backend, three):
    closing = backend.http(lambda r: backend.CLOSE)
    h = host([closing, three[0]])
    answers = [ask(h, "PUT", body=b"x" * 100).status for _ in range(2)]
    assert sorted(answers) == [200, 502]


def test_an_answer_that_is_no_http_counts_as_a_failure(host, backend, three):
    garbled = backend.http(lambda r: b"HTTP/9 what\r\n\r\n")
    h = host([garbled, three[0]], "passive fail 2 in 10s for 60s")
    answers = collections.Counter(ask(h).status for _ in range(12))
    assert answers == {200: 10, 502: 2}


# active checks

def by_file(path, name):
    """Answers /health with the status that stands in the file."""
    return lambda r: (int(path.read_text()), {}, b"") if r.target == "/health" else (200, {}, name)


@pytest.mark.parametrize("tls", [False, True])
def test_checks_by_http_take_a_target_out_and_bring_it_back(host, backend, box, certs, tls):
    path = box.write("status", "200")
    a = (backend.https(by_file(path, b"a"), certs.make("localhost")) if tls
         else backend.http(by_file(path, b"a")))
    first = f"https://localhost:{a.port}" if tls else f"http://{a.address}"
    b = backend.http(by_file(box.write("other", "200"), b"b"))
    h = host([first, b], "check http /health every 100ms timeout 1s fall 2 rise 2\n"
             f"upstream-ca {certs.ca}\n")
    assert spread(h, 4) == {"a": 2, "b": 2}
    path.write_text("503")
    wait_for(lambda: "target is down" in log(h), what="the fall")
    assert "another status" in log(h)
    assert spread(h, 6) == {"b": 6}
    path.write_text("204")
    wait_for(lambda: "target is up" in log(h), what="the rise")
    assert spread(h, 4) == {"a": 2, "b": 2}
    seen = [r for r in a.requests() if r.target == "/health"]
    assert seen[0].header("host") == (f"localhost:{a.port}" if tls else a.address)
    assert seen[0].header("connection") == "close"


def test_checks_by_tcp(host, backend, three):
    port = free_port()
    h = host([f"http://127.0.0.1:{port}", three[0]],
             "check tcp every 100ms fall 1 rise 1 ; passive off")
    wait_for(lambda: "target is down" in log(h), what="the fall")
    assert spread(h, 6) == {"a": 6}
    assert h.stats()["upstream_retries"] == 0
    backend.http(lambda r: (200, {}, b"z"), port=port)
    wait_for(lambda: "target is up" in log(h), what="the rise")
    assert spread(h, 4) == {"a": 2, "z": 2}


@pytest.mark.parametrize("answer,why", [
    (b"nonsense, but long enough\r\n\r\n", "no HTTP"), (None, "in time"), (b"HTTP/1.1 20", "closed")])
def test_what_is_no_good_answer_to_a_check(host, backend, three, answer, why):
    def serve(conn):
        conn.read_head()
        if answer is None:
            conn.sock.recv(1)
        else:
            conn.send(answer)
    h = host([backend.raw(serve), three[0]], "check http / every 100ms timeout 300ms fall 1")
    wait_for(lambda: "target is down" in log(h), what="the fall")
    assert why in log(h)


# places

class Held:
    """A backend that answers when it is told to."""

    def __init__(self, backend, box, name):
        self.folder = box.path(f"held-{name}")
        self.folder.mkdir()
        self.name = name
        self.origin = backend.http(self.answer)

    def answer(self, r):
        wait_for(lambda: (self.folder / r.target[1:]).exists(), timeout=30)
        return (200, {}, self.name.encode())

    def let(self, *names):
        for name in names:
            (self.folder / name).touch()

    def wait(self, n):
        wait_for(lambda: len(self.origin.requests()) == n, what=f"{n} requests at {self.name}")


def begin(h, path):
    c = h.client(timeout=30)
    c.send(f"GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return c


def test_a_full_target_gets_no_more_and_the_queue_is_served_in_order(host, backend, box):
    held = Held(backend, box, "one")
    h = host([held.origin], "max-connections 2 queue 3 timeout 20s")
    first = [begin(h, f"a{i}") for i in range(2)]
    held.wait(2)
    queued = []
    for i in range(3):
        queued.append(begin(h, f"b{i}"))
        wait_for(lambda: h.stats()["requests_queued"] == i + 1, what="the queue")
    refused = begin(h, "c").response()
    assert refused.status == 503 and int(refused.header("retry-after")) >= 1
    assert len(held.origin.requests()) == 2
    held.let("a0")
    assert first[0].response().status == 200
    held.wait(3)
    held.let("a1")
    held.wait(4)
    assert [r.target for r in held.origin.requests()[2:]] == ["/b0", "/b1"]
    held.let("b0", "b1", "b2")
    assert [c.response().status for c in queued] == [200] * 3
    assert h.stats()["requests_queued"] == 0


def test_who_waits_too_long_for_a_place_gets_503(host, backend, box):
    held = Held(backend, box, "one")
    h = host([held.origin], "max-connections 1 queue 3 timeout 300ms")
    first = begin(h, "a")
    held.wait(1)
    assert begin(h, "b").response().status == 503
    held.let("a")
    assert first.response().status == 200
    held.let("c")
    assert begin(h, "c").response().status == 200
    assert h.stats()["requests_queued"] == 0


def test_without_a_queue_it_is_503_at_once(host, backend, box):
    held = Held(backend, box, "one")
    h = host([held.origin], "max-connections 1")
    first = begin(h, "a")
    held.wait(1)
    assert begin(h, "b").response().status == 503
    held.let("a")
    assert first.response().status == 200


def test_who_leaves_the_queue_takes_no_place(host, backend, box):
    held = Held(backend, box, "one")
    h = host([held.origin], "max-connections 1 queue 5 timeout 20s")
    first = begin(h, "a")
    held.wait(1)
    gone, stays = begin(h, "gone"), None
    wait_for(lambda: h.stats()["requests_queued"] == 1, what="the queue")
    stays = begin(h, "b")
    wait_for(lambda: h.stats()["requests_queued"] == 2, what="the queue")
    gone.reset()
    wait_for(lambda: h.stats()["requests_queued"] == 1, what="one less")
    held.let("a", "b")
    assert first.response().status == 200
    assert stays.response().status == 200
    assert "/gone" not in [r.target for r in held.origin.requests()]


def test_a_full_target_leaves_it_to_the_other(host, backend, box, three):
    held = Held(backend, box, "one")
    h = host([held.origin, three[0]], "max-connections 1")
    c = begin(h, "a")
    if not held.origin.requests():
        wait_for(lambda: held.origin.requests() or three[0].requests(), what="the first")
    if not held.origin.requests():
        c = begin(h, "a")
    held.wait(1)
    assert spread(h, 4, path="/a") == {"a": 4}
    held.let("a")
    assert c.response().status == 200


CONTAINERS = """\
bridge lxcbr0 10.0.3.1/24
container web { image busybox ; address 10.0.3.101 }
"""


def test_a_container_that_does_not_run_is_passed_over(host, three):
    h = host([f"web:{three[0].port}", three[1]], top=CONTAINERS)
    h.container("stopped")
    assert spread(h, 6) == {"b": 6}
    h.container("running", 7, "127.0.0.1")
    wait_for(lambda: set(spread(h, 4)) == {"a", "b"}, what="both")


def test_a_container_is_waited_for_when_nobody_else_answers(host, three):
    h = host([f"web:{three[0].port}", dead()], top=CONTAINERS)
    h.container("starting")
    answer = h.ask()
    h.wait_waiting(1)
    h.container("running", 7, "127.0.0.1")
    assert answer().body == b"a"


def test_a_container_that_dies_hands_over_to_the_other(host, three):
    h = host([f"web:{three[0].port}", three[1]], top=CONTAINERS)
    h.container("running", 7, "127.0.0.1")
    assert set(spread(h, 4)) == {"a", "b"}
    three[0].stop()
    assert spread(h, 6) == {"b": 6}
