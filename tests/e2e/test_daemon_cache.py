"""`sluice cache` and /v1/cache: what is stored, and taking it out for all threads at once."""

import threading
import time
import urllib.parse

import pytest

CONF = """\
listen 127.0.0.1:@port@ plain
cache on
cache memory 8M
site * -> http://@backend@
"""
CACHED = ("Cache-Control", "max-age=3600")


def answer(request):
    if request.target == "/slow":
        time.sleep(1)
    fields = [CACHED, ("Content-Type", "text/css"), ("Cache-Tag", "all, " + request.target[1:2])]
    if request.target.startswith("/b"):
        fields.append(("Surrogate-Key", "bees"))
    return 200, fields, request.target.encode()


@pytest.fixture
def site(sluice, backend):
    origin = backend.http(answer)
    one = sluice(CONF, backend=origin.address)
    one.origin = origin
    for path in ("/a", "/a/1?x=1&y=%20", "/b", "/b/1"):
        one.get(path)
    return one


def hits(site, path):
    """By both threads: from as many connections as it takes."""
    results = {"; hit" in site.get(path).header("cache-status") for _ in range(6)}
    return results == {True}


def stored(site):
    return sorted(o["url"] for o in site.ctl("cache", "ls", json=True))


def url(path):
    return "http://a.example" + path


def test_what_is_stored_is_listed(site):
    text = site.ctl("cache", "ls").stdout
    assert text.splitlines()[0].split() == ["STATUS", "SIZE", "AGE", "TTL", "TIER", "TYPE", "VARY", "TAGS", "URL"]
    assert stored(site) == [url(p) for p in ("/a", "/a/1?x=1&y=%20", "/b", "/b/1")]
    some = site.ctl("cache", "ls", url("/b"), json=True)
    assert sorted(o["url"] for o in some) == [url("/b"), url("/b/1")]
    one = next(o for o in some if o["url"] == url("/b"))
    assert (one["status"], one["size"], one["type"], one["tags"]) == (200, 2, "text/css", "all b bees")
    assert one["age"] + one["ttl"] == 3600


def test_one_is_shown_with_its_head(site):
    text = site.ctl("cache", "show", url("/a/1?x=1&y=%20")).stdout
    assert "HTTP/1.1 200" in text and "Cache-Tag: all, a" in text and "fresh for" in text
    assert "nothing is stored" in site.ctl("cache", "show", url("/none")).stdout


def test_status_counts(site):
    site.get("/a")
    code, value = site.api("GET", "/v1/cache")
    assert code == 200 and value["limit"] == 8 << 20
    assert (value["hits"], value["misses"], value["objects"]) == (1, 4, 4)
    assert value["hit_ratio"] == pytest.approx(0.2)
    text = site.ctl("cache", "status").stdout
    assert "hit ratio        20.0%" in text and "objects          4" in text


def test_purging(site):
    assert hits(site, "/a/1?x=1&y=%20")
    assert site.ctl("cache", "purge", url("/a/1?x=1&y=%20")).stdout == "1 purged\n"
    assert "fwd=uri-miss" in site.get("/a/1?x=1&y=%20").header("cache-status")
    assert site.ctl("cache", "purge", "--prefix", url("/a")).stdout == "2 purged\n"
    assert stored(site) == [url("/b"), url("/b/1")]
    assert site.ctl("cache", "purge", "--tag", "bee").stdout == "0 purged\n"
    assert site.ctl("cache", "purge", "--tag", "bees").stdout == "2 purged\n"
    site.get("/a")
    assert site.ctl("cache", "clear").stdout == "1 purged\n"
    assert stored(site) == []
    assert site.stats()["cache_purged"] == 6 and site.stats()["cache_memory"] == 0


def test_what_was_asked_for_before_a_purge_is_not_stored(site):
    got = []
    thread = threading.Thread(target=lambda: got.append(site.get("/slow")))
    thread.start()
    while not any(r.target == "/slow" for r in site.origin.requests()):
        time.sleep(0.01)
    site.ctl("cache", "purge", url("/none"))
    thread.join()
    assert got[0].status == 200 and url("/slow") not in stored(site)


@pytest.mark.parametrize("method,path,status", [
    ("POST", "/v1/cache/purge", 400), ("POST", "/v1/cache/purge?url=", 400),
    ("POST", "/v1/cache/purge?url=a&tag=b", 400), ("POST", "/v1/cache/purge?host=a", 400),
    ("GET", "/v1/cache/objects?tag=a", 400), ("GET", "/v1/cache/clear", 405),
    ("GET", "/v1/cache/purge?tag=a", 405)])
def test_bad_questions(site, method, path, status):
    code, value = site.api(method, path)
    assert code == status and value["error"]
    assert len(stored(site)) == 4


def test_the_api_takes_encoded_urls(site):
    path = "/v1/cache/purge?url=" + urllib.parse.quote(url("/a/1?x=1&y=%20"), safe="")
    assert site.api("POST", path) == (200, {"purged": 1})


def test_a_command_that_is_wrong(site):
    for words in (["purge"], ["purge", "--host", "a"], ["show"], ["ls", "a", "b"]):
        assert site.ctl("cache", *words, check=False).returncode == 2
