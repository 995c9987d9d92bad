"""https:// targets: who is believed, what is sent, what ends a connection."""

import pathlib
import ssl
import time

import pytest
import servers
from daemon import free_port
from lab import wait_for
from proxy_alone import Host


@pytest.fixture
def host(box):
    hosts = []

    def make(targets, block="", top=""):
        hosts.append(Host(box, f"listen 127.0.0.1:@port@ plain\ntimeout connect 5s\n{top}\n"
                          f"site * {{ route / -> {targets} {{ {block} }} }}\n"))
        return hosts[-1]
    yield make
    for h in hosts:
        h.stop()


def ask(h, method="GET", body=b""):
    c = h.client(timeout=20)
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    c.send(f"{method} /x HTTP/1.1\r\nHost: a\r\n{length}\r\n".encode() + body)
    answer = c.response()
    c.close()
    return answer


def log(h):
    return open(h.errors.name).read()


OK = (200, {}, b"ok")


def test_verified_by_name_with_sni_and_alpn(host, backend, certs):
    origin = backend.https(lambda r: OK, certs.make("localhost"))
    h = host(f"https://localhost:{origin.port}", f"upstream-ca {certs.ca}")
    assert ask(h).body == b"ok"
    assert origin.notes() == [["TLSv1.3", "http/1.1", "localhost", False]]
    assert h.stats()["upstream_tls"] == 1


def test_verified_by_address_without_sni(host, backend, certs):
    origin = backend.https(lambda r: OK, certs.make("127.0.0.1"), version="1.2")
    h = host(f"https://127.0.0.1:{origin.port}", top=f"upstream-ca {certs.ca}")
    assert ask(h).body == b"ok"
    assert origin.notes() == [["TLSv1.2", "http/1.1", None, False]]


@pytest.mark.parametrize("names,block,why", [
    (["other.example"], "upstream-ca {ca}", "hostname mismatch"),
    (["127.0.0.1"], "upstream-ca {ca}", "hostname mismatch"),
    (["localhost"], "", "self-signed certificate in certificate chain"),
    (["localhost"], "upstream-ca system", "self-signed certificate in certificate chain")])
def test_who_cannot_be_verified_gets_nothing(host, backend, certs, names, block, why):
    origin = backend.https(lambda r: OK, certs.make(*names))
    h = host(f"https://localhost:{origin.port}", block.format(ca=certs.ca))
    assert ask(h).status == 502
    assert origin.requests() == []
    assert why in log(h)


def test_an_address_that_the_certificate_lacks(host, backend, certs):
    origin = backend.https(lambda r: OK, certs.make("localhost"))
    h = host(f"https://127.0.0.1:{origin.port}", f"upstream-ca {certs.ca}")
    assert ask(h).status == 502
    assert "IP address mismatch" in log(h)


def test_verify_off_believes_everybody_and_says_so(host, backend, certs):
    origin = backend.https(lambda r: OK, certs.make("other.example"))
    h = host(f"https://localhost:{origin.port}", "upstream-verify off")
    assert ask(h).body == b"ok"
    assert "certificates of targets are not verified" in log(h)


def test_connections_are_kept_and_sessions_resumed(host, backend, certs):
    origin = backend.https(lambda r: (200, {"Connection": "close"}, b"bye")
                           if r.target == "/bye" else OK, certs.make("localhost"))
    h = host(f"https://localhost:{origin.port}", top=f"threads 1\nupstream-ca {certs.ca}")
    c = h.client(timeout=20)
    for path in ["/", "/", "/bye"] * 3:
        c.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert c.response().status == 200
    assert [n[3] for n in origin.notes()] == [False, True, True]
    stats = h.stats()
    assert stats["upstream_tls"] == 3 and stats["upstream_tls_resumed"] == 2
    assert stats["upstream_reused"] == 6


@pytest.mark.parametrize("size", [1, 100000, 3000000])
def test_bodies_both_ways(host, backend, certs, size):
    origin = backend.https(lambda r: (200, {}, r.body), certs.make("localhost"))
    h = host(f"https://localhost:{origin.port}", f"upstream-ca {certs.ca}")
    body = bytes(i % 251 for i in range(size))
    assert ask(h, "POST", body).body == body


