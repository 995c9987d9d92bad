"""Hundreds of requests at once to one backend: not all of them are sent at the same time."""

import selectors
import socket
import threading

import pytest
from h2_client import H2Client
from lab import wait_for
from proxy_alone import Host

CONNECTIONS, STREAMS = 4, 100  # of two threads, one has two connections at least
ROOM = 128                     # gate.h
CONF = """\
listen 127.0.0.1:@port@ tls http2
certificate default {cert}
site * {{ route / -> http://127.0.0.1:{port} }}
"""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Crowd:
    """A backend that answers all that have asked, when it is told to; afterwards at once."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.asked, self.paths, self.connections, self.open = [], [], [], False
        self.errors = []
        self.lock = threading.Lock()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.wake, self.ends = socket.socketpair()
        self.selector.register(self.wake, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            self.serve()
        except Exception as e:
            self.errors.append(e)

    def serve(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.wake:
                    return
                if key.fileobj is self.listener:
                    self.connections.append(self.listener.accept()[0])
                    self.selector.register(self.connections[-1], selectors.EVENT_READ)
                else:
                    self.read(key.fileobj)

    def read(self, conn):
        try:
            head = conn.recv(65536)
        except ConnectionResetError:
            head = b""
        if not head:
            self.selector.unregister(conn)
            return
        assert head.endswith(b"\r\n\r\n"), "each request comes in one piece"
        with self.lock:
            self.paths.append(head.split(b" ", 2)[1].decode())
            self.asked.append(conn)
        if self.open:
            self.answer()

    def answer(self):
        self.open = True
        with self.lock:
            while self.asked:
                try:
                    self.asked.pop().sendall(ANSWER)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # who asked has left

    def stop(self):
        self.ends.close()
        self.thread.join()
        assert not self.errors
        for s in (*self.connections, self.listener, self.wake):
            s.close()


@pytest.fixture
def crowd():
    backend = Crowd()
    yield backend
    backend.stop()


@pytest.fixture
def host(box, certs, crowd):
    h = Host(box, CONF.format(cert=certs.default().pair, port=crowd.port))
    yield h
    h.stop()


@pytest.fixture
def clients(host):
    made = [H2Client("127.0.0.1", host.port, timeout=30) for _ in range(CONNECTIONS)]
    yield made
    for c in made:
        c.close()


def ask(clients, word):
    """Hundreds of requests, each client's at once."""
    begun = []
    for i, c in enumerate(clients):
        c.flush = lambda: None
        begun.append((c, [c.start(f"/{word}{i}-{n}") for n in range(STREAMS)]))
        del c.flush
    for c in clients:
        c.flush()
    return begun


def answered(begun):
    return [c.wait(n).body for c, numbers in begun for n in numbers]


def test_a_slow_backend_has_all_of_them_soon(host, crowd, clients):
    begun = ask(clients, "a")
    wait_for(lambda: len(crowd.paths) == CONNECTIONS * STREAMS, what="all, without one answer")
    held = host.stats()["requests_held"]
    assert 0 < held <= CONNECTIONS * STREAMS - ROOM
    crowd.answer()
    assert answered(begun) == [b"ok"] * (CONNECTIONS * STREAMS)
    assert sorted(crowd.paths) == sorted(f"/a{i}-{n}" for i in range(CONNECTIONS)
                                         for n in range(STREAMS))


def test_each_answer_lets_one_more_through(host, crowd, clients):
    crowd.answer()
    for word in "abc":
        assert answered(ask(clients, word)) == [b"ok"] * (CONNECTIONS * STREAMS)
    assert len(crowd.paths) == 3 * CONNECTIONS * STREAMS


def test_who_is_held_may_leave(host, crowd, clients):
    begun = ask(clients, "a")
    wait_for(lambda: host.stats()["requests_held"] > 0, what="one that is held")
    for c, numbers in begun[1:]:
        for n in numbers:
            c.conn.reset_stream(n, 8)
        c.flush()
    crowd.answer()
    assert answered(begun[:1]) == [b"ok"] * STREAMS
    assert clients[1].request("/again").body == b"ok"
    wait_for(lambda: sum(p.startswith("/a0-") for p in crowd.paths) == STREAMS, what="the first's")


CONTAINERS = """\
listen 127.0.0.1:@port@ tls http2
certificate default {cert}
bridge lxcbr0 10.0.3.1/24
container web {{ image busybox ; address 10.0.3.101 }}
timeout read 5s
site * {{ route / -> web:{port} weight 20 http://127.0.0.1:{other} }}
"""


def test_who_is_held_before_a_container_that_goes_is_sent_to_another(box, certs, crowd):
    other = Crowd()
    other.answer()
    host = Host(box, CONTAINERS.format(cert=certs.default().pair, port=crowd.port,
                                       other=other.port))
    clients = []
    try:
        host.container("running", 7, "127.0.0.1")
        clients = [H2Client("127.0.0.1", host.port, timeout=30) for _ in range(CONNECTIONS)]
        begun = ask(clients, "a")
        host.container("stopped")
        status = [c.wait(n).status for c, numbers in begun for n in numbers]
        # What was under way there may fail; of those who never came there nobody does.
        assert sum(s != 200 for s in status) <= len(crowd.paths)
    finally:
        for c in clients:
            c.close()
        host.stop()
        other.stop()
