"""WebSockets: the switch, bytes both ways, endings, reloads, and the same through HTTP/2."""

import base64
import contextlib
import hashlib
import os
import socket
import threading

import client
import pytest
from h2_client import H2Client
from lab import wait_for

CONF = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls http2
certificate default @cert@
timeout tunnel @tunnel@
site a.example {
    route /ws -> http://@backend@/ws
    route / -> status 200
}
"""
ROUTE = "    route /ws -> http://"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ASK = [("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", KEY),
       ("Sec-WebSocket-Version", "13")]


def accept(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def field(head, name):
    for line in head.decode("latin-1").split("\r\n"):
        if line.lower().startswith(name + ":"):
            return line.split(":", 1)[1].strip()
    return None


def pump(sock, over):
    """Sends and takes as fast as the other side takes and sends."""
    def take():
        with contextlib.suppress(OSError):
            while not over.is_set() and sock.recv(1 << 20):
                pass
    taker = threading.Thread(target=take, daemon=True)
    taker.start()
    with contextlib.suppress(OSError):
        while not over.is_set():
            sock.sendall(bytes(1 << 20))
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    taker.join()


def switch(conn, head):
    key = field(head, "sec-websocket-key")
    conn.send(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              f"Sec-WebSocket-Accept: {accept(key)}\r\n\r\n".encode())


def echo(conn):
    """Switches, then sends every byte back; notes what came when the client ends."""
    head = conn.read_head()
    conn.note(head.decode("latin-1"))
    switch(conn, head)
    total = b""
    if conn.buffer:
        conn.send(conn.buffer)
        total += conn.buffer
    while data := conn.sock.recv(65536):
        total += data
        conn.send(data)
    conn.note(f"end {hashlib.sha256(total).hexdigest()}")


@pytest.fixture
def served(sluice, backend):
    def make(serve=echo, tunnel="1h"):
        b = backend.raw(serve)
        s = sluice(CONF, backend=b.address, tunnel=tunnel)
        s.backend = b
        return s
    return make


def upgraded(s, **options):
    c = s.client(**options)
    answer = c.request("GET", "/ws", headers=ASK)
    assert answer.status == 101
    assert answer.header("upgrade") == "websocket"
    assert "upgrade" in answer.tokens("connection")
    assert answer.header("sec-websocket-accept") == accept(KEY)
    return c


def test_tunnels_that_never_wait_leave_others_their_turn(sluice, backend):
    over = threading.Event()

    def pumped(conn):
        switch(conn, conn.read_head())
        pump(conn.sock, over)
    s = sluice(CONF + "threads 1\n", backend=backend.raw(pumped).address, tunnel="1h")
    clients = [upgraded(s) for _ in range(3)]
    pumps = [threading.Thread(target=pump, args=(c.sock, over)) for c in clients]
    for p in pumps:
        p.start()
    try:
        for _ in range(5):
            assert s.get("/", timeout=8).status == 200
    finally:
        over.set()
        for p, c in zip(pumps, clients):
            p.join()
            c.close()


@pytest.mark.parametrize("tls", [False, True])
def test_bytes_pass_both_ways(served, tls):
    s = served()
    options = {"port": s.ports["port_tls"], "tls": True, "sni": "a.example"} if tls else {}
    blob = os.urandom(300_000)
    with upgraded(s, **options) as c:
        c.send(b"hello")
        assert c.recv(5) == b"hello"
        wait_for(lambda: s.stats()["tunnels_open"] == 1, what="the tunnel to be counted")
        for at in range(0, len(blob), 30_000):
            c.send(blob[at:at + 30_000])
            assert c.recv(30_000) == blob[at:at + 30_000]
    wait_for(lambda: len(s.backend.notes()) == 2, what="the backend to see the end")
    assert s.backend.notes()[1] == f"end {hashlib.sha256(b'hello' + blob).hexdigest()}"
    head = s.backend.notes()[0]
    assert "Connection: Upgrade\r\nUpgrade: websocket\r\n" in head
    assert f"Sec-WebSocket-Key: {KEY}" in head and "keep-alive" not in head
    wait_for(lambda: s.stats()["tunnels_open"] == 0, what="the tunnel to be over")


def test_a_length_of_nothing_is_no_body(served):
    s = served()
    with s.client() as c:
        assert c.request("GET", "/ws", headers=[*ASK, ("Content-Length", "0")]).status == 101
    wait_for(lambda: s.backend.notes(), what="the head")
    assert "content-length" not in s.backend.notes()[0].lower()


def test_the_backend_ends_it(served):
    def brief(conn):
        switch(conn, conn.read_head())
        conn.send(b"bye")
    with upgraded(served(brief)) as c:
        assert c.recv(100) == b"bye" and c.eof()


def test_what_comes_with_the_101_is_not_lost(served):
    def eager(conn):
        head = conn.read_head()
        conn.send((f"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   f"Sec-WebSocket-Accept: {accept(KEY)}\r\n\r\n").encode() + b"first")
        conn.note(field(head, "upgrade"))
        conn.sock.recv(1)
    with upgraded(served(eager)) as c:
        assert c.recv(5) == b"first"


@pytest.mark.parametrize("headers", [
    [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")],
    [("Connection", "Upgrade"), ("Upgrade", "other")],
    [("Upgrade", "websocket")]])
def test_other_upgrades_are_not_asked_for(served, headers):
    def plain(conn):
        conn.note(conn.read_head().decode("latin-1"))
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
    s = served(plain)
    with s.client() as c:
        assert c.request("GET", "/ws", headers=headers).body == b"no"
    assert "upgrade" not in s.backend.notes()[0].lower()
    assert "http2-settings" not in s.backend.notes()[0].lower()


@pytest.mark.parametrize("head", [
    b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 101 X\r\n\r\n"])
@pytest.mark.parametrize("asked", [True, False])
def test_a_switch_that_was_not_asked_for_is_502(served, head, asked):
    s = served(lambda conn: (conn.read_head(), conn.send(head), conn.sock.recv(1)))
    with s.client() as c:
        assert c.request("GET", "/ws", headers=ASK if asked else []).status == 502


def test_a_backend_that_says_no(served):
    s = served(lambda conn: (conn.read_head(),
                             conn.send(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")))
    with s.client() as c:
        assert c.request("GET", "/ws", headers=ASK).status == 403


def test_a_silent_tunnel_ends_after_its_time(served):
    s = served(tunnel="1s")
    with upgraded(s) as c:
        c.send(b"x")
        assert c.recv(1) == b"x"
        assert c.eof(timeout=10)


def test_a_tunnel_survives_reloads_while_its_route_is_there(served):
    s = served()
    with upgraded(s) as c:
        for i in range(3):
            s.write(s.text.replace("status 200", f"status 20{i}"))
            s.reload()
            c.send(b"\x82\x05still")
            assert c.recv(7) == b"\x82\x05still"
        # Its route is gone: a Close frame, 1001, then the end.
        s.write("".join(line for line in s.text.splitlines(True) if not line.startswith(ROUTE)))
        s.reload()
        assert c.recv(4) == b"\x88\x02\x03\xe9"
        c.shutdown_write()
        c.sock.settimeout(15)
        c.recv(1000)  # until the end: the backend may send the proxy's goodbye back
    wait_for(lambda: len(s.backend.notes()) == 2, what="the backend to see the end")


def test_a_goodbye_waits_for_the_frames_end(served):
    s = served()
    with upgraded(s) as c:
        c.send(b"\x82\x05he")  # a frame of five bytes, two of them now
        assert c.recv(4) == b"\x82\x05he"
        s.write("".join(line for line in s.text.splitlines(True) if not line.startswith(ROUTE)))
        s.reload()
        c.send(b"llo")
        # Either the proxy's own or the one that it sent to the backend, which came back.
        assert c.recv(3 + 4) in (b"llo\x88\x02\x03\xe9", b"llo\x88\x82\x00\x00")


def test_through_http_2(served):
    s = served()
    with H2Client("127.0.0.1", s.ports["port_tls"], validate=False) as c:
        c.wait_for(lambda: c.settings)
        assert c.settings[8] == 1  # SETTINGS_ENABLE_CONNECT_PROTOCOL
        number = c.start(pseudo=[(":method", "CONNECT"), (":protocol", "websocket"),
                                 (":scheme", "https"), (":authority", "a.example"),
                                 (":path", "/ws?x=1")],
                         headers=[("sec-websocket-version", "13"), ("sec-websocket-key", "bm90IHVzZWQ=")],
                         end=False)
        stream = c.streams[number]
        c.wait_for(lambda: stream.status is not None)
        assert stream.status == 200
        assert stream.header("sec-websocket-accept") is None  # no key was sent
        assert "upgrade" not in dict(stream.headers) and "connection" not in dict(stream.headers)
        blob = os.urandom(200_000)
        c.send(number, blob)
        c.wait_for(lambda: len(stream.body) == len(blob))
        assert stream.body == blob
        assert c.request("/").status == 200
        c.conn.end_stream(number)
        c.flush()
        c.wait_for(lambda: stream.ended)
    head = s.backend.notes()[0]
    assert head.startswith("GET /ws?x=1 HTTP/1.1\r\n") and "Upgrade: websocket\r\n" in head


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain", b"HTTP/1.1 204 No\r\n\r\n"])
def test_a_page_that_is_asked_for_a_tunnel_does_not_take_its_server_out(sluice, backend, answer):
    """Any client can ask; the server answers as it should."""
    def plain(conn):
        while conn.read_head():
            conn.buffer = b""
            conn.send(answer)
    two = [backend.raw(plain).address for _ in range(2)]
    s = sluice(CONF.replace("http://@backend@/ws", f"http://{two[0]} http://{two[1]} {{ passive fail 1 in 10s for 60s }}"), tunnel="1h")
    for _ in range(4):
        with H2Client("127.0.0.1", s.ports["port_tls"], validate=False) as c:
            number = c.start(pseudo=[(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
                                     (":authority", "a.example"), (":path", "/ws")],
                             headers=[("sec-websocket-version", "13")], end=False)
            c.wait_for(lambda: c.streams[number].status is not None)
            assert c.streams[number].status == 502
    assert "target is down" not in s.log


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"])
def test_http_2_is_not_told_that_a_tunnel_stands_when_none_does(served, answer):
    s = served(lambda conn: (conn.read_head(), conn.send(answer), conn.sock.recv(1)))
    with H2Client("127.0.0.1", s.ports["port_tls"], validate=False) as c:
        number = c.start(pseudo=[(":method", "CONNECT"), (":protocol", "websocket"),
                                 (":scheme", "https"), (":authority", "a.example"),
                                 (":path", "/ws")], end=False)
        c.wait_for(lambda: c.streams[number].status is not None)
        assert c.streams[number].status == 502


def test_a_real_library_on_both_ends(served, box):
    """python3-websockets: fragments, pings, a large message, a clean close."""
    websockets = pytest.importorskip("websockets")
    import asyncio

    async def run():
        async def answer(ws):
            async for message in ws:
                await ws.send(message)
        async with websockets.serve(answer, "127.0.0.1", 0, max_size=None) as server:
            port = server.sockets[0].getsockname()[1]
            s.write(s.text.replace(s.backend.address, f"127.0.0.1:{port}"))
            await asyncio.to_thread(s.reload)
            uri = f"ws://127.0.0.1:{s.port}/ws"
            async with websockets.connect(uri, max_size=None) as ws:
                big = os.urandom(1_000_000)
                await ws.send(big)
                assert await ws.recv() == big
                await ws.send(["frag", "ment", "s"])
                assert await ws.recv() == "fragments"
                await (await ws.ping())
    s = served()
    s.write(s.text.replace("site a.example", "site a.example 127.0.0.1"))
    asyncio.run(run())


def test_a_client_of_http_1_0_is_not_switched(served):
    def plain(conn):
        conn.note(conn.read_head().decode("latin-1"))
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
    s = served(plain)
    with client.RawClient("127.0.0.1", s.port) as c:
        c.send(b"GET /ws HTTP/1.0\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert c.response().body == b"no"
    assert "upgrade" not in s.backend.notes()[0].lower()


def test_a_tunnel_to_one_of_several_targets_and_reloads(served, backend):
    """It is the target that counts: while it is in the route, however that changes, the tunnel stays."""
    s = served()
    here, other = s.backend.address, backend.raw(echo).address
    one, both = f"route /ws -> http://{here}/ws", f"route /ws -> http://{here}/ws http://{other}/ws"
    s.write(s.text.replace(one, both))
    s.reload()
    with upgraded(s) as first, upgraded(s) as second:
        for c in (first, second):
            c.send(b"\x82\x01x")
            assert c.recv(3) == b"\x82\x01x"
        s.write(s.text.replace("status 200", "status 201"))
        s.reload()
        s.write(s.text.replace(both, one))
        s.reload()
        s.write(s.text.replace("status 201", "status 202"))
        s.reload()
        went = [c for c in (first, second) if _goes(c)]
        assert len(went) == 1
    wait_for(lambda: s.stats().get("tunnels_open") == 0, what="both to be over")
    with upgraded(s) as c:
        c.send(b"again")
        assert c.recv(5) == b"again"


def _goes(c):
    """Whether the proxy has said goodbye; one that stays still echoes."""
    c.send(b"\x82\x01y")
    return b"\x88" in c.recv(3)
