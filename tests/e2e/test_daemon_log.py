"""The access log: written off the loops, reopened when it is told or when it was moved."""

import json
import os

import h2_frames
import pytest
from lab import wait_for

CONF = "listen 127.0.0.1:@port@ plain\nsite a.example -> status 204\nlog access @dir@/access.log json\n"


def targets(path):
    if not path.exists():
        return []
    return [json.loads(line)["target"] for line in path.read_text().splitlines()]


def await_switch(s, log):
    """The proxy gets the new file a moment after the parent has made it."""
    wait_for(lambda: s.get("/between") and targets(log), 10, "the switch")
    s.get("/two")
    wait_for(lambda: targets(log)[-1] == "/two", 10, "the line")
    assert set(targets(log)[:-1]) == {"/between"}


def test_reopened_by_command(sluice):
    s = sluice(CONF)
    log, old = s.dir / "access.log", s.dir / "access.log.1"
    s.get("/one")
    log.rename(old)
    assert "reopened" in s.ctl("log", "reopen").stdout
    await_switch(s, log)
    assert set(targets(old)[1:]) <= {"/between"}
    assert targets(old)[0] == "/one", "what came before is in the old file, whole"


def test_a_file_that_was_moved_is_noticed(sluice):
    s = sluice(CONF)
    log = s.dir / "access.log"
    s.get("/one")
    wait_for(lambda: targets(log) == ["/one"], 10, "the line")
    log.rename(s.dir / "access.log.1")
    wait_for(log.exists, 20, "the daemon makes a new one")
    await_switch(s, log)
    assert targets(s.dir / "access.log.1")[0] == "/one"


def test_a_file_that_was_emptied_in_place_is_appended_to(sluice):
    s = sluice(CONF)
    log = s.dir / "access.log"
    s.get("/one")
    wait_for(lambda: targets(log) == ["/one"], 10, "the line")
    os.truncate(log, 0)
    s.get("/two")
    wait_for(lambda: targets(log) == ["/two"], 10, "no hole in front of it")


def test_a_reopen_that_fails_says_so_and_changes_nothing(sluice):
    s = sluice(CONF)
    log = s.dir / "access.log"
    log.rename(s.dir / "access.log.1")
    log.mkdir()
    done = s.ctl("log", "reopen", check=False)
    assert done.returncode == 1 and "access.log" in done.stderr
    s.get("/one")
    wait_for(lambda: targets(s.dir / "access.log.1") == ["/one"], 10, "the old one goes on")


def test_a_full_disk_costs_lines_only(sluice):
    s = sluice(CONF.replace("@dir@/access.log", "/dev/full"))
    with s.client() as c:
        for _ in range(20):
            assert c.request("GET", "/", host="a.example").status == 204
    wait_for(lambda: s.stats()["access_lines_dropped"] == 20, 10, "lines are counted")
    assert s.log.count("access log cannot be written") == 1


@pytest.mark.slow
def test_a_pipe_that_nobody_reads_costs_lines_only(sluice, box):
    pipe = box.path("pipe")
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    s = sluice(CONF.replace("@dir@/access.log", str(pipe)))
    agent = [("User-Agent", "x" * 1000), ("Referer", "y" * 1000)]
    with s.client() as c:
        for _ in range(2600):
            assert c.request("GET", "/" + "z" * 1000, host="a.example", headers=agent).status == 204
    wait_for(lambda: s.stats()["access_lines_dropped"] > 0, 20, "lines are counted")
    s.stop()
    os.close(reader)


def test_what_breaks_the_rules_of_http2_has_a_line(sluice):
    s = sluice("listen 127.0.0.1:@port@ tls http2\ncertificate default @cert@\nsite a.example -> status 204\n"
               "log access @dir@/access.log json\n")
    with h2_frames.Connection(s.port) as c:
        c.send(h2_frames.request(1, [("connection", "close")]))
        assert c.until(lambda: 1 in c.resets)
        c.send(h2_frames.frame(h2_frames.PING, 0, 3, b"12345678"))
        c.until(lambda: c.goaway)
    with h2_frames.Connection(s.port) as c:
        c.until(lambda: c.acks)
        c.send(h2_frames.frame(h2_frames.SETTINGS) * 1200)
        c.until(lambda: c.goaway)
    log = s.dir / "access.log"
    wait_for(lambda: log.read_text().count("\n") == 3, 10, "three lines")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {(line["status"], line["client"], line["tls_version"]) for line in lines} == {(400, "127.0.0.1", "TLSv1.3")}
    assert [line["reason"] for line in lines] == [
        "stream that breaks the rules of HTTP/2", "the client broke the protocol", "the client kept us busy with nothing"]
