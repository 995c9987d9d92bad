"""Everything at once for a while: full load, clients that vanish, reloads, backends that die.

Half a minute as part of the suite; SLUICE_SOAK_SECONDS=600 makes it the long run, which also prints
what it saw: SLUICE_SOAK_SECONDS=600 pytest -s tests/e2e/test_soak.py
"""

import contextlib
import os
import random
import socket
import ssl
import struct
import threading
import time

import client
from h2_client import H2Client
from lab import wait_for
from load import Load

SECONDS = int(os.environ.get("SLUICE_SOAK_SECONDS", "20"))
CONF = """\
listen 127.0.0.1:@port@ tls http2
listen 127.0.0.1:@port_plain@ plain
certificate default @cert@
cache memory 8M
site * {
    route /files/ -> dir @dir@/files
    route /steady -> http://127.0.0.1:@port_steady@
    route /cached/ -> http://127.0.0.1:@port_steady@ {
        cache on
    }
    route /dying -> http://127.0.0.1:@port_dying@ http://127.0.0.1:@port_steady@
}
"""
# What an answer of a route whose backend dies may be: its own, or ours for a dead backend.
DYING = {200, 502, 503, 504}


def reset(sock):
    """Vanishes as a client does whose machine lost power and came back: with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Chaos(threading.Thread):
    """Clients that leave in the middle of anything. What they see does not matter."""

    def __init__(self, s, seed, stop):
        super().__init__(daemon=True)
        self.s, self.random, self.stop = s, random.Random(seed), stop
        self.context = client.tls_context(alpn=["http/1.1"])
        self.done, self.failure = 0, None

    def run(self):
        acts = [self.plain, self.tls, self.h2, self.handshake]
        while not self.stop.is_set():
            try:
                self.random.choice(acts)()
            except (OSError, ssl.SSLError, AssertionError):
                pass  # cut by the other side in the middle: so it may be
            except Exception as e:  # a bug of the test
                self.failure = e
                return
            self.done += 1

    def leave(self, sock):
        if self.random.random() < 0.5:
            reset(sock)
        else:
            sock.close()

    def message(self):
        path = self.random.choice(["/files/small", "/files/large", "/steady", "/cached/a", "/dying"])
        body = b"x" * self.random.choice([0, 10, 70000])
        head = f"POST {path} HTTP/1.1\r\nHost: a.example\r\nContent-Length: {len(body)}\r\n\r\n"
        if not body:
            head = f"GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n"
        return head.encode() + body

    def talk(self, sock):
        message = self.message()
        cut = self.random.choice([len(message), self.random.randrange(1, len(message) + 1)])
        sock.sendall(message[:cut])
        if self.random.random() < 0.7:
            sock.settimeout(self.random.choice([0.001, 0.05, 0.5]))
            sock.recv(self.random.choice([1, 1000, 100000]))

    def plain(self):
        sock = socket.create_connection(("127.0.0.1", self.s.ports["port_plain"]), timeout=5)
        try:
            self.talk(sock)
        finally:
            self.leave(sock)

    def tls(self):
        sock = socket.create_connection(("127.0.0.1", self.s.port), timeout=5)
        try:
            sock = self.context.wrap_socket(sock, server_hostname="a.example")
            self.talk(sock)
        finally:
            self.leave(sock)

    def handshake(self):
        sock = socket.create_connection(("127.0.0.1", self.s.port), timeout=5)
        try:
            sock.sendall(self.random.randbytes(self.random.randrange(1, 300)))
            sock.settimeout(0.05)
            sock.recv(100)
        finally:
            self.leave(sock)

    def h2(self):
        with contextlib.closing(H2Client("127.0.0.1", self.s.port, timeout=5)) as c:
            for _ in range(self.random.randrange(1, 12)):
                path = self.random.choice(["/files/large", "/steady", "/cached/b", "/dying"])
                number = c.conn.get_next_available_stream_id()
                c.conn.send_headers(number, [(":method", "GET"), (":scheme", "https"),
                                             (":authority", "a.example"), (":path", path)],
                                    end_stream=self.random.random() < 0.8)
                if self.random.random() < 0.3:
                    c.conn.reset_stream(number)
            c.sock.sendall(c.conn.data_to_send())
            if self.random.random() < 0.5:
                c.sock.settimeout(0.05)
                c.sock.recv(20000)


def dying_answers(s, stop, seen):
    while not stop.is_set():
        with contextlib.suppress(OSError):
            seen.append(s.get("/dying", tls=True).status)


def test_a_while_of_everything(sluice, tools, backend, box):
    (box.dir / "files").mkdir()
    box.write("files/small", b"small-file")
    box.write("files/large", b"l" * 3_000_000)
    steady = backend.http(lambda r: (200, {"Cache-Control": "max-age=1"}, b"steady-answer"))
    dying = backend.http(lambda r: (200, {}, b"dying-answer"))
    s = sluice(CONF, port_steady=steady.port, port_dying=dying.port)
    stop, seen = threading.Event(), []
    chaos = [Chaos(s, seed, stop) for seed in range(4)]
    others = [threading.Thread(target=dying_answers, args=(s, stop, seen), daemon=True)]
    after_a_while = None
    with Load(tools.load, "127.0.0.1", s.port, tls="a.example", host="a.example",
              path="/files/small", text="small-file", connections=20,
              seconds=SECONDS + 60) as files, \
            Load(tools.load, "127.0.0.1", s.port, tls="a.example", host="a.example",
                 path="/steady", text="steady-answer", connections=10,
                 seconds=SECONDS + 60) as proxied, \
            Load(tools.load, "127.0.0.1", s.ports["port_plain"], host="a.example",
                 path="/cached/c", text="steady-answer", connections=5, seconds=SECONDS + 60,
                 per_connection=5) as cached:
        for thread in chaos + others:
            thread.start()
        end, rounds = time.monotonic() + SECONDS, 0
        while time.monotonic() < end:
            s.write(CONF + f"site s{rounds}.example -> status 204\n")
            s.reload()
            dying.stop()
            assert s.get("/", host=f"s{rounds}.example", tls=True).status == 204
            dying.start()
            rounds += 1
            if after_a_while is None and time.monotonic() > end - SECONDS / 2:
                after_a_while = s.pss_kib("proxy")
        stop.set()
        for thread in chaos + others:
            thread.join(60)
        results = [load.finish(early=True) for load in (files, proxied, cached)]
    print(f"\n{SECONDS} s: {[r['answers'] for r in results]} answers, "
          f"{sum(c.done for c in chaos)} clients that vanished, {rounds} reloads, "
          f"{len(seen)} answers of a dying backend, proxy {after_a_while} KiB half way, "
          f"{s.pss_kib('proxy')} KiB at the end")
    assert [r["failed"] for r in results] == [0, 0, 0], results
    assert not [c.failure for c in chaos if c.failure]
    assert seen and set(seen) <= DYING, sorted(set(seen))
    assert all(c.done > 0 for c in chaos) and rounds > 1
    dying.stop()  # a process forked from this one, which has its clients' sockets
    wait_for(lambda: s.stats()["connections_open"] == 0, 15, "every connection to be gone")