def test_an_answer_that_ends_with_the_connection_needs_its_goodbye(host, backend, certs):
    """RFC 9112 section 9.8: a truncated answer must not look complete."""
    def serve(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf of it")

    cert = certs.make("localhost")
    whole = backend.raw(servers.tls_server(serve, cert))
    cut = backend.raw(servers.tls_server(serve, cert, goodbye=False))
    assert ask(host(f"https://localhost:{whole.port}", f"upstream-ca {certs.ca}")).body \
        == b"half of it"
    h = host(f"https://localhost:{cut.port}", f"upstream-ca {certs.ca}")
    c = h.client(timeout=20)
    c.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b"half of it" in c.read_until(b"half of it")
    assert b"0\r\n" not in c.recv(1000)


def test_bytes_before_the_handshake_are_no_answer(host, backend, certs):
    """An answer injected in clear, before TLS, must reach nobody."""
    origin = backend.https(lambda r: OK, certs.make("localhost"),
                           inject=b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    h = host(f"https://localhost:{origin.port}", f"upstream-ca {certs.ca}")
    assert ask(h).status == 502


def test_bytes_on_an_idle_connection_end_it(host, backend, certs):
    """They would be taken for the answer to the next request."""
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    def serve(conn):
        conn.record(servers.Request(conn.read_head()[:-4], b"", ["x", 1], conn.number))
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        conn.note("answered")
        conn.send(poison)
        while conn.sock.recv(1000):
            pass
        conn.note("ended")

    origin = backend.raw(servers.tls_server(serve, certs.make("localhost")))
    h = host(f"https://localhost:{origin.port}", f"upstream-ca {certs.ca}", top="threads 1")
    for _ in range(3):
        before = origin.notes().count("ended")
        assert ask(h).body == b"ok"
        wait_for(lambda: origin.notes().count("ended") > before, what="the end of the connection")


def test_a_pool_of_both_kinds(host, backend, certs):
    clear, tls = backend.http(lambda r: (200, {}, b"clear")), \
        backend.https(lambda r: (200, {}, b"tls"), certs.make("localhost"))
    h = host(f"http://{clear.address} https://localhost:{tls.port} http://127.0.0.1:{free_port()}",
             f"upstream-ca {certs.ca}")
    assert {ask(h).body for _ in range(8)} == {b"clear", b"tls"}


def asked_in_memory(conn, cert):
    """A request by TLS whose answer is bytes to be sent at will: the session, what it writes, its tickets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert.chain, cert.key)
    came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(came, goes, server_side=True)

    def step(what):
        while True:
            try:
                return what()
            except ssl.SSLWantReadError:
                conn.send(goes.read())
                came.write(conn.sock.recv(65536))
    step(tls.do_handshake)
    tickets = goes.read()
    request = b""
    while b"\r\n\r\n" not in request:
        request += step(lambda: tls.read(65536))
    return tls, goes, tickets


def test_an_answer_behind_a_ticket_in_two_pieces(host, backend, certs):
    """The first piece of a record without bytes for us comes alone; the rest, and the answer, in one."""
    cert = certs.make("localhost")

    def serve(conn):
        tls, goes, tickets = asked_in_memory(conn, cert)
        tls.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        flight = tickets + goes.read()
        conn.send(flight[:50])
        time.sleep(0.2)
        conn.send(flight[50:])
        conn.sock.recv(1)
    origin = backend.raw(serve)
    h = host(f"https://localhost:{origin.port}", f"upstream-ca {certs.ca} ; timeout read 5s")
    assert ask(h).body == b"ok"


def test_records_that_come_a_few_bytes_at_a_time(host, backend, certs):
    """What has come of a record is no reason to look for more at once, nor to give up."""
    cert = certs.make("localhost")
    body = bytes(range(256)) * 1024

    def serve(conn):
        tls, goes, tickets = asked_in_memory(conn, cert)
        tls.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        flight = tickets + goes.read()
        for at in range(0, len(flight), 32):
            conn.send(flight[at:at + 32])
        conn.sock.recv(1)
    origin = backend.raw(serve)
    h = host(f"https://localhost:{origin.port}", f"upstream-ca {certs.ca} ; timeout read 20s")
    for _ in range(5):
        assert ask(h).body == body
    assert origin.connections() == 5


def test_the_system_has_authorities():
    assert pathlib.Path("/etc/ssl/certs/ca-certificates.crt").exists()


def test_the_whole_daemon_follows_the_file_of_authorities(sluice, backend, certs, box):
    """The parent reads it at every reload; one that is broken is refused, and nothing changes."""
    origin = backend.https(lambda r: OK, certs.make("localhost"))
    ca = box.write("ca.pem", certs.ca.read_text())
    s = sluice("listen 127.0.0.1:@port@ plain\nupstream-ca @ca@\n"
               f"site * -> https://localhost:{origin.port}\n", ca=ca)
    assert s.get("/").body == b"ok"
    ca.write_text("nothing\n")
    s.reload(ok=False)
    assert s.get("/").body == b"ok"
    ca.write_text(pathlib.Path("/etc/ssl/certs/ca-certificates.crt").read_text())
    s.reload()
    wait_for(lambda: s.get("/").status == 502, what="the authorities that do not fit")
    ca.write_text(certs.ca.read_text())
    s.reload()
    wait_for(lambda: s.get("/").body == b"ok", what="those that do")
