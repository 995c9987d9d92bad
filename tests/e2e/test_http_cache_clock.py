"""The clock of the day jumps: what is stored is neither fresh for ever nor suddenly old, and nothing has a negative age."""

import email.utils
import time

import pytest
from daemon import free_port
from lab import wait_for
from proxy_alone import Host
from test_daemon_cache_disk import folder  # noqa: F401, a fixture

CONF = """\
listen 127.0.0.1:@port@ plain
cache on
cache memory 2M disk 16M {folder} free 1M
site * -> http://{backend}
"""
YEAR = 365 * 86400


def answer(request):
    """Fresh for an hour, /short for a second, /dated by its own clock."""
    fields = [("Cache-Control", "max-age=1" if "short" in request.target else "max-age=3600")]
    if "dated" in request.target:
        fields.append(("Date", email.utils.formatdate(time.time(), usegmt=True)))
    return 200, fields, request.target.encode()


class Clock:
    def __init__(self, path):
        self.path = path
        self.set(0)

    def set(self, seconds):
        with open(self.path, "r+b" if self.path.exists() else "wb") as file:
            file.write((seconds * 1000).to_bytes(8, "little", signed=True))


@pytest.fixture
def world(box, backend, folder):  # noqa: F811
    origin = backend.http(answer)
    clock, port = Clock(box.path("clock")), free_port()

    def start():
        return Host(box, CONF.format(folder=folder, backend=origin.address), stores=folder, port=port, clock=clock.path)
    return start, clock, origin


def ask(host, path):
    with host.client() as c:
        return c.request("GET", path)


def hit(host, path):
    """Its age, or None."""
    seen = ask(host, path)
    assert seen.status == 200 and seen.body == path.encode()
    if "; hit" not in seen.header("cache-status"):
        return None
    return int(seen.header("age"))


@pytest.mark.parametrize("jump", [YEAR, -YEAR], ids=["forwards", "backwards"])
def test_what_is_stored_runs_on_another_clock(world, jump):
    start, clock, origin = world
    host = start()
    for path in ("/a", "/short", "/dated"):
        assert hit(host, path) is None
    clock.set(jump)
    date = email.utils.mktime_tz(email.utils.parsedate_tz(ask(host, "/new").header("date")))
    assert abs(date - time.time() - jump) < 60  # it does have that clock
    assert 0 <= hit(host, "/a") < 30 and 0 <= hit(host, "/dated") < 30
    wait_for(lambda: hit(host, "/short") is None, what="a second has passed")
    clock.set(0)
    assert 0 <= hit(host, "/a") < 30
    # What comes after a jump, without a date of its own, is as new as it is; and after the way back.
    assert 0 <= hit(host, "/new") < 30
    host.stop()


@pytest.mark.parametrize("jump", [YEAR, -YEAR], ids=["forwards", "backwards"])
def test_a_backend_with_another_clock(world, jump):
    """RFC 9111 section 4.2.3: what seems to be a year old is; what seems to come from the future has no age."""
    start, clock, origin = world
    clock.set(jump)
    host = start()
    assert hit(host, "/dated") is None
    assert (hit(host, "/dated") is None) == (jump > 0)
    host.stop()


@pytest.mark.parametrize("jump, fresh", [(YEAR, False), (-YEAR, True), (1800, True)], ids=["forwards", "backwards", "half"])
def test_what_comes_from_disk_is_at_least_as_old_as_both_clocks_say(world, jump, fresh):
    start, clock, origin = world
    host = start()
    assert hit(host, "/a") is None and hit(host, "/short") is None
    wait_for(lambda: host.stats()["cache_disk_writes"] == 2, what="it is on disk")
    host.kill()
    clock.set(jump)
    host = start()
    wait_for(lambda: host.stats()["cache_disk_state"] == 3, what="the index")
    time.sleep(1)
    age = hit(host, "/a")
    assert (age is not None) == fresh
    assert not fresh or max(jump, 1) <= age < max(jump, 0) + 60
    assert hit(host, "/short") is None
    host.stop()
