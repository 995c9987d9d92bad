"""Compression: who gets which coding of what, and that what arrives is what was sent, in time."""

import json
import os
import random
import time

import pytest
from codings import undo
from h2_client import H2Client
from lab import wait_for

CONF = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls http2
certificate default @cert@
compress on
site * {
    route /files/ -> dir @dir@/root
    route /plain/ -> dir @dir@/root { compress off }
    route /       -> http://@backend@
}
"""
PROXIED = """\
listen 127.0.0.1:@port@ plain
site * -> http://@backend@
compress on
"""
CODINGS = ["zstd", "br", "gzip"]
TEXT = ("\n".join(f"line {i} of a page, {i * i}" for i in range(8000))).encode()


def answer(request):
    name = request.target[1:]
    headers = [("Content-Type", "text/html; charset=utf-8"), ("ETag", '"strong"')]
    if name == "json":
        return 200, [("Content-Type", "application/json")], json.dumps(list(range(5000))).encode()
    if name == "small":
        return 200, headers, b"x" * 1023
    if name == "coded":
        return 200, [*headers, ("Content-Encoding", "gzip")], b"\x1f\x8b" + TEXT
    if name == "kept":
        return 200, [*headers, ("Cache-Control", "public, no-transform")], TEXT
    if name == "part":
        return 206, [*headers, ("Content-Range", f"bytes 0-{len(TEXT) - 1}/{2 * len(TEXT)}")], TEXT
    if name == "events":
        return 200, [("Content-Type", "text/event-stream")], TEXT
    if name == "image":
        return 200, [("Content-Type", "image/png")], TEXT
    if name == "varies":
        return 200, [*headers, ("Vary", "Cookie, Accept-Encoding"), ("Accept-Ranges", "bytes")], TEXT
    if name == "error":
        return 500, headers, TEXT
    if name == "noise":
        return 200, headers, random.Random(1).randbytes(3_000_000)
    if name == "big":
        return 200, headers, TEXT * 10
    if name == "chunked":
        return (b"HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nTransfer-Encoding: chunked\r\n\r\n"
                + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in
                           (TEXT[i:i + 1000] for i in range(0, len(TEXT), 1000))) + b"0\r\n\r\n")
    return 200, headers, TEXT


@pytest.fixture
def site(sluice, backend, box):
    box.write("root/page.html", TEXT)
    box.write("root/large.txt", TEXT * 20)
    box.write("root/small.txt", b"s" * 1023)
    box.write("root/edge.txt", b"s" * 1024)
    box.write("root/photo.png", TEXT)
    return sluice(CONF, backend=backend.http(answer).address)


def accept(coding):
    return [("Accept-Encoding", coding)]


def expect_coded(response, coding, body):
    assert response.header("content-encoding") == coding
    assert "accept-encoding" in response.tokens("vary")
    assert response.header("content-length") is None
    assert undo(coding, response.body) == (body, True)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("path", ["/page", "/json", "/chunked", "/error", "/varies", "/noise", "/big",
                                  "/files/page.html", "/files/large.txt", "/files/edge.txt"])
def test_what_is_worth_it_is_compressed(site, path, coding):
    with site.client() as c:
        plain = c.request("GET", path)
        for _ in range(2):
            response = c.request("GET", path, headers=accept(coding))
            expect_coded(response, coding, plain.body)
            assert (response.status, response.all("content-type")) == (plain.status, plain.all("content-type"))
            if plain.header("etag"):
                assert response.header("etag") == "W/" + plain.header("etag")
            assert len(response.all("vary")) == 1
            assert response.header("accept-ranges") is None
            if path != "/noise":
                assert len(response.body) < len(plain.body) / 2
        assert plain.header("content-encoding") is None
        assert "accept-encoding" in plain.tokens("vary")


@pytest.mark.parametrize("path", ["/small", "/coded", "/kept", "/part", "/events", "/image",
                                  "/files/small.txt", "/files/photo.png", "/plain/page.html"])
def test_what_must_stay_as_it_is(site, path):
    with site.client() as c:
        plain = c.request("GET", path)
        same = c.request("GET", path, headers=accept("gzip, br, zstd"))
        assert same.body == plain.body
        for name in ("content-encoding", "content-length", "etag", "vary"):
            assert same.all(name) == plain.all(name)
        assert "accept-encoding" not in plain.tokens("vary")


@pytest.mark.parametrize("wanted,coding", [
    ("gzip, deflate, br, zstd", "zstd"), ("gzip, deflate, br", "br"), ("gzip;q=1, br;q=0.1", "gzip"),
    ("br;q=0, *", "zstd"), ("deflate", None), ("identity", None), ("gzip;q=0", None), ("", None)])
def test_the_client_chooses(site, wanted, coding):
    for path in ("/page", "/files/page.html"):
        assert site.get(path, headers=accept(wanted)).header("content-encoding") == coding


def test_head_says_what_get_would(site):
    for path in ("/page", "/files/page.html"):
        with site.client() as c:
            get = c.request("GET", path, headers=accept("br"))
            head = c.request("HEAD", path, headers=accept("br"))
            for name in ("content-encoding", "etag", "vary", "content-length", "content-type"):
                assert head.all(name) == get.all(name), name
            assert c.request("GET", path).body == TEXT


def test_an_old_client_gets_no_chunks(site):
    with site.client() as c:
        c.send(b"GET /page HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
        response = c.response()
        assert response.header("content-encoding") is None and response.body == TEXT


def test_conditions_and_parts_of_files(site):
    with site.client() as c:
        first = c.request("GET", "/files/page.html", headers=accept("gzip"))
        tag = first.header("etag")
        again = c.request("GET", "/files/page.html", headers=[*accept("gzip"), ("If-None-Match", tag)])
        assert (again.status, again.header("etag"), again.header("vary")) == (304, tag, "Accept-Encoding")
        strong = c.request("GET", "/files/page.html", headers=[("If-None-Match", tag[2:])])
        assert (strong.status, strong.header("etag")) == (304, tag[2:])
        part = c.request("GET", "/files/page.html", headers=[*accept("gzip"), ("Range", "bytes=5-1999")])
        assert (part.status, part.header("content-encoding")) == (206, None)
        assert part.body == TEXT[5:2000]
        mixed = c.request("GET", "/files/page.html", headers=[
            *accept("gzip"), ("Range", "bytes=5-1999"), ("If-Range", tag)])
        expect_coded(mixed, "gzip", TEXT)


@pytest.mark.parametrize("coding", CODINGS)
def test_nothing_is_held_back(sluice, backend, coding):
    """Each piece that the backend writes can be read before it writes the next one."""
    def serve(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(5):
            time.sleep(0.05)
            conn.send(b"7\r\npiece %d\r\n" % i)
            conn.read_exact(1)
        conn.send(b"0\r\n\r\n")
    s = sluice(PROXIED, backend=backend.raw(serve).address)
    with s.client() as c:
        c.send(b"POST /live HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nAccept-Encoding: "
               + coding.encode() + b"\r\n\r\n")
        head = c.read_until(b"\r\n\r\n")
        assert b"Content-Encoding: " + coding.encode() in head
        data = b""
        for i in range(5):
            while undo(coding, data)[0] != b"".join(b"piece %d" % j for j in range(i + 1)):
                size = int(c.read_until(b"\r\n"), 16)
                assert size > 0
                data += c.recv(size)
                assert c.recv(2) == b"\r\n"
            c.send(b".")
        rest = c._chunked([])
        assert undo(coding, data + rest)[1]


def test_an_answer_that_is_cut_off_is_seen_to_be(sluice, backend):
    def serve(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n" + TEXT[:5000])
        time.sleep(0.3)
    s = sluice(PROXIED, backend=backend.raw(serve).address)
    with s.client() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
        c.read_until(b"\r\n\r\n")
        rest = c.recv(1 << 20)
        assert not rest.endswith(b"\r\n0\r\n\r\n")


@pytest.mark.parametrize("coding", CODINGS)
def test_http2_gets_the_same(site, coding):
    with H2Client("127.0.0.1", site.ports["port_tls"]) as c:
        for path in ("/page", "/chunked", "/big", "/files/page.html", "/files/large.txt"):
            plain, coded = c.request(path), c.request(path, headers=[("accept-encoding", coding)])
            assert plain.header("content-encoding") is None
            assert coded.header("content-encoding") == coding
            assert coded.header("transfer-encoding") is None
            assert undo(coding, coded.body) == (plain.body, True)


def test_slow_readers_keep_the_number_of_streams_bounded(site):
    """More clients than streams, none of which reads: the others go uncompressed and are whole."""
    slow = [site.client() for _ in range(40)]
    for c in slow:
        c.send(b"GET /noise HTTP/1.1\r\nHost: a\r\nAccept-Encoding: zstd\r\n\r\n")
        c.read_until(b"\r\n\r\n")
    plain = site.get("/page", headers=accept("gzip"))
    assert undo("gzip", plain.body)[0] == TEXT if plain.header("content-encoding") else plain.body == TEXT
    for c in slow:
        c.close()
    wait_for(lambda: site.get("/page", headers=accept("gzip")).header("content-encoding") == "gzip",
             what="compression again")


def test_a_file_that_shrinks_while_it_is_compressed_is_cut_off(site):
    site.box.write("root/shrinks.txt", os.urandom(1 << 20) * 32)
    with site.client() as c:
        c.send(b"GET /files/shrinks.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: zstd\r\n\r\n")
        c.read_until(b"\r\n\r\n")
        os.truncate(site.box.path("root/shrinks.txt"), 1000)
        assert not c.recv(64 << 20).endswith(b"\r\n0\r\n\r\n")
