"""The cache against a reference: a random life of reads, writes, purges, reloads and deaths, in which nobody may ever
see anything but what was written last. All writes go through the proxy, so it knows of each."""

import random
import threading

import pytest
from codings import undo

CONF = """\
listen 127.0.0.1:@port@ plain
cache on
cache memory 1M @disk@
compress on
site * -> http://@backend@
"""
URLS = 24
STEPS = 1500
versions = {}
lock = threading.Lock()


def content(path, version):
    """Sizes from nothing to more than a quarter of the budget, so that some are never stored."""
    maker = random.Random(f"{path} {version}")
    line = f"{path} {version} {maker.random()}\n".encode()
    return line * maker.choice([0, 1, 30, 400, 2000, 9000])


def answer(request):
    path = request.target
    with lock:
        if request.method in ("PUT", "DELETE"):
            versions[path] = versions.get(path, 0) + 1
            return 204, [], b""
        version = versions.get(path, 0)
    control = ("max-age=3600", "max-age=0", "no-store", "no-cache", "s-maxage=60")[len(path) % 5]
    fields = [("Cache-Control", control), ("ETag", f'"{version}"'), ("Content-Type", "text/plain")]
    if request.header("if-none-match") in (f'"{version}"', f'W/"{version}"'):
        return 304, fields, b""
    return 200, fields, content(path, version)


@pytest.mark.parametrize("seed, disk", [(1, ""), (2, "disk 16M @dir@/disk free 1M"), (3, "disk 16M @dir@/disk")],
                         ids=["memory", "disk", "default-floor"])
def test_nobody_sees_what_is_over(sluice, backend, seed, disk):
    origin = backend.http(answer)
    site = sluice(CONF.replace("@disk@", disk), backend=origin.address)
    chance = random.Random(seed)
    paths = ["/" + "x" * (i % 5) + str(i) for i in range(URLS)]
    now = dict.fromkeys(paths, 0)
    clients = [site.client() for _ in range(4)]
    for _ in range(STEPS):
        path, c = chance.choice(paths), chance.choice(clients)
        dice = chance.random()
        body = content(path, now[path])
        if dice < 0.12:
            assert c.request(chance.choice(["PUT", "DELETE"]), path, body=b"x").status == 204
            now[path] += 1
        elif dice < 0.14:
            site.ctl("cache", "purge", "--prefix", "http://a.example" + path)
        elif dice < 0.145:
            site.reload()
            clients = [site.client() for _ in range(4)]
        elif dice < 0.15 and disk:
            site.kill("proxy")
            clients = [site.client() for _ in range(4)]
        elif dice < 0.25 and body:
            first = chance.randrange(len(body))
            part = c.request("GET", path, headers=[("Range", f"bytes={first}-{first + 99}")])
            assert part.body == (body[first:first + 100] if part.status == 206 else body)
        elif dice < 0.4:
            tag = chance.randrange(now[path] + 1)
            seen = c.request("GET", path, headers=[("If-None-Match", f'"{tag}"')])
            assert seen.status == (304 if tag == now[path] else 200)
            assert seen.status == 304 or seen.body == body
        elif dice < 0.7:
            coding = chance.choice(["gzip", "br"])
            seen = c.request("GET", path, headers=[("Accept-Encoding", coding)])
            have = seen.header("content-encoding")
            assert (undo(have, seen.body)[0] if have else seen.body) == body
        else:
            assert c.request("GET", path).body == body
    stats = site.stats()
    if disk:  # the counters of the last life
        assert stats["cache_disk_objects"] > 0 and stats["cache_disk_errors"] == stats["cache_disk_corrupted"] == 0
    else:
        assert stats["cache_hits"] > STEPS / 10 and stats["cache_validated"] > 0 and stats["cache_evicted"] > 0
    assert stats["cache_memory"] <= 1 << 20
