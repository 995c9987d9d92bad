"""Answers that are too large for the cache's memory: they go to disk while they are relayed, and are sent from there."""

import gzip
import random
import threading
import time

import pytest
from h2_client import H2Client
from lab import wait_for
from test_daemon_cache_disk import LOADED, hit, restart_proxy

CONF = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port2@ tls http2
certificate default @cert@
cache on
cache memory 2M disk 96M @dir@/disk free 1M
@more@
site * -> http://@backend@
"""
SIZE = 3_000_000  # more than a quarter of the memory, and no multiple of a piece
PIECE = 128 * 1024
GATE = threading.Event()


def body_of(path, version=0):
    return random.Random(path + str(version)).randbytes(SIZE)


def answer(request):
    """/len, /chunked, /cut, /held…: how it comes. /text can be compressed, a little."""
    path = request.target
    body = body_of(path)
    fields = [("Cache-Control", "max-age=3600, stale-if-error=60"), ("ETag", '"one"'), ("Cache-Tag", "big")]
    if path.startswith("/stale"):
        fields[0] = ("Cache-Control", "max-age=0")
        if request.header("if-none-match") == '"one"':
            return 304, fields, b""
    if path.startswith("/text"):
        fields.append(("Content-Type", "text/plain"))
        body = body.hex().encode()
    if path.startswith("/big"):
        body = bytes(20 << 20)
    if path.startswith("/huge"):
        body = bytes(25 << 20)
    if path.startswith("/cut"):
        head = "HTTP/1.1 200 OK\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields)
        return f"{head}Content-Length: {SIZE}\r\nConnection: close\r\n\r\n".encode() + body[:-10]
    if path.startswith("/chunked"):
        head = "HTTP/1.1 200 OK\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields) + "Transfer-Encoding: chunked\r\n\r\n"
        chunks = [body[at:at + 50021] for at in range(0, len(body), 50021)]
        return head.encode() + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"
    return 200, fields, body


@pytest.fixture
def origin(backend):
    return backend.http(answer)


def asked(origin, path):
    return sum(r.target == path and r.method == "GET" for r in origin.requests())


def over_h2(site, path, method="GET", headers=()):
    with H2Client("127.0.0.1", site.ports["port2"], "a.example", timeout=30) as c:
        return c.request(path, method, headers=headers)


def wait_written(site, n):
    wait_for(lambda: site.stats()["cache_disk_writes"] >= n, what=f"{n} answers on disk")


def segments(site):
    return sorted(f for f in (site.dir / "disk").glob("*.seg") if int(f.stem, 16) % 65536)


@pytest.mark.parametrize("fields", [(), (("cache-control", "only-if-cached"),)])
def test_a_client_that_takes_nothing_of_many_keeps_nobody_from_the_disk(sluice, origin, fields):
    s = sluice(CONF.replace("2M disk 96M", "16M disk 400M"), backend=origin.address, more="")
    wait_for(lambda: LOADED in s.log, 20, "the disk")
    options = {"tls": True, "port": s.ports["port2"]}
    wait_for(lambda: hit(s.get("/big", **options)), 20, "it is stored")
    with H2Client("127.0.0.1", s.ports["port2"], window=0) as c:
        numbers = [c.start("/big", authority="a.example", headers=fields) for _ in range(40)]
        c.wait_for(lambda: all(c.streams[n].status for n in numbers[:4]))
        for _ in range(3):
            assert hit(s.get("/big", **options))


def test_what_the_backend_confirms_is_sent_whatever_the_connection_holds(sluice, origin):
    site = sluice(CONF, backend=origin.address, more="")
    assert site.get("/stale", tls=True, port=site.ports["port2"]).status == 200
    wait_written(site, 1)
    with H2Client("127.0.0.1", site.ports["port2"], window=0) as c:
        numbers = [c.start("/stale", authority="a.example") for _ in range(2)]
        c.wait_for(lambda: all(c.streams[n].status for n in numbers))
        assert [c.streams[n].status for n in numbers] == [200, 200]


def test_what_is_fresh_is_sent_when_the_backend_is_away_whatever_the_connection_holds(sluice, origin):
    site = sluice(CONF, backend=origin.address, more="")
    assert site.get("/one", tls=True, port=site.ports["port2"]).status == 200
    wait_written(site, 1)
    origin.stop()
    with H2Client("127.0.0.1", site.ports["port2"], window=0) as c:
        numbers = [c.start("/one", authority="a.example") for _ in range(2)]
        c.wait_for(lambda: all(c.streams[n].status for n in numbers))
        assert [c.streams[n].status for n in numbers] == [200, 200]
        assert all("hit" in c.streams[n].header("cache-status") for n in numbers)


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_what_is_too_large_for_memory_is_served_from_disk(sluice, origin, restart):
    site = sluice(CONF, backend=origin.address, more="")
    for n, path in enumerate(("/len", "/chunked"), 1):
        first = site.get(path)
        assert first.body == body_of(path) and "stored" in first.header("cache-status")
        wait_written(site, n)
    assert over_h2(site, "/len/2").body == body_of("/len/2")
    wait_written(site, 3)
    if restart:
        restart_proxy(site)
    for path in ("/len", "/chunked"):
        whole = body_of(path)
        for _ in range(2):
            again = site.get(path)
            assert again.body == whole and hit(again) and 'detail="disk"' in again.header("cache-status")
            assert int(again.header("content-length")) == SIZE and again.header("age") is not None
        for first, last in ((0, 0), (PIECE - 1, PIECE), (PIECE, 2 * PIECE - 1), (5 * PIECE + 7, SIZE - 1)):
            part = site.get(path, headers=[("Range", f"bytes={first}-{last}"), ("If-Range", '"one"')])
            assert part.status == 206 and part.body == whole[first:last + 1]
            assert part.header("content-range") == f"bytes {first}-{last}/{SIZE}"
        assert site.get(path, headers=[("Range", "bytes=-5")]).body == whole[-5:]
        assert site.get(path, headers=[("Range", f"bytes={SIZE}-")]).status == 416
        assert site.get(path, headers=[("Range", "bytes=0-9"), ("If-Range", '"two"')]).body == whole
        assert site.get(path, headers=[("If-None-Match", '"one"')]).status == 304
        head = site.get(path, method="HEAD")
        assert int(head.header("content-length")) == SIZE and hit(head)
    again = over_h2(site, "/len/2")
    assert again.body == body_of("/len/2") and "hit" in again.header("cache-status")
    part = over_h2(site, "/len/2", headers=[("range", f"bytes={PIECE - 5}-{3 * PIECE}")])
    assert part.status == 206 and part.body == body_of("/len/2")[PIECE - 5:3 * PIECE + 1]
    assert [asked(origin, path) for path in ("/len", "/chunked", "/len/2")] == [1, 1, 1]
    listed = site.ctl("cache", "ls", json=True)
    assert [(o["size"], o["tier"]) for o in listed] == [(SIZE, "disk")] * 3
    assert site.stats()["cache_memory"] <= 2 << 20


def test_compressed_ones_too(sluice, origin):
    site = sluice(CONF, backend=origin.address, more="compress on")
    for _ in range(2):
        got = site.get("/text", headers=[("Accept-Encoding", "gzip")])
        assert gzip.decompress(got.body) == body_of("/text").hex().encode()
        wait_written(site, 1)
    assert hit(got) and asked(origin, "/text") == 1


def test_nothing_is_left_of_what_was_not_complete(sluice, origin):
    site = sluice(CONF, backend=origin.address, more="")
    with site.client() as c, pytest.raises(Exception):
        c.request("GET", "/cut")
    assert len(site.get("/huge").body) == 25 << 20  # more than a quarter of the disk
    with site.client() as c:  # who leaves in the middle
        c.send(b"GET /len HTTP/1.1\r\nHost: a.example\r\n\r\n")
        c.recv(200_000)
    wait_for(lambda: not segments(site), what="no file")
    assert site.ctl("cache", "ls", json=True) == [] and site.stats()["cache_disk_errors"] == 0
    assert site.get("/len").body == body_of("/len")
    wait_written(site, 1)
    assert hit(site.get("/len"))


def test_purges_and_validations_are_about_them_as_well(sluice, origin):
    site = sluice(CONF, backend=origin.address, more="")
    url = "http://a.example"
    ways = [lambda: site.ctl("cache", "purge", f"{url}/len"), lambda: site.ctl("cache", "purge", "--tag", "big"),
            lambda: site.ctl("cache", "clear"), lambda: site.get("/len", method="DELETE")]
    for n, way in enumerate(ways, 1):
        assert site.get("/len").status == 200
        wait_for(lambda: hit(site.get("/len", method="HEAD")), what="it is written")
        assert hit(site.get("/len"))
        way()
        restart_proxy(site) if n % 2 else None
        assert not hit(site.get("/len", method="HEAD")), n
    wait_for(lambda: not segments(site), timeout=15, what="their files have gone")
    for n in range(3):
        got = site.get("/stale")
        assert got.body == body_of("/stale")
        wait_for(lambda: len(segments(site)) == 1, what="it is written")
    assert "fwd-status=304" in got.header("cache-status") and len(segments(site)) == 1


def test_clients_that_want_one_wait_for_one_request(sluice, origin):
    site = sluice(CONF, backend=origin.address, more="")
    bodies = []
    clients = [threading.Thread(target=lambda: bodies.append(site.get("/len", timeout=60).body)) for _ in range(12)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert bodies == [body_of("/len")] * 12
    assert asked(origin, "/len") <= 12 - 2  # those for whom there was no buffer asked themselves


def test_nobody_waits_for_long_behind_a_slow_client(sluice, origin):
    site = sluice(CONF, backend=origin.address, more="")
    done = threading.Event()
    with site.client(timeout=60) as slow:
        slow.send(b"GET /big HTTP/1.1\r\nHost: a.example\r\n\r\n")
        slow.read_until(b"\r\n\r\n")

        def trickle():
            while not done.is_set():
                slow.recv(100_000)
                time.sleep(0.1)
        reader = threading.Thread(target=trickle)
        reader.start()
        begun = time.monotonic()
        other = site.get("/big", timeout=60)
        took = time.monotonic() - begun
        done.set()
        reader.join()
    assert len(other.body) == 20 << 20 and took < 20 and asked(origin, "/big") == 2


def test_a_damaged_one_is_fetched_anew(sluice, origin):
    site = sluice(CONF, backend=origin.address, more="")
    whole = body_of("/len")
    for at, cut in ((100, False), (SIZE - 100, True)):
        site.get("/len")
        wait_for(lambda: len(segments(site)) == 1, what="it is written")
        assert site.get("/len").body == whole
        data = bytearray(segments(site)[0].read_bytes())
        data[data.find(whole[:64]) + at] ^= 1
        segments(site)[0].write_bytes(bytes(data))
        if cut:  # its head is out already: what is right is sent, and the rest is not made up
            with site.client() as c, pytest.raises(Exception):
                c.request("GET", "/len")
        assert site.get("/len").body == whole
        wait_for(lambda: hit(site.get("/len")), what="it is right again")
        site.ctl("cache", "clear")
        wait_for(lambda: not segments(site), timeout=15, what="no file")
    assert site.stats()["cache_disk_corrupted"] == 2


def test_slow_clients_hold_no_thread(sluice, origin):
    """Each of them has a buffer or two, and everybody else is served meanwhile."""
    site = sluice(CONF, backend=origin.address, more="")
    site.get("/len")
    wait_written(site, 1)
    slow = [site.client(timeout=60) for _ in range(6)]
    for c in slow:
        c.send(b"GET /len HTTP/1.1\r\nHost: a.example\r\n\r\n")
        c.read_until(b"\r\n\r\n")
    begun = time.monotonic()
    assert site.get("/other").status == 200
    assert time.monotonic() - begun < 5
    assert site.stats()["cache_memory"] <= 2 << 20
    for c in slow:
        c.close()
    wait_for(lambda: hit(site.get("/len")), what="there is a buffer again")


def test_they_come_and_go_and_the_budget_is_kept(sluice, origin):
    site = sluice(CONF.replace("96M", "16M"), backend=origin.address, more="")
    for i in range(12):
        assert site.get(f"/len/{i}").body == body_of(f"/len/{i}")
        wait_written(site, i + 1)
        assert hit(site.get("/len/0", method="HEAD")) or i > 3
        assert sum(f.stat().st_size for f in segments(site)) <= 16 << 20
    assert hit(site.get("/len/11")) and site.stats()["cache_disk_evicted"] >= 5
    before = site.log.count(LOADED)
    site.kill("proxy")
    wait_for(lambda: site.log.count(LOADED) > before, what="the index")
    assert hit(site.get("/len/11"))
