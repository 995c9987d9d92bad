"""Bodies that wait in the proxy: requests before their backend is asked, answers for slow clients."""

import hashlib
import os
import pathlib
import random
import stat

import pytest
from client import ProtocolError
from codings import undo
from h2_client import H2Client
from lab import run, wait_for

CONF = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls http2
certificate default @cert@
threads 1
site * {
    route /get    -> http://@backend@
    route /stream -> http://@backend@
    route /buffer -> http://@backend@ { body-buffer 64K }
    route /whole  -> http://@backend@ { request-buffering on }
    route /spill  -> http://@backend@ { body-buffer 16K ; request-buffering on spill 1M }
    route /limit  -> http://@backend@ { request-buffering on ; body-limit 100K }
    route /late   -> http://@backend@ { request-buffering on ; timeout idle 300ms }
}
"""
BODY = random.Random(1).randbytes(60_000)
MIB = 1 << 20


def answer(request):
    return 200, {}, hashlib.sha256(request.body).hexdigest().encode()


def digest(body):
    return hashlib.sha256(body).hexdigest().encode()


def spooled(sluice):
    """The sizes of the proxy's files without a name."""
    folder = pathlib.Path(f"/proc/{sluice.children()['proxy']}/fd")
    sizes = []
    for entry in folder.iterdir():
        try:
            if "/spool/" in os.readlink(entry):
                sizes.append(entry.stat().st_size)
        except FileNotFoundError:
            pass
    return sizes


def expect_nothing_left(sluice):
    wait_for(lambda: not spooled(sluice), what="all files to be closed")
    assert os.listdir(sluice.state_path / "spool") == []


def head(path, method="POST", **fields):
    lines = [f"{method} {path} HTTP/1.1", "Host: a.example"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


# --- requests -------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/buffer", "/whole", "/spill"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_slow_upload_does_not_occupy_the_backend(sluice, backend, path, framing):
    b = backend.http(answer)
    s = sluice(CONF, backend=b.address)
    with s.client() as c:
        coded = (lambda data: data) if framing == "length" else chunk
        field = ({"Content_Length": len(BODY)} if framing == "length"
                 else {"Transfer_Encoding": "chunked"})
        c.send(head(path, Expect="100-continue", **field))
        assert c.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        c.send(coded(BODY[:30_000]))
        # The one thread has served this one afterwards.
        assert s.get("/get").status == 200
        c.send(coded(BODY[30_000:59_999]))
        assert s.get("/get").status == 200
        assert [r.target for r in b.requests()] == ["/get", "/get"]
        c.send(coded(BODY[59_999:]) + (b"" if framing == "length" else b"0\r\n\r\n"))
        assert c.response().body == digest(BODY)
    last = b.requests()[-1]
    assert last.all("content-length") == [str(len(BODY))]
    assert last.all("transfer-encoding") == last.all("expect") == []
    expect_nothing_left(s)


@pytest.mark.parametrize("path", ["/buffer", "/whole", "/spill"])
def test_a_slow_stream_does_not_occupy_the_backend(sluice, backend, path):
    b = backend.http(answer)
    s = sluice(CONF, backend=b.address)
    with H2Client("127.0.0.1", s.ports["port_tls"]) as c:
        number = c.start(path, "POST", end=False)
        assert c.send(number, BODY[:59_999])
        assert s.get("/get").status == 200
        assert [r.target for r in b.requests()] == ["/get"]
        assert c.send(number, BODY[59_999:], end=True)
        assert c.wait(number).body == digest(BODY)
    assert b.requests()[-1].all("content-length") == [str(len(BODY))]
    expect_nothing_left(s)


def test_without_buffering_the_backend_is_asked_at_once(sluice, backend):
    b = backend.raw(lambda conn: conn.note(conn.read_head().decode()) or conn.read_exact(5))
    s = sluice(CONF, backend=b.address)
    with s.client() as c:
        c.send(head("/stream", Content_Length=5))
        wait_for(lambda: b.notes(), what="the head at the backend")
        c.send(b"12345")
        assert c.response().status == 502


def test_a_body_beyond_the_buffer_streams_on(sluice, backend):
    def serve(conn):
        conn.note(conn.read_head().decode())
        first = conn.read_exact(64 * 1024)
        conn.note("first")
        body = first + conn.read_exact(200_000 - 64 * 1024)
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + digest(body))

    b = backend.raw(serve)
    s = sluice(CONF, backend=b.address)
    body = random.Random(2).randbytes(200_000)
    with s.client() as c:
        c.send(head("/buffer", Content_Length=len(body)) + body[:65_000])
        assert s.get("/none", host="a.example").status == 404
        assert b.connections() == 0
        c.send(body[65_000:70_000])
        wait_for(lambda: "first" in b.notes(), what="the first part at the backend")
        c.send(body[70_000:])
        assert c.response().body == digest(body)


