"""The disk tier of the cache: what outlives the process, what must not, and disks that refuse."""

import contextlib
import itertools
import os
import pathlib
import random
import shutil
import subprocess
import threading

import client
import pytest
from daemon import BIN, free_port
from h2_client import H2Client
from lab import wait_for
from proxy_alone import Host

CONF = """\
listen 127.0.0.1:@port@ plain
cache on
cache memory 4M
cache disk 64M @dir@/disk free 1M
site * -> http://@backend@
"""
LOADED = '"disk cache" answers='
counts = {}
lock = threading.Lock()


def answer(request):
    """A body that only this version of this path has; PUT makes a new one."""
    path = request.target
    with lock:
        if request.method == "PUT":
            counts[path] = counts.get(path, 0) + 1
            return 204, [("X-Version", str(counts[path]))], b""
        n = counts.get(path, 0)
        counts["asked " + path] = counts.get("asked " + path, 0) + 1
        asked = counts["asked " + path]
    size = int(path.rpartition("/")[2]) if path[-1].isdigit() else 100
    fields = [("Cache-Control", "max-age=3600"), ("Content-Type", "text/css"), ("Cache-Tag", "all " + path[1:2]),
              ("X-Asked", str(asked)), ("ETag", f'"{n}"')]
    if "vary" in path:
        fields.append(("Vary", "X-Kind"))
    if "short" in path:
        fields[0] = ("Cache-Control", "max-age=1")
    return 200, fields, body_of(path, n, size)


