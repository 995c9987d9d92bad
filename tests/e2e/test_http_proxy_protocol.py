"""The PROXY protocol, in from a balancer in front and out to a backend."""

import socket
import struct

import client
import pytest
import servers
from lab import wait_for

CONF = """\
listen 127.0.0.1:@port@ plain proxy-protocol
listen 127.0.0.1:@port_tls@ tls http2 proxy-protocol
certificate default @cert@
trusted 127.0.0.1
log access @dir@/access.log json
site a.example {
    route / -> http://127.0.0.1:@port_back@
    route /v1/ -> http://127.0.0.1:@port_told@ { proxy-protocol v1 }
    route /v2/ -> http://127.0.0.1:@port_told@ { proxy-protocol v2 }
}
"""
V1 = b"PROXY TCP4 198.51.100.7 203.0.113.1 4711 443\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V2 = SIGNATURE + b"\x21\x11\0\x0c" + socket.inet_aton("198.51.100.7") + socket.inet_aton("203.0.113.1") + \
    struct.pack("!HH", 4711, 443)
LOCAL = SIGNATURE + b"\x20\0\0\0"


def told(conn):
    """A backend that reads a PROXY header first, and says what it was."""
    if conn.sock.recv(1, socket.MSG_PEEK) == b"P":
        header = conn.read_line()
    else:
        header = conn.read_exact(16)
        header += conn.read_exact(struct.unpack("!H", header[14:])[0])
    conn.note(header.hex())
    servers.http_server(lambda r: (200, {}, b"told"))(conn)


@pytest.fixture
def origin(backend):
    return backend.http(lambda r: (200, {}, b"hello"))


@pytest.fixture
def teller(backend):
    return backend.raw(told)


@pytest.fixture
def site(sluice, origin, teller):
    return sluice(CONF, port_back=origin.port, port_told=teller.port)


def connect(site, header, cuts=(), tls=False, port=None):
    """A client's connection as it comes through a balancer, its header in pieces."""
    c = client.RawClient("127.0.0.1", port or site.ports["port_tls" if tls else "port"])
    for a, b in zip((0, *cuts), (*cuts, len(header))):
        c.send(header[a:b])
    if tls:
        c.tls = c.sock = client.tls_context().wrap_socket(c.sock, server_hostname="a.example")
    return c


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("header,who", [(V1, "198.51.100.7"), (V2, "198.51.100.7"), (LOCAL, "127.0.0.1")],
                         ids=("v1", "v2", "local"))
def test_the_client_is_who_the_header_names(site, origin, header, who, tls):
    for cuts in ((), (1,), (5, 14), (len(header) - 1,)):
        with connect(site, header, cuts, tls) as c:
            assert c.request("GET", "/", host="a.example").body == b"hello"
        assert origin.requests()[-1].all("x-real-ip") == [who]


def test_who_the_header_names_is_no_trusted_peer(site, origin):
    for header, forwarded in ((V1, "198.51.100.7"), (LOCAL, "1.2.3.4, 127.0.0.1")):
        with connect(site, header) as c:
            c.request("GET", "/", host="a.example", headers=[("X-Forwarded-For", "1.2.3.4")])
        assert origin.requests()[-1].all("x-forwarded-for") == [forwarded]


def test_header_and_request_in_one_write(site, origin):
    with connect(site, V1 + b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n") as c:
        assert c.response().body == b"hello"
    assert origin.requests()[-1].all("x-forwarded-for") == ["198.51.100.7"]


@pytest.mark.parametrize("header", [
    b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", b"PROXY TCP4 198.51.100.7 203.0.113.1 4711\r\n",
    SIGNATURE + b"\x31\0\0\0", b"PROXY UNKNOWN" + b" x" * 100], ids=("none", "short", "version", "long"))
def test_what_is_no_header_is_closed(site, origin, header):
    with connect(site, header) as c:
        assert c.eof()
    site.wait_log("connection without a PROXY header closed")
    assert origin.requests() == []


def test_a_peer_that_is_not_trusted_is_closed(sluice, origin, teller):
    s = sluice(CONF.replace("trusted 127.0.0.1", "trusted 192.0.2.1"), port_back=origin.port, port_told=teller.port)
    with connect(s, V1) as c:
        assert c.eof()
    s.wait_log("the peer is not trusted")


def test_a_backend_is_told_of_each_client(site, teller):
    with connect(site, V1) as c:
        for path in ("/v1/", "/v1/", "/v2/"):
            assert c.request("GET", path, host="a.example").body == b"told"
    wait_for(lambda: len(teller.notes()) == 3, what="three connections")
    first, second, third = (bytes.fromhex(n) for n in teller.notes())
    assert first == second == V1.removesuffix(b"\r\n")
    assert third == V2