def test_empty_and_pipelined_bodies(sluice, backend):
    b = backend.http(answer)
    s = sluice(CONF, backend=b.address)
    with s.client() as c:
        c.send(head("/whole", Transfer_Encoding="chunked") + b"0\r\n\r\n"
               + head("/whole", Content_Length=3) + b"abc"
               + head("/buffer", Transfer_Encoding="chunked") + chunk(b"xy") + b"0\r\n\r\n"
               + head("/whole", Content_Length=0) + head("/get", "GET"))
        assert [c.response().body for _ in range(5)] == [
            digest(x) for x in (b"", b"abc", b"xy", b"", b"")]
    assert [r.header("content-length") for r in b.requests()] == ["0", "3", "2", "0", None]


@pytest.mark.slow
def test_100_mib_are_stored_in_a_file_and_memory_stays_flat(sluice, backend):
    def serve(conn):
        request = conn.read_head().decode()
        left, sha = 100 * MIB, hashlib.sha256()
        assert f"Content-Length: {left}\r\n" in request
        while left:
            part = conn.read_exact(min(left, MIB))
            sha.update(part)
            left -= len(part)
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + sha.hexdigest().encode())

    b = backend.raw(serve)
    s = sluice(CONF, backend=b.address)
    assert s.get("/none").status == 404
    before = s.pss_kib("proxy")
    part = random.Random(3).randbytes(MIB)
    sha = hashlib.sha256()
    with s.client(timeout=60) as c:
        c.send(head("/whole", Transfer_Encoding="chunked"))
        for i in range(100):
            data = part[i:] + part[:i]
            sha.update(data)
            c.send(chunk(data))
        wait_for(lambda: spooled(s) == [100 * MIB - 64 * 1024], 30, "all of it in the file")
        assert s.pss_kib("proxy") - before < 4096
        assert b.connections() == 0
        assert s.stats()["bodies_spilled"] == 1
        c.send(b"0\r\n\r\n")
        assert c.response().body == sha.hexdigest().encode()
    assert s.pss_kib("proxy") - before < 4096
    expect_nothing_left(s)


def test_short_memory_sends_bodies_to_the_file(sluice, backend):
    b = backend.http(answer)
    s = sluice(CONF.replace("body-buffer 64K", "body-buffer 64M ; request-buffering on")
               + "buffer-memory 8M\n", backend=b.address)
    body = bytes(20 * MIB)
    with s.client(timeout=30) as c:
        c.send(head("/buffer", Content_Length=len(body)) + body[:-1])
        wait_for(lambda: 14 * MIB < sum(spooled(s)) < 20 * MIB, what="most of it in the file")
        assert b.connections() == 0
        c.send(body[-1:])
        assert c.response().body == digest(body)
    expect_nothing_left(s)


def test_413_beyond_what_may_be_stored(sluice, backend):
    b = backend.http(answer)
    s = sluice(CONF, backend=b.address)
    most = MIB + 16 * 1024
    body = bytes(most)
    assert s.get("/spill", method="POST", body=body).body == digest(body)
    with s.client() as c:
        c.send(head("/spill", Content_Length=most + 1))
        assert c.response().status == 413
    with s.client() as c:
        c.send(head("/spill", Transfer_Encoding="chunked") + chunk(body) + chunk(b"x"))
        assert c.response().status == 413
    with H2Client("127.0.0.1", s.ports["port_tls"]) as c:
        number = c.start("/spill", "POST", end=False)
        c.send(number, body + b"x")
        assert c.wait(number).status == 413
    assert len(b.requests()) == 1
    expect_nothing_left(s)


def test_what_is_wrong_with_a_body_is_found_before_the_backend_is_asked(sluice, backend):
    b = backend.http(answer)
    s = sluice(CONF, backend=b.address)
    with s.client() as c:
        c.send(head("/limit", Transfer_Encoding="chunked") + chunk(bytes(100 * 1024)) + chunk(b"x"))
        assert c.response().status == 413
    with s.client() as c:
        c.send(head("/whole", Transfer_Encoding="chunked") + b"zz\r\n")
        assert c.response().status == 400
    with s.client() as c:
        c.send(head("/late", Content_Length=2) + b"x")
        assert c.response().status == 408
    with s.client() as c:
        c.send(head("/spill", Content_Length=100_000) + bytes(50_000))
        wait_for(lambda: spooled(s), what="the file")
    with H2Client("127.0.0.1", s.ports["port_tls"]) as c:
        number = c.start("/spill", "POST", end=False)
        c.send(number, bytes(50_000))
        wait_for(lambda: spooled(s), what="the file")
        c.conn.reset_stream(number)
        c.flush()
        expect_nothing_left(s)
    wait_for(lambda: s.stats()["connections_open"] == 0, what="no open connection")
    assert b.connections() == 0