def body_of(path, version, size):
    line = f"{path} {version} {random.Random(path + str(version)).random()}\n".encode()
    return (line * (size // len(line) + 1))[:size]


@pytest.fixture
def origin(backend):
    counts.clear()
    return backend.http(answer)


def hit(answer):
    return "; hit" in answer.header("cache-status", "")


def on_disk(site, n):
    wait_for(lambda: site.stats()["cache_disk_objects"] >= n and site.stats()["cache_disk_writes"] >= n,
             what=f"{n} answers on disk")


def is_empty(folder):
    return not any(file.stat().st_size for file in folder.glob("*.seg"))


def restart_proxy(site):
    """Kills it with -9; its successor finds what is on disk."""
    before = site.log.count(LOADED)
    site.kill("proxy")
    wait_for(lambda: site.log.count(LOADED) > before, what="the index")


def test_what_was_stored_outlives_the_process(sluice, origin):
    site = sluice(CONF, backend=origin.address)
    first = {path: site.get(path) for path in ("/a/100", "/b/0", "/c/200000", "/d?x=y")}
    kinds = {kind: site.get("/vary/50", headers=[("X-Kind", kind)]) for kind in ("one", "two")}
    on_disk(site, 6)
    restart_proxy(site)
    for path, before in first.items():
        again = site.get(path)
        assert again.body == before.body and again.header("x-asked") == "1"
        assert 'hit' in again.header("cache-status") and 'detail="disk"' in again.header("cache-status")
        assert int(again.header("age")) >= 0
    for kind, before in kinds.items():
        again = site.get("/vary/50", headers=[("X-Kind", kind)])
        assert again.body == before.body and again.header("x-asked") == before.header("x-asked")
    assert "vary-miss" in site.get("/vary/50", headers=[("X-Kind", "three")]).header("cache-status")
    part = site.get("/c/200000", headers=[("Range", "bytes=1000-1999")])
    assert part.status == 206 and part.body == first["/c/200000"].body[1000:2000]
    stats = site.stats()
    assert stats["cache_disk_hits"] == 6 and stats["cache_disk_errors"] == 0


def test_http2_waits_for_the_disk_as_well(sluice, origin):
    """The same objects, whose key has the listener's port: only TLS here."""
    tls = "listen 127.0.0.1:@port@ tls http2\ncertificate default @cert@\n"
    site = sluice(tls + CONF.partition("\n")[2], backend=origin.address)

    def ask(*requests):
        with H2Client("127.0.0.1", site.port, "a.example") as c:
            numbers = [c.start(path, method) for path, method in requests]
            return [c.wait(n) for n in numbers]
    paths = [f"/x/{i * 9000}" for i in range(8)]
    before = ask(*((path, "GET") for path in paths))
    on_disk(site, len(paths))
    restart_proxy(site)
    again = ask(*((path, "GET") for path in paths * 2))
    assert [a.body for a in again] == [b.body for b in before] * 2
    assert all(a.header("x-asked") == "1" for a in again) and site.stats()["cache_disk_hits"] == len(paths)
    assert ask((paths[3], "PUT"))[0].status == 204
    restart_proxy(site)
    assert [a.header("x-asked") for a in ask(*((path, "GET") for path in paths[2:5]))] == ["1", "2", "1"]


def test_what_was_purged_never_comes_back(sluice, origin):
    """Each way of saying so, and the process dies at once behind the answer."""
    site = sluice(CONF, backend=origin.address)
    url = f"http://a.example"

    def purge(*words):
        assert site.ctl("cache", "purge", *words)

    ways = {"/u/100": lambda: purge(f"{url}/u/100"), "/p/100": lambda: purge("--prefix", f"{url}/p/"),
            "/t/100": lambda: purge("--tag", "t"), "/w/100": lambda: site.get("/w/100", method="PUT", body=b"x"),
            "/l/100": lambda: site.ctl("cache", "clear")}
    for path, way in ways.items():
        wait_for(lambda: hit(site.get(path)), what="a hit")
        wait_for(lambda: site.stats()["cache_disk_writes"] >= 1, what="it is written")
        asked = site.get(path).header("x-asked")
        before = site.log.count(LOADED)
        way()
        site.kill("proxy", wait=False)
        wait_for(lambda: site.log.count(LOADED) > before, what="the index")
        again = site.get(path)
        assert not hit(again) and int(again.header("x-asked")) > int(asked), path
    listed = site.ctl("cache", "ls", json=True)
    assert len(listed) == 1


def test_the_commands_show_the_disk(sluice, origin):
    site = sluice(CONF, backend=origin.address)
    for i in range(5):
        site.get(f"/s/{1000 + i}")
    on_disk(site, 5)
    restart_proxy(site)
    listed = site.ctl("cache", "ls", "http://a.example/s", json=True)
    assert sorted((o["size"], o["tier"]) for o in listed) == [(1000 + i, "disk") for i in range(5)]
    assert all(o["status"] == 200 and 3500 < o["ttl"] <= 3600 for o in listed)
    text = site.ctl("cache", "show", "http://a.example/s/1002").stdout
    assert "# 1002 bytes, age " in text and "HTTP/1.1 200 Status\n" in text and "Cache-Tag: all s" in text
    assert site.ctl("cache", "show", "http://a.example/s/1009").stdout == "nothing is stored for it\n"
    shown = site.ctl("cache", "show", "http://a.example/s/1002", json=True)
    assert [(o["tier"], o["type"], o["size"]) for o in shown] == [("disk", "text/css", 1002)]
    site.get("/s/1001")
    listed = site.ctl("cache", "ls", json=True)
    assert sorted(o["tier"] for o in listed) == ["disk"] * 4 + ["memory"]
    text = site.ctl("cache", "status").stdout
    assert site.api("GET", "/v1/cache")[1]["disk"] == "open" and "disk             open\n" in text
    assert "disk_objects     5" in text and "disk_hits        1" in text and "disk_limit       67108864 (64M)" in text
    assert "5 purged" in site.ctl("cache", "purge", "--prefix", "http://a.example/s/").stdout
    assert "disk_objects     0" in site.ctl("cache", "status").stdout
    for kind in ("a", "b"):
        site.get("/vary", headers=[("X-Kind", kind)])
    on_disk(site, 2)
    restart_proxy(site)
    assert hit(site.get("/vary", headers=[("X-Kind", "a")]))  # one is in memory now, the other is not
    shown = site.ctl("cache", "show", "http://a.example/vary", json=True)
    assert sorted((o["tier"], o["vary"]) for o in shown) == [("disk", "x-kind"), ("memory", "x-kind")]


def test_a_damaged_answer_is_fetched_anew(sluice, origin):
    site = sluice(CONF, backend=origin.address)
    paths = [f"/x/{5000 + i}" for i in range(20)]
    bodies = {path: site.get(path).body for path in paths}
    on_disk(site, 20)
    site.kill("proxy")
    restart_proxy_after = site.log.count(LOADED)
    wait_for(lambda: hit(site.get(paths[0])), what="a hit")
    for file in (site.dir / "disk").glob("*.seg"):
        data = bytearray(file.read_bytes())
        for i in range(7):
            at = data.find(f"/x/{5003 + i} 0 ".encode())
            data[at + 40] ^= 1
        file.write_bytes(bytes(data))
    assert all(site.get(path).body == bodies[path] for path in paths)
    assert site.stats()["cache_disk_corrupted"] == 7
    assert restart_proxy_after


def test_a_reload_may_change_it(sluice, origin):
    site = sluice(CONF, backend=origin.address)
    for i in range(36):
        site.get(f"/s/{500000 + i}")
        wait_for(lambda: site.stats()["cache_disk_writes"] > i, what="it is written")
    assert wait_for(lambda: site.stats()["cache_disk_bytes"] > 16 << 20, what="more than a smaller one holds")
    site.write(CONF.replace("64M", "16M"))
    site.reload()
    wait_for(lambda: site.stats()["cache_disk_bytes"] <= 16 << 20, what="it has shrunk")
    assert site.stats()["cache_disk_objects"] > 0
    site.write(CONF.replace("@dir@/disk", "@dir@/other"))
    site.reload()
    wait_for(lambda: site.stats()["cache_disk_objects"] == 0, what="the other folder")
    assert is_empty(site.dir / "disk")
    site.get("/s/77")
    on_disk(site, 1)
    assert not is_empty(site.dir / "other")
    site.write(CONF.replace("@dir@/disk", "@dir@"))
    assert "in use by others" in site.reload(ok=False)
    site.write(CONF.replace("cache disk", "#"))
    site.reload()
    wait_for(lambda: is_empty(site.dir / "other"), what="it is empty")
    assert site.stats()["cache_disk_errors"] == 0


def test_a_new_version_takes_the_folder_over(sluice, origin):
    site = sluice(CONF, backend=origin.address)
    before = site.get("/u/3000")
    on_disk(site, 1)
    site.ctl("upgrade", str(site.exe))
    wait_for(lambda: site.stats()["cache_disk_objects"] == 1, what="what was stored before")
    again = site.get("/u/3000")
    assert hit(again) and again.header("x-asked") == before.header("x-asked") == "1"


RELEASE = pathlib.Path(os.environ.get("SLUICE_RELEASE_BIN", "/nonexistent"))
ALONE = """\
listen 127.0.0.1:@port@ plain
cache on
cache memory 2M disk 16M {folder} free 1M
site * -> http://{backend}
"""
KILLS = 200
PATHS = [f"/k{i}/{size}" for i, size in enumerate([0, 1, 90, 700, 5000, 9000, 40000, 120000, 300000, 390000] * 3)]


@pytest.fixture
def folder(box):
    """As the parent makes it."""
    path = box.path("disk")
    path.mkdir()
    with contextlib.suppress(LookupError):
        shutil.chown(path, "sluice-proxy", "sluice-proxy")
    path.chmod(0o700)
    return path


class Client:
    """What it was told of each path: the least version that may be seen, and the greatest."""

    def __init__(self, chance):
        self.chance = chance
        self.least, self.most = dict.fromkeys(PATHS, 0), dict.fromkeys(PATHS, 0)
        self.answers, self.from_disk = 0, 0

    def live(self, port):
        """Until the proxy dies."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            with client.RawClient("127.0.0.1", port) as c:
                while True:
                    self.step(c)

    def step(self, c):
        path = self.chance.choice(PATHS)
        if self.chance.random() < 0.1:
            self.most[path] += 1  # whether the answer comes or not
            done = c.request("PUT", path, body=b"x")
            if done.status == 204:
                self.least[path] = int(done.header("x-version"))
            return
        seen = c.request("GET", path)
        size = int(path.rpartition("/")[2])
        if seen.status != 200 or len(seen.body) != size:
            raise ValueError("cut")
        self.answers += 1
        self.from_disk += 'detail="disk"' in seen.header("cache-status")
        version = int(seen.header("etag").strip('"'))
        assert seen.body == body_of(path, version, size), path
        assert self.least[path] <= version <= self.most[path], (path, version, self.least[path])
        self.most[path] = max(self.most[path], version)


def test_killed_in_the_middle_of_writes(box, origin, folder):
    """200 times: no wrong byte, nothing that was over."""
    chance = random.Random(7)
    one, port = Client(chance), free_port()  # which is part of a stored answer's key
    program = RELEASE if (RELEASE / "tests/proxy_host").exists() else BIN  # it starts in a quarter of the time
    for _ in range(KILLS):
        host = Host(box, ALONE.format(folder=folder, backend=origin.address), stores=folder, port=port,
                    program=program)
        death = threading.Timer(chance.uniform(0.003, 0.03), host.kill)
        death.start()
        one.live(host.port)
        death.join()
    assert one.answers > 2 * KILLS and one.from_disk > KILLS


def mounted(box, size):
    path = box.path("small")
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", path], check=True)
    box.defer(lambda: subprocess.run(["umount", "-l", path], check=True))
    return path


def fill(path):
    with contextlib.suppress(OSError), open(path, "ab", buffering=0) as f:
        while True:
            f.write(bytes(1 << 16))


def disk_errors(site):
    return site.log.count("the disk cache cannot go on")


@pytest.mark.root
def test_a_full_disk_harms_nobody(sluice, origin, box):
    small = mounted(box, "24M")
    site = sluice(CONF.replace("@dir@/disk", str(small / "disk")).replace("free 1M", "free 4M"), backend=origin.address)
    for i in range(40):
        assert len(site.get(f"/f/{700000 + i}").body) == 700000 + i
        wait_for(lambda: site.stats()["cache_disk_writes"] > i, what="it is written")
        assert shutil.disk_usage(small).free >= 4 << 20
    assert site.stats()["cache_disk_evicted"] > 0
    # Somebody else takes what is left.
    fill(small / "other")
    for i in range(10):
        assert len(site.get(f"/g/{700000 + i}").body) == 700000 + i
    site.ctl("cache", "purge", "--prefix", "http://a.example/g/")
    assert not hit(site.get("/g/700009"))
    assert disk_errors(site) <= 1
    more = itertools.count(700000)

    def is_full():  # of what we give back, too
        fill(small / "other")
        assert site.get(f"/i/{next(more)}").status == 200
        return site.log.count("the disk of the cache is full")

    wait_for(is_full, timeout=15, what="it is told that there is no room")
    for _ in range(3):
        is_full()
    assert is_full() == 1 and disk_errors(site) <= 1
    (small / "other").unlink()
    assert site.get("/h/100").status == 200
    wait_for(lambda: site.stats()["cache_disk_objects"] > 0, timeout=15, what="it works again")


@pytest.mark.root
def test_a_disk_that_cannot_be_written_harms_nobody(sluice, origin, box):
    small = mounted(box, "24M")
    site = sluice(CONF.replace("@dir@/disk", str(small / "disk")), backend=origin.address)
    site.get("/r/5000")
    on_disk(site, 1)
    site.stop()
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    site.start()
    for i in range(3):
        assert site.get(f"/r/{7000 + i}").status == 200 and hit(site.get(f"/r/{7000 + i}"))
    wait_for(lambda: disk_errors(site) == 1, what="it is noticed")
    # What is purged now does not come back, whatever the disk does.
    assert site.ctl("cache", "clear").stdout == "3 purged\n"
    subprocess.run(["mount", "-o", "remount,rw", small], check=True)
    wait_for(lambda: site.log.count(LOADED) == 2, timeout=20, what="it is tried again")
    assert disk_errors(site) == 1
    assert site.stats()["cache_disk_objects"] == 0 and not hit(site.get("/r/5000"))
    on_disk(site, 1)


@pytest.mark.root
def test_a_folder_that_vanishes_harms_nobody(sluice, origin):
    site = sluice(CONF.replace("64M", "16M"), backend=origin.address)
    site.get("/v/5000")
    on_disk(site, 1)
    shutil.rmtree(site.dir / "disk")
    sizes = itertools.count(300000)

    def is_noticed():  # a busy disk may leave some of them out
        size = next(sizes)
        assert len(site.get(f"/v/{size}").body) == size
        return site.stats()["cache_disk_errors"] > 0

    wait_for(is_noticed, what="it is noticed")
    assert site.get("/v/5000").status == 200 and disk_errors(site) == 1
    assert site.ctl("cache", "clear").returncode == 0
    assert not hit(site.get("/v/5000"))
