"""Records of TLS 1.3 are made by Sluice itself: other libraries read them, whatever happens in between."""

import base64
import hashlib
import os
import socket
import subprocess
import threading
import time

import client
import pytest
from lab import wait_for

FILES = """\
listen 127.0.0.1:@port@ tls
certificate default @cert@
site * {
    route /files/ -> dir @dir@/root
    route /ws -> http://@backend@
    route / -> status 204
}
"""
ASK = (b"GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
       b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(bytes(16)) + b"\r\n\r\n")

SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          b"Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n")


@pytest.fixture
def served(sluice, box, backend):
    root = box.path("root")
    root.mkdir()

    def make(serve=lambda conn: None, **sizes):
        digests = {}
        for name, size in sizes.items():
            content = os.urandom(size)
            (root / name).write_bytes(content)
            digests[name] = hashlib.sha256(content).hexdigest()
        s = sluice(FILES, backend=backend.raw(serve).address)
        s.digests = digests
        return s
    return make


def by_openssl(s, name, *options):
    """The body of a file, as openssl reads it."""
    done = subprocess.run(
        ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{s.port}", *options],
        input=f"GET /files/{name} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n".encode(),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=True)
    return hashlib.sha256(done.stdout.partition(b"\r\n\r\n")[2]).hexdigest()


@pytest.mark.parametrize("suite", [
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"])
def test_every_cipher_suite(served, suite):
    s = served(small=100, record=16384, middle=100_001, large=3_000_000)
    for name, digest in s.digests.items():
        assert by_openssl(s, name, "-ciphersuites", suite) == digest, name


def test_tls_1_2_is_openssl_s(served):
    s = served(small=100, middle=100_001, large=3_000_000)
    for name, digest in s.digests.items():
        assert by_openssl(s, name, "-tls1_2") == digest, name


def test_a_key_that_is_spent_is_replaced_in_the_middle(served):
    """A build with sanitizers says that its key is new after a thousand records, 16 MB."""
    s = served(long=40_000_000)
    seen = subprocess.run(
        ["openssl", "s_client", "-quiet", "-msg", "-connect", f"127.0.0.1:{s.port}"],
        input=b"GET /files/long HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120, check=True).stdout
    assert seen.count(b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate") == 1
    assert by_openssl(s, "long") == s.digests["long"]


def test_a_client_that_asks_for_a_new_key(served, box):
    """openssl asks with K, between two requests: the second answer comes under the next key."""
    s = served(small=100)
    user = subprocess.Popen(
        ["openssl", "s_client", "-msg", "-crlf", "-connect", f"127.0.0.1:{s.port}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
    box.defer(lambda: (user.kill(), user.wait()))
    seen = []

    def read():
        while data := user.stdout.read(65536):
            seen.append(data)
    threading.Thread(target=read, daemon=True).start()

    def count(what):
        return b"".join(seen).count(what)
    for turn in range(3):
        for line in (b"GET / HTTP/1.1\n", b"Host: a.example\n", b"\n"):
            user.stdin.write(line)
        wait_for(lambda n=turn: count(b"HTTP/1.1 204") == n + 1, 10, "the answer")
        assert count(b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate") == turn
        user.stdin.write(b"K\n")  # is said with the next line
        wait_for(lambda n=turn: count(b"KEYUPDATE") == n + 1, 10, "openssl to take it")


def test_a_tunnel_that_falls_silent_has_sent_all(served):
    """What the kernel did not take when the last bytes came is sent when it does."""
    blob = os.urandom(3_000_000)
    sent = threading.Event()

    def burst(conn):
        conn.read_head()
        conn.send(SWITCH)
        for at in range(0, len(blob), 1000):
            conn.send(blob[at:at + 1000])
        sent.set()
        conn.sock.recv(1)
    s = served(burst)
    with s.client(tls=True, sni="a.example", timeout=20) as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        c.send(ASK)
        assert b" 101 " in c.read_until(b"\r\n\r\n")
        got = c.buffer
        while len(got) < len(blob):
            more = c.sock.recv(100_000 if sent.is_set() else 3000)
            assert more
            got += more
        assert got == blob


def test_nothing_follows_a_fatal_alert(served, box):
    """RFC 8446 section 6.2; a tunnel goes on where only the client's side has ended."""
    def steady(conn):
        conn.read_head()
        conn.send(SWITCH)
        while True:
            conn.send(b"more")
            time.sleep(0.05)
    s = served(steady)
    with s.client(tls=True, sni="a.example", timeout=20) as c:
        c.send(ASK)
        assert b" 101 " in c.read_until(b"\r\n\r\n")
        plain = socket.socket(fileno=c.sock.detach())
        box.defer(plain.close)
        plain.settimeout(5)
        plain.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        end = time.monotonic() + 5
        while plain.recv(65536):
            assert time.monotonic() < end


def test_a_ticket_of_several_records(sluice, box):
    """It carries the client's certificate; its second part has bytes that mean nothing."""
    key, chain = box.path("client.key"), box.path("client.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", key, "-out", chain, "-subj", "/CN=client", "-days", "2",
         "-addext", "nsComment=" + "x" * 17000], check=True, stderr=subprocess.DEVNULL)
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @cert@\n"
               f"site * {{\n    client-certificates require {chain}\n    route / -> status 204\n}}\n")
    context = client.tls_context()
    context.load_cert_chain(chain, key)
    for _ in range(10):
        with s.client(tls=True, sni="a.example", context=context) as c:
            assert c.request("GET", "/").status == 204
            assert c.request("GET", "/").status == 204


def test_a_slow_reader_gets_every_byte(served):
    s = served(large=3_000_000)
    with s.client(tls=True, sni="a.example", timeout=20) as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        for _ in range(2):
            c.send(b"GET /files/large HTTP/1.1\r\nHost: a.example\r\n\r\n")
            answer = c.response()
            assert hashlib.sha256(answer.body).hexdigest() == s.digests["large"]