def test_a_killed_proxy_leaves_nothing(sluice, backend):
    s = sluice(CONF, backend=backend.http(answer).address)
    folder = s.state_path / "spool"
    mode = folder.stat()
    assert stat.S_IMODE(mode.st_mode) == 0o700
    with s.client() as c:
        c.send(head("/spill", Content_Length=100_000) + bytes(90_000))
        wait_for(lambda: spooled(s), what="the file")
        assert os.listdir(folder) == []
        s.kill("proxy")
        assert c.eof()
    assert os.listdir(folder) == []
    body = bytes(200_000)
    assert s.get("/spill", method="POST", body=body).body == digest(body)
    expect_nothing_left(s)


@pytest.mark.root
def test_a_full_disk_is_an_error_of_that_request_alone(sluice, backend, box):
    folder = box.path("state/spool")
    folder.mkdir(parents=True)
    run("mount", "-t", "tmpfs", "-o", "size=256k", "spool", folder)
    box.defer(lambda: run("umount", "-l", folder))
    b = backend.http(answer)
    s = sluice(CONF + "log level info\n", backend=b.address)
    for _ in range(3):
        with s.client() as c:
            c.send(head("/spill", Content_Length=900_000) + bytes(300_000))
            assert c.response().status == 507
    assert s.get("/spill", method="POST", body=BODY).body == digest(BODY)
    assert s.log.count("spool cannot store a body") == 1
    assert s.stats()["spool_failed"] == 3
    expect_nothing_left(s)


POOL = """\
listen 127.0.0.1:@port@ plain
threads 1
site * {
    route / -> http://@one@ http://@two@ { @buffering@ }
}
"""


@pytest.mark.parametrize("buffering", ["body-buffer 1M", "body-buffer 8K ; request-buffering on"])
def test_a_stored_body_is_sent_again_to_another_backend(sluice, backend, buffering):
    def fail(conn):
        conn.read_head()
        conn.note("failed")
        conn.read_exact(30_000)

    one, two = backend.raw(fail), backend.http(answer)
    s = sluice(POOL, one=one.address, two=two.address, buffering=buffering)
    for _ in range(2):
        assert s.get("/", method="PUT", body=BODY).body == digest(BODY)
    assert one.notes()
    statuses = {s.get("/", method="POST", body=BODY).status for _ in range(2)}
    assert statuses == {200, 502}
    expect_nothing_left(s)


# --- answers --------------------------------------------------------------------------------------

