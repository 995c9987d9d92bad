"""unix: targets, through the whole daemon: the parent connects, as the proxy's user."""

import hashlib
import os
import pwd
import signal
import socket
import struct
import time

import pytest
import servers
import test_http_websocket as websocket
from h2_client import H2Client
from lab import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


class UnixBackend(servers.Backend):
    def __init__(self, serve, folder, name, mode=0o666):
        self.path = folder / f"{name}.sock"
        self.mode = mode
        super().__init__(serve, folder, name)

    def start(self):
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.path))
        self.path.chmod(self.mode)
        listener.listen(64)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                self._accept(listener)
            finally:
                os._exit(1)
        listener.close()

    def _accept(self, listener):
        inner = self.serve

        def serve(conn):
            data = conn.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            conn.note(struct.unpack("iII", data)[1:])
            inner(conn)
        self.serve = serve

        class Quiet:
            @staticmethod
            def accept():
                sock, _ = listener.accept()
                return Socket(sock), ["unix", 0]
        super()._accept(Quiet)


class Socket:
    """Without what only TCP has."""

    def __init__(self, sock):
        self._sock = sock

    def setsockopt(self, *args):
        pass

    @staticmethod
    def getpeername():
        return ("unix", 0)

    def __getattr__(self, name):
        return getattr(self._sock, name)


@pytest.fixture
def unix(box):
    made = []

    def make(name, answer, raw=None, **options):
        made.append(UnixBackend(raw or servers.http_server(answer), box.dir, name, **options))
        return made[-1]
    yield make
    for b in made:
        b.stop()
    assert not [e for b in made for e in b.errors()]


def test_a_tunnel_to_a_socket_ends_when_its_route_leads_to_another(sluice, unix):
    one, other = unix("one", None, raw=websocket.echo), unix("other", None, raw=websocket.echo)
    s = sluice(f"listen 127.0.0.1:@port@ plain\nsite * {{ route /ws -> unix:{one.path} }}\n")
    with websocket.upgraded(s) as c:
        s.write(s.text.replace("plain", "plain\ntimeout idle 50s"))
        s.reload()
        c.send(b"\x82\x05still")
        assert c.recv(7) == b"\x82\x05still"
        s.write(s.text.replace(str(one.path), str(other.path)))
        s.reload()
        assert c.recv(4) == b"\x88\x02\x03\xe9"


CONF = """listen 127.0.0.1:@port@ plain
site * {{ route /x/ -> unix:{path}:/app/ }}
"""


def test_requests_reach_it_and_connections_are_kept(sluice, unix):
    origin = unix("one", lambda r: (200, {}, r.target.encode() + r.body))
    s = sluice("threads 1\n" + CONF.format(path=origin.path))
    with s.client() as c:
        for i in range(3):
            c.send(f"POST /x/{i} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n!".encode())
            assert c.response().body == f"/app/{i}!".encode()
    assert origin.connections() == 1
    who = pwd.getpwnam("sluice-proxy")
    assert origin.notes() == [[who.pw_uid, who.pw_gid]]


def test_the_rights_of_the_proxys_user_hold(sluice, unix):
    origin = unix("one", lambda r: (200, {}, b"secret"), mode=0o600)
    s = sluice(CONF.format(path=origin.path))
    assert s.get("/x/").status == 502
    assert origin.connections() == 0
    os.chmod(origin.path, 0o666)
    assert s.get("/x/").body == b"secret"


def test_one_that_is_not_there_is_502_and_one_that_comes_answers(sluice, unix, box):
    s = sluice(CONF.format(path=box.path("late.sock")))
    assert s.get("/x/").status == 502
    unix("late", lambda r: (200, {}, b"here"))
    assert s.get("/x/").body == b"here"


def test_a_server_that_starts_anew_is_found_again(sluice, unix):
    origin = unix("one", lambda r: (200, {}, b"ok"))
    s = sluice(CONF.format(path=origin.path))
    for _ in range(3):
        assert s.get("/x/").body == b"ok"
        origin.stop()
        origin.start()


def test_in_a_pool_with_checks(sluice, unix, backend):
    one = unix("one", lambda r: (200, {}, b"one"))
    other = backend.http(lambda r: (200, {}, b"other"))
    s = sluice("listen 127.0.0.1:@port@ plain\nsite a.example {\n"
               f"route / -> unix:{one.path} http://{other.address} {{ check http /h every 100ms "
               "fall 1 rise 1 }\n}\n")

    def states():
        return [t["state"] for t in s.api("GET", "/v1/routes")[1][0]["targets"]]
    wait_for(lambda: one.requests() and states() == ["up", "up"], what="both")
    assert {s.get("/").body for _ in range(4)} == {b"one", b"other"}
    one.stop()
    wait_for(lambda: states() == ["down", "up"], what="one")
    assert {s.get("/").body for _ in range(4)} == {b"other"}


def test_a_reload_may_name_another(sluice, unix):
    one, two = (unix(n, lambda r, n=n: (200, {}, n.encode())) for n in ("one", "two"))
    s = sluice(CONF.format(path=one.path))
    assert s.get("/x/").body == b"one"
    s.write(CONF.format(path=two.path))
    s.reload()
    assert s.get("/x/").body == b"two"


def test_it_may_be_asked_who_comes_in(sluice, unix):
    """auth forward: the parent connects to what the configuration names, this too."""
    auth = unix("auth", lambda r: (int(r.header("cookie") or 200), {"X-User": "ann"}, r.target.encode()))
    s = sluice("listen 127.0.0.1:@port@ plain\nsite a.example {\n"
               f"route / -> status 204 {{ auth forward unix:{auth.path}:/verify copy X-User }}\n}}\n")
    assert s.get("/x").status == 204
    refused = s.get("/x", headers=[("Cookie", "403")])
    assert (refused.status, refused.body) == (403, b"/verify")
    auth.stop()
    assert s.get("/x").status == 502


@pytest.mark.parametrize("method", ["CONNECT", "POST"])
def test_a_server_that_takes_a_part_at_a_time(sluice, unix, method):
    """Such a socket has little room, so that of what waits for the server some is taken, some not,
    over and over; and each part opens the window of HTTP/2 for more."""
    size = 4_000_000

    def slow(conn):
        head = conn.read_head()
        if method == "CONNECT":
            websocket.switch(conn, head)
        digest, left = hashlib.sha256(conn.buffer), size - len(conn.buffer)
        while left > 0 and (data := conn.sock.recv(50000)):
            digest.update(data)
            left -= len(data)
            time.sleep(0.005)  # the pace is what is tested
        text = digest.hexdigest().encode()
        conn.send(text if method == "CONNECT" else b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + text)
        conn.sock.recv(1)

    s = sluice(CONF.format(path=unix("one", None, raw=slow).path) +
               "listen 127.0.0.1:@port_tls@ tls http2\ncertificate default @cert@\n")
    with H2Client("127.0.0.1", s.ports["port_tls"], validate=False) as c:
        c.wait_for(lambda: c.settings)
        more = [(":protocol", "websocket")] if method == "CONNECT" else []
        number = c.start(pseudo=[(":method", method), *more, (":scheme", "https"), (":authority", "a.example"),
                                 (":path", "/x/")],
                         headers=[("content-length", str(size))] if method == "POST" else [], end=False)
        blob = os.urandom(size)
        assert c.send(number, blob, end=method == "POST"), (c.goaway, c.streams[number].reset)
        c.wait_for(lambda: len(c.streams[number].body) == 64)
        assert c.streams[number].body.decode() == hashlib.sha256(blob).hexdigest()