AHEAD = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls http2
certificate default @cert@
threads 1
site * {
    route /            -> http://@backend@ { buffers 4 32K file 64M }
    route /busy        -> http://@backend@ { buffers 8 32K busy 64K file 64M }
    route /memory      -> http://@backend@ { buffers 1024 32K }
    route /little      -> http://@backend@ { buffers 4 32K file 2M }
    route /compressed  -> http://@backend@ { buffers 4 32K file 64M ; compress on }
    route /default     -> http://@backend@
}
"""
LARGE = random.Random(4).randbytes(MIB) * 20
TEXT = "".join(f"{i} {random.Random(i).random()}\n" for i in range(MIB)).encode()[:20 * MIB]


def serve_large(framing, body=LARGE, more=""):
    """Notes when all of the answer was taken from it."""
    def serve(conn):
        while conn.read_head():
            start = f"HTTP/1.1 200 OK\r\n{more}"
            if framing == "length":
                conn.send(f"{start}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            elif framing == "chunked":
                conn.send(f"{start}Transfer-Encoding: chunked\r\n\r\n".encode())
                for i in range(0, len(body), 100_000):
                    conn.send(chunk(body[i:i + 100_000]))
                conn.send(b"0\r\n\r\n")
            else:
                conn.send(f"{start}\r\n".encode() + body)
            conn.note("sent")
            if framing == "close":
                return
    return serve


@pytest.mark.parametrize("path", ["/", "/busy", "/memory"])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_the_backend_is_free_while_a_slow_client_still_reads(sluice, backend, framing, path):
    b = backend.raw(serve_large(framing))
    s = sluice(AHEAD, backend=b.address)
    with s.client(timeout=30) as c:
        c.send(head(path, "GET"))
        wait_for(lambda: b.notes() == ["sent"], 20, "all of the answer to be taken")
        assert c.response().body == LARGE
        # The next request finds the connection of the first one free.
        c.send(head(path, "GET"))
        assert c.response().body == LARGE
    assert b.connections() == (2 if framing == "close" else 1)
    expect_nothing_left(s)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_the_backend_is_free_while_a_closed_window_still_waits(sluice, backend, framing):
    b = backend.raw(serve_large(framing, LARGE[:4 * MIB]))
    s = sluice(AHEAD, backend=b.address)
    with H2Client("127.0.0.1", s.ports["port_tls"], timeout=30) as c:
        number = c.start("/")
        wait_for(lambda: b.notes() == ["sent"], 20, "all of the answer to be taken")
        assert c.wait(number).body == LARGE[:4 * MIB]
    expect_nothing_left(s)


def test_what_was_read_ahead_is_compressed_on_its_way_out(sluice, backend):
    b = backend.raw(serve_large("length", TEXT, "Content-Type: text/plain\r\n"))
    s = sluice(AHEAD, backend=b.address)
    with s.client(timeout=60) as c:
        c.send(head("/compressed", "GET", Accept_Encoding="gzip"))
        wait_for(lambda: b.notes() == ["sent"], 40, "all of the answer to be taken")
        r = c.response()
        assert r.header("content-encoding") == "gzip"
        assert undo("gzip", r.body) == (TEXT, True)
    expect_nothing_left(s)


def test_memory_stays_flat_and_the_file_within_its_limit(sluice, backend):
    b = backend.raw(serve_large("length"))
    s = sluice(AHEAD, backend=b.address)
    assert s.get("/none/../default", method="HEAD").status
    before = s.pss_kib("proxy")
    with s.client(timeout=30) as c:
        c.send(head("/little", "GET"))
        wait_for(lambda: spooled(s) == [2 * MIB], what="a full file")
        assert s.pss_kib("proxy") - before < 4096
        assert c.response().body == LARGE
        assert spooled(s) == [] or max(spooled(s)) <= 2 * MIB
    expect_nothing_left(s)


def test_a_client_that_leaves_takes_the_file_along(sluice, backend):
    b = backend.raw(serve_large("length"))
    s = sluice(AHEAD, backend=b.address)
    with s.client() as c:
        c.send(head("/", "GET"))
        wait_for(lambda: b.notes() == ["sent"], 20, "all of the answer to be taken")
        assert len(spooled(s)) == 1
    expect_nothing_left(s)


def test_a_backend_that_breaks_off_is_seen_by_the_client(sluice, backend):
    def serve(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n" + LARGE)
        conn.note("sent")

    b = backend.raw(serve)
    s = sluice(AHEAD, backend=b.address)
    with s.client(timeout=30) as c:
        c.send(head("/", "GET"))
        wait_for(lambda: b.notes() == ["sent"], 20, "all of the answer to be taken")
        with pytest.raises((ConnectionError, ProtocolError)):
            c.response()
    expect_nothing_left(s)


@pytest.mark.parametrize("kind", ["text/event-stream", "text/plain"])
def test_nothing_is_held_back(sluice, backend, box, kind):
    def serve(conn):
        conn.read_head()
        conn.send(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())
        for i in range(5):
            conn.send(b"data: %d\n\n" % i)
            wait_for(lambda i=i: box.path(f"go{i}").exists(), 10, "the client")

    b = backend.raw(serve)
    s = sluice(AHEAD, backend=b.address)
    with s.client() as c:
        c.send(head("/busy", "GET"))
        for i in range(5):
            c.read_until(b"data: %d\n\n" % i)
            box.write(f"go{i}", "")


@pytest.mark.parametrize("kind", ["text/event-stream; charset=utf-8", "multipart/x-mixed-replace; boundary=x"])
def test_a_stream_is_not_stored_and_nobody_waits_for_it(sluice, backend, box, kind):
    """Each who listens has a stream of its own, though the place stores what comes."""
    def serve(conn):
        conn.read_head()
        conn.send(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nCache-Control: max-age=60\r\n\r\ndata: 0\n\n".encode())
        wait_for(lambda: box.path("over").exists(), 20, "the clients")
    s = sluice("listen 127.0.0.1:@port@ plain\nsite * { cache on default-ttl 60s ; route / -> http://@backend@ }\n",
               backend=backend.raw(serve).address)
    with s.client() as first, s.client() as second, s.client() as third:
        for c in (first, second, third):
            c.send(head("/events", "GET"))
            c.read_until(b"data: 0\n\n")
        box.write("over", "")
    assert s.stats()["cache_stored"] == 0


@pytest.mark.root
def test_on_a_full_disk_the_backend_waits_for_the_client(sluice, backend, box):
    folder = box.path("state/spool")
    folder.mkdir(parents=True)
    run("mount", "-t", "tmpfs", "-o", "size=256k", "spool", folder)
    box.defer(lambda: run("umount", "-l", folder))
    b = backend.raw(serve_large("chunked"))
    s = sluice(AHEAD, backend=b.address)
    with s.client(timeout=30) as c:
        c.send(head("/", "GET"))
        wait_for(lambda: s.stats()["spool_failed"] == 1, what="the disk to be full")
        assert b.notes() == []
        assert c.response().body == LARGE
    assert s.stats()["spool_failed"] == 1
    expect_nothing_left(s)
